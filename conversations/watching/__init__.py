"""What managers and admins are told without looking through lists.

causes.py         failures grouped by cause (cause_key.py: a cause's key in addresses;
                  cause_triggers.py: the triggers by which the database counts them;
                  cause_cards.py: a cause's card as HTML)
held_up.py        mail that has not failed, but waits until its channel is mended
overview.py       a team's mail in pictures (pictures.py: their bars; normal.py: whose
                  failures are above their own normal)
tallying.py       hourly tallies for these, from the timelines
alerting.py       alerts of mail that is refused for a fault of ours
digesting.py      a mail each morning of what did not arrive (digest_tasks.py: its job)
figures.py        queue and outcomes for /metrics, the command `queue` and the dashboard
"""

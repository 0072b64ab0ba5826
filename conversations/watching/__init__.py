"""What managers and admins are told without looking through lists.

causes.py         failures grouped by what is behind them (cause_key.py: its name in
                  addresses; cause_triggers.py: the database keeps count;
                  cause_cards.py: as HTML)
held_up.py        what has not failed, but waits until a channel is mended
overview.py       a team's mail in pictures (pictures.py: their bars; normal.py: whose
                  failures left their own normal)
tallying.py       what is counted for them, from the timelines
alerting.py       what is refused for a fault of ours
digesting.py      each morning, what did not arrive (digest_tasks.py: its job)
figures.py        what waits and what came of the rest, for /metrics, `queue`, the dashboard
"""

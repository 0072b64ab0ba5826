"""What `delivering` asks while it works off a lane, and who decides which lane is next.

turns.py         whose turn it is: nobody stands behind another's thousands
batch_size.py    how far to look ahead in a lane
lease.py         the right to deliver what was claimed, for a time
withholding.py   what may not be sent at all
letters.py       a delivery as the letter that leaves
outcomes.py      what an answer means for it: its new state and its event
retry_policy.py  when what was put off is tried again
slowing.py       a recipient's domain that asks for less rests (slow_policy.py: how long)
delays.py        what another server has taken and cannot pass on yet
holding.py       admins pause and resume the queue, or a part of it
stopping.py      this process has been asked to stop
crowding.py      something that it has taken from the queue waits for a thread
throttle_waits.py  how often lanes have begun to rest for a limit
"""

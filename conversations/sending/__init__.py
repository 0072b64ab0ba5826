"""The parts of sending that `delivering` uses, and the choice of the lane that is next.

turns.py         which lane's turn it is: nobody waits behind another's thousands
batch_size.py    how many deliveries a lane reads ahead
lease.py         the right to deliver what was claimed, for a time
withholding.py   mail that may not be sent at all
letters.py       a delivery as the letter that leaves
outcomes.py      what an answer means for a delivery: its new state and its event
retry_policy.py  when mail that was put off is tried again
slowing.py       a recipient's domain that asks for less rests (slow_policy.py: how long)
delays.py        mail that another server has taken and cannot pass on yet
holding.py       admins pause and resume the queue, or a part of it
stopping.py      whether this process has been asked to stop
crowding.py      whether work that this process took from the queue waits for a thread
throttle_waits.py  how often lanes have begun to rest for a limit
"""

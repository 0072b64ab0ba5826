"""What is being written: kept, filled in and put right, until `composing` queues it.

drafting.py     kept by itself while somebody types
attaching.py    its files
rich_text.py    its formatted text: made harmless, and as the plain text beside it
merging.py      one text for a list of people
foreseeing.py   what its recipients would see, and who would not get it
unusual.py      what may be a slip, told once before it is sent
sending_off.py  Send: queued, and kept to be taken back
scheduling.py   when it is to leave, by its writer's clock
taking_back.py  undo, cancel and edit: what has not left is a draft again
reworking.py    other words instead of those that were refused
"""

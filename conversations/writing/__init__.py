"""Messages that are being written, until `composing` queues them.

drafting.py     saving drafts while somebody types
attaching.py    files
rich_text.py    formatted text: made harmless, and as the plain text beside it
merging.py      one text for a list of people
foreseeing.py   what its recipients would see, and who would not get it
unusual.py      what may be a slip, told once before it is sent
sending_off.py  Send: its messages queued, and the form kept to be taken back
scheduling.py   when a message is to leave, by its writer's clock
taking_back.py  undo, cancel and edit: mail that has not left becomes a draft again
passing_on.py   the draft of somebody who has left becomes another's
reworking.py    a new text instead of one that was refused
"""

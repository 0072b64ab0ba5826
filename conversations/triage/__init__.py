"""What people do about mail that did not arrive: one file for each thing they do.

actions.py       the table: what can be done, with its words
remedies.py      the table: which of it can help against which reason
known.py         what is known of a delivery before it is sent again
refusing.py      why an action cannot help one delivery
carrying_out.py  where every action finishes, and where to listen for it
telling.py       what the audit log is told of it
bulk.py          the same for thousands, in the background
"""

"""What people do about mail that did not arrive: one file for each thing they do.

actions.py          the table: what can be done, with its words
remedies.py         the table: which of it can help against which reason
known.py            what is known of a delivery before it is sent again
refusing.py         why an action cannot help one delivery
scope.py, order.py  what it is done to, and by whom, with what was filled in
preview.py          what it would do, before anybody says yes
beginning.py        at once, or, for many, in the background (bulk.py)
carrying_out.py     each is checked, then done
sending_again.py    a resend: what retrying, changing_channel and correcting come to
telling.py          what the audit log is told of it
"""

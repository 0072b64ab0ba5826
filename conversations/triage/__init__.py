"""What people do about mail that did not arrive: one file for each thing they do.

actions.py          the actions, as a table, with their words
remedies.py         which action can help against which reason, as a table
known.py            what is known of a delivery before it is sent again
refusing.py         why an action cannot help one delivery
scope.py, order.py  the deliveries of an action; who wants it, with the form's values
forms.py            what is asked before an action; suggesting.py: addresses for it
preview.py          what an action would do, before a person confirms it
beginning.py        starting an action on many in the background (bulk.py, tasks.py)
carrying_out.py     an action on some deliveries: each is checked, then done
sending_again.py    a resend: used by retrying, changing_channel and correcting
telling.py          what the audit log is told of an action
"""

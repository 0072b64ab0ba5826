"""What each relay of the tests meets outside: servers that answer by local part.

Mail to `MX_DOMAIN` meets a remote mail server; some of it goes on to the next server
behind that. Behind `DEAD_DOMAIN` nothing listens. Everybody else's mail is delivered.
"""

from __future__ import annotations

HOST = "127.0.0.1"
MX_DOMAIN = "mx.test"
DEAD_DOMAIN, DEAD_PORT = "dead.test", 1

# What the remote mail server says.
MX_REPLIES = {
    "unknown": "550 5.1.1 The account you tried to reach does not exist",
    "full": "552 5.2.2 This mailbox is full",
    "policy": "550 5.7.1 Refused by our policy",
    "busy": "451 4.7.1 Greylisted, come again later",
}
# Accepted there and refused by the next server, so its report comes from further away.
LATE = "late"
LATE_REPLY = "550 5.1.1 No such mailbox, as it turned out"
# These two servers each think that the other one has the mailbox.
LOOP = "loop"
HOPS = 30  # Exim's default; then a server believes in a loop

# Of mail that cannot be passed on the sender hears after the first, and gets it back
# after the second.
WARNED_AFTER = 1  # seconds
GIVEN_UP_AFTER = 30

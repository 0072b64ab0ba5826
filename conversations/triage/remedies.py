"""Which actions can help against which reason, as a table, the likeliest first.

Retry is not among them where it cannot work: then the reason is in the address or in
the text, and one of these must change.
"""

from __future__ import annotations

RETRY, OTHER_CHANNEL, CORRECT = "retry", "other-channel", "correct"
AGAIN = "again"  # what has not failed
CANCEL = "cancel"  # what has not left
DELETE = "delete"  # what is archived
RESENDING = frozenset({RETRY, AGAIN, OTHER_CHANNEL, CORRECT})
BY_ITS_CHANNEL = RESENDING - {OTHER_CHANNEL}
TO_ITS_ADDRESS = RESENDING - {CORRECT}
ARRIVED, NOT_ARRIVED = "arrived", "not-arrived"  # a person has found out which

REMEDIES: dict[str, tuple[str, ...]] = {
    "": (RETRY, AGAIN, OTHER_CHANNEL),  # nothing is known to be wrong
    "address_unknown": (CORRECT,),
    "domain_unknown": (CORRECT,),
    "mailbox_disabled": (CORRECT,),
    "mailbox_full": (RETRY, CORRECT),
    "recipient_refused": (OTHER_CHANNEL, RETRY, CORRECT),
    "sender_blocked": (OTHER_CHANNEL, RETRY),
    "spam_policy": (OTHER_CHANNEL,),
    "auth_failed": (OTHER_CHANNEL, RETRY),
    "content_rejected": (),
    "message_too_big": (),
    "rate_limited": (RETRY, OTHER_CHANNEL),
    "server_unreachable": (RETRY, CORRECT),
    "server_error": (RETRY, OTHER_CHANNEL),
    "sender_refused": (OTHER_CHANNEL, RETRY),
    "sender_setup": (OTHER_CHANNEL, RETRY),
    "complaint": (),
    # First ask the recipient, then perhaps send it a second time.
    "unconfirmed": (ARRIVED, NOT_ARRIVED, RETRY, OTHER_CHANNEL),
    "not_arrived": (RETRY, OTHER_CHANNEL, CORRECT),
    "channel_down": (RETRY, OTHER_CHANNEL),
    "channel_gone": (RETRY, OTHER_CHANNEL),  # once it is connected again
    "not_sendable": (RETRY,),
    "withdrawn": (),  # nobody can send it as who wrote it
    # Retry only once it is released: see STOPPED.
    "suppressed": (RETRY, CORRECT),
    "domain_blocked": (RETRY, CORRECT),
    "unknown": (RETRY, OTHER_CHANNEL, CORRECT),
}

# What has to be done before mail can go to a stopped address again, by the reason that
# stopped mail fails with.
STOPPED: dict[str, str] = {
    "suppressed": "The address is suppressed: have it released first, in Settings › "
    "Suppressed addresses.",
    "domain_blocked": "Your team blocks the domain: a manager removes that first, in "
    "Settings › Team › Blocked domains.",
}


def remedies(reason: str) -> tuple[str, ...]:
    """The actions that help, the likeliest first; none for a reason not listed."""
    return REMEDIES.get(reason, ())

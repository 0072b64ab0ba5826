"""Which action can help against which reason, the likeliest first. A table.

Sending again is not among them where it cannot work: then the reason stands in the
address or in the text, and only something else can leave.
"""

from __future__ import annotations

RETRY, OTHER_CHANNEL, CORRECT = "retry", "other-channel", "correct"
AGAIN = "again"  # what has not failed
CANCEL = "cancel"  # what has not left
RESENDING = frozenset({RETRY, AGAIN, OTHER_CHANNEL, CORRECT})
BY_ITS_CHANNEL = RESENDING - {OTHER_CHANNEL}
TO_ITS_ADDRESS = RESENDING - {CORRECT}
ARRIVED, NOT_ARRIVED = "arrived", "not-arrived"  # what a person has found out

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
    # To ask comes before sending it twice.
    "unconfirmed": (ARRIVED, NOT_ARRIVED, RETRY, OTHER_CHANNEL),
    "not_arrived": (RETRY, OTHER_CHANNEL, CORRECT),
    "channel_down": (RETRY, OTHER_CHANNEL),
    "channel_gone": (RETRY, OTHER_CHANNEL),  # once it is connected again
    "not_sendable": (RETRY,),
    "withdrawn": (),  # nobody can send it as who wrote it
    # Again only once it is released: see STOPPED.
    "suppressed": (RETRY, CORRECT),
    "domain_blocked": (RETRY, CORRECT),
    "unknown": (RETRY, OTHER_CHANNEL, CORRECT),
}

# What has to come before mail can go to an address again that is stopped here, by the
# reason that what was stopped has failed with.
STOPPED: dict[str, str] = {
    "suppressed": "The address is suppressed: have it released first, in Settings › "
    "Suppressed addresses.",
    "domain_blocked": "Your team blocks the domain: a manager removes that first, in "
    "Settings › Team › Blocked domains.",
}


def remedies(reason: str) -> tuple[str, ...]:
    """What helps, the likeliest first; nothing for a reason nobody has judged."""
    return REMEDIES.get(reason, ())

"""Why mail does not arrive, in words a salesperson can act on. A table.

The codes are ours; which evidence leads to which is `classify`'s business.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Actor(StrEnum):
    """Who should do something about it."""

    YOU = "you"
    ADMIN = "your admin"
    NOBODY = "nobody: it resolves itself"


@dataclass(frozen=True, slots=True)
class Reason:
    title: str
    advice: str
    who: Actor
    # The address itself is dead: sending again cannot work.
    hard: bool = False


REASONS: dict[str, Reason] = {
    "address_unknown": Reason(
        "Address does not exist",
        "Correct the address or ask for another; sending again cannot work.",
        Actor.YOU,
        hard=True,
    ),
    "domain_unknown": Reason(
        "Domain does not exist or takes no mail",
        "Check the spelling of the part after the @.",
        Actor.YOU,
        hard=True,
    ),
    "mailbox_disabled": Reason(
        "Mailbox suspended or inactive",
        "The person may have left: ask for another contact.",
        Actor.YOU,
    ),
    "mailbox_full": Reason(
        "Mailbox full",
        "Try again in a few days, or reach the person another way.",
        Actor.YOU,
    ),
    "recipient_refused": Reason(
        "Recipient accepts only certain senders",
        "Ask by another way to be let through.",
        Actor.YOU,
    ),
    "sender_blocked": Reason(
        "Our server or domain is blocked",
        "Nothing is wrong with the address. Your admin has to clear our name.",
        Actor.ADMIN,
    ),
    "spam_policy": Reason(
        "Refused as spam or by policy",
        "Rework the text: fewer links, fewer slogans, a personal first line.",
        Actor.YOU,
    ),
    "auth_failed": Reason(
        "Sender authentication failed",
        "The DNS of the sending domain (SPF, DKIM, DMARC) needs mending.",
        Actor.ADMIN,
    ),
    "content_rejected": Reason(
        "Content or attachment refused",
        "Remove the attachment or send a link instead.",
        Actor.YOU,
    ),
    "message_too_big": Reason(
        "Message too big",
        "Send a link instead of the attachment.",
        Actor.YOU,
    ),
    "rate_limited": Reason(
        "Sending too fast",
        "Later mail goes by itself; send this one again in an hour.",
        Actor.NOBODY,
    ),
    "server_unreachable": Reason(
        "Server not reachable or timed out",
        "Try again in a day; check the domain if it happens again.",
        Actor.YOU,
    ),
    "server_error": Reason(
        "Fault at the recipient's server",
        "Try again later; their mail system has a problem.",
        Actor.YOU,
    ),
    "sender_refused": Reason(
        "The server does not let you send as this address",
        "Write as an identity that it knows, or have the address allowed there.",
        Actor.YOU,
    ),
    "sender_setup": Reason(
        "Our server is not allowed to relay",
        "The set-up of the sending server needs your admin.",
        Actor.ADMIN,
    ),
    "complaint": Reason(
        "Marked as spam by the recipient",
        "Do not write to this person again unless they ask you to.",
        Actor.YOU,
        hard=True,
    ),
    "unconfirmed": Reason(
        "Connection lost at the last moment",
        "It may have arrived. Ask the person before you send it again.",
        Actor.YOU,
    ),
    "channel_down": Reason(
        "Delivery channel out of order",
        "It could not be reached for two days. Once it works again, this can be resent.",
        Actor.YOU,
    ),
    "channel_gone": Reason(
        "Delivery channel disconnected",
        "Connect it again, and this can be resent.",
        Actor.YOU,
    ),
    "not_sendable": Reason(
        "It could not be sent from here",
        "The words below say what to change; then write it again.",
        Actor.YOU,
    ),
    "unknown": Reason(
        "Reason not given",
        "The other server's own words, below, are all that is known.",
        Actor.YOU,
    ),
}

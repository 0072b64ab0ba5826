"""Why mail does not arrive, in words a salesperson can act on. A table.

The keys are our own; `classify` decides which evidence leads to which.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Actor(StrEnum):
    """Who should do something about it."""

    YOU = "you"
    ADMIN = "your admin"
    NOBODY = "nobody: it resolves itself"


class Speaks(StrEnum):
    """What a reason is about: failures of one reason about one thing are a cause."""

    ADDRESS = "address"  # all addresses together are one cause
    DOMAIN = "domain"  # the recipient's
    CHANNEL = "channel"


@dataclass(frozen=True, slots=True)
class Threshold:
    """How many failures, within what time, suppress an address."""

    deliveries: int
    within: timedelta

    def __str__(self) -> str:
        return f"{self.deliveries} in {self.within.days} days"


AT_ONCE = Threshold(1, timedelta(days=1))


@dataclass(frozen=True, slots=True)
class Reason:
    title: str
    advice: str
    who: Actor
    # The address itself is dead: sending again cannot work.
    hard: bool = False
    of: Speaks = Speaks.ADDRESS
    # The title if the domain, organisation or channel it is about is known.
    title_of: str = ""
    # Only a reason about the address may suppress it, never one about us.
    suppresses: Threshold | None = None
    # Replaces the advice once the delivery's channel works.
    once_mended: str = ""

    def advice_if(self, *, channel_works: bool) -> str:
        return (channel_works and self.once_mended) or self.advice

    def at(self, what: str) -> str:
        """Return the title of failures that are about `what`, if that is known."""
        return self.title_of.format(what) if what and self.title_of else self.title


REASONS: dict[str, Reason] = {
    "address_unknown": Reason(
        "Address does not exist",
        "Correct the address or ask for another; sending again cannot work.",
        Actor.YOU,
        hard=True,
        suppresses=AT_ONCE,
    ),
    "domain_unknown": Reason(
        "Domain does not exist or takes no mail",
        "Check the spelling of the part after the @.",
        Actor.YOU,
        hard=True,
        of=Speaks.DOMAIN,
        title_of="{} does not exist or takes no mail",
        suppresses=AT_ONCE,
    ),
    "mailbox_disabled": Reason(
        "Mailbox suspended or inactive",
        "The person may have left: ask for another contact.",
        Actor.YOU,
        suppresses=Threshold(3, timedelta(days=30)),
    ),
    "mailbox_full": Reason(
        "Mailbox full",
        "Try again in a few days, or reach the person another way.",
        Actor.YOU,
        suppresses=Threshold(5, timedelta(days=28)),
    ),
    "recipient_refused": Reason(
        "Recipient accepts only certain senders",
        "Ask by another way to be let through.",
        Actor.YOU,
        of=Speaks.DOMAIN,
        title_of="{} accepts only certain senders",
    ),
    "sender_blocked": Reason(
        "Our server or domain is blocked",
        "Nothing is wrong with the address. Your admin has to clear our name.",
        Actor.ADMIN,
        of=Speaks.DOMAIN,
        title_of="{} blocks our server or domain",
    ),
    "spam_policy": Reason(
        "Refused as spam or by policy",
        "Rework the text: fewer links, fewer slogans, a personal first line.",
        Actor.YOU,
        of=Speaks.DOMAIN,
        title_of="Blocked by policy at {}",
    ),
    "auth_failed": Reason(
        "Sender authentication failed",
        "The DNS of the sending domain (SPF, DKIM, DMARC) needs mending.",
        Actor.ADMIN,
        of=Speaks.DOMAIN,
        title_of="Sender authentication failed at {}",
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
        of=Speaks.DOMAIN,
        title_of="Sending too fast for {}",
    ),
    "server_unreachable": Reason(
        "Server not reachable or timed out",
        "Try again in a day; check the domain if it happens again.",
        Actor.YOU,
        of=Speaks.DOMAIN,
        title_of="The server of {} could not be reached",
    ),
    "server_error": Reason(
        "Fault at the recipient's server",
        "Try again later; their mail system has a problem.",
        Actor.YOU,
        of=Speaks.DOMAIN,
        title_of="The server of {} has a fault",
    ),
    "sender_refused": Reason(
        "The server does not let you send as this address",
        "Write as an identity that it knows, or have the address allowed there.",
        Actor.YOU,
        of=Speaks.CHANNEL,
        title_of="{} does not let you send as this address",
    ),
    "sender_setup": Reason(
        "Our server is not allowed to relay",
        "The set-up of the sending server needs your admin.",
        Actor.ADMIN,
        of=Speaks.CHANNEL,
        title_of="{} is not allowed to relay",
    ),
    "complaint": Reason(
        "Marked as spam by the recipient",
        "Do not write to this person again unless they ask you to.",
        Actor.YOU,
        hard=True,
        suppresses=AT_ONCE,
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
        of=Speaks.CHANNEL,
        title_of="{} was out of order",
    ),
    "channel_gone": Reason(
        "Delivery channel disconnected",
        "Connect it again, and this can be resent.",
        Actor.YOU,
        of=Speaks.CHANNEL,
        title_of="{} was disconnected",
        once_mended="It is connected again: this can be resent now.",
    ),
    "not_sendable": Reason(
        "It could not be sent from here",
        "The words with each mail say what to change; then write it again.",
        Actor.YOU,
    ),
    # A person has found out about an unconfirmed one, and said so.
    "not_arrived": Reason(
        "Did not arrive, as a person found out",
        "Nothing of it came through: it can be sent again.",
        Actor.YOU,
    ),
    "suppressed": Reason(
        "Address is suppressed",
        "Nothing was sent. Once what is behind it is mended, have the address released.",
        Actor.YOU,
    ),
    "domain_blocked": Reason(
        "Domain is blocked by your team",
        "Nothing was sent. Your managers keep the blocked domains, and can remove it there.",
        Actor.YOU,
    ),
    "unknown": Reason(
        "Reason not given",
        "The other server's own words, with each mail, are all that is known.",
        Actor.YOU,
    ),
}

"""What an attempt's result means for a delivery: its new state and its event."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from channels.transports import Receipt, TransportError, Verdict
from conversations.bounces.classify import classify
from conversations.models import Delivery, DeliveryEvent
from conversations.models.event import Line
from conversations.models.state import BROKE, IS_DOWN, LATER, SLOW_DOWN, State
from conversations.sending.retry_policy import PAUSES, next_try

Kind = DeliveryEvent.Kind


# How a user's own SMTP server says that they may not send as an address.
NOT_YOUR_ADDRESS = (
    "not owned by",  # Postfix, reject_sender_login_mismatch
    "sendasdenied",  # Exchange and Microsoft 365
    "not allowed to send as",
)
# Codes about all our mail to a domain: it is busy, or we send too much. Greylisting
# uses the same codes for one sender and one recipient.
SLOW_DOWN_CODES = {421, 451}
ABOUT_THE_MESSAGE = {"content", "final_dot"}
AT_THE_RECIPIENT = {"recipient", *ABOUT_THE_MESSAGE}
ITS_OWN_STATE = "4.3."  # full, down, misconfigured (RFC 3463, 3.4)
GREYLISTED = re.compile(r"gr[ea]y.?list", re.IGNORECASE)
# HTTP codes by which an API says that a limit is reached. No SMTP code says just that.
LIMIT_CODES = {403, 429}
CHANNEL_TROUBLE = {Verdict.CHANNEL_DOWN, Verdict.CHANNEL_BROKEN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of an attempt: the delivery's `changes`, and the `event` to write.

    `state_since` and `accepted_at` are not among the changes: settling sets them, with
    one time for all.
    """

    delivery: Delivery
    changes: dict[str, Any]
    event: Line
    error: TransportError | None = None

    @property
    def channel_trouble(self) -> bool:
        """Whether no other message can go by this channel now."""
        return self.error is not None and self.error.verdict in CHANNEL_TROUBLE

    @property
    def is_trying(self) -> bool:
        """Its two days of trying have begun; not while a limit or a person is waited for."""
        return self.error is not None and _is_trying(self.error)

    @property
    def asks_to_slow_down(self) -> bool:
        """Whether the recipient's domain wants less mail, not just this one later."""
        return self.error is not None and _asks_to_slow_down(self.error)

    @property
    def too_late(self) -> Line:
        """The line for the timeline if the lease has ended meanwhile."""
        return self.event._replace(kind=Kind.LATE_ANSWER)


def domain_of(delivery: Delivery) -> str:
    """Its `recipient_domain`, computed here because `next_due` does not read that."""
    return delivery.recipient_wire.partition("@")[2]


# The changes of an accepted delivery, if the server gave no ids of message and thread.
ACCEPTED = {
    "state": State.ACCEPTED,
    "remote_id": "",
    "remote_thread": "",
    "waiting_for": "",
    "reason": "",
    # The server's words differ for each message, so they are on the timeline only:
    # equal changes are one UPDATE.
    "remote_words": "",
    "enhanced_code": "",
}


def accepted(delivery: Delivery, receipt: Receipt, at: datetime) -> Outcome:
    named = {"remote_id": receipt.remote_id, "remote_thread": receipt.thread}
    return Outcome(
        delivery=delivery,
        changes=ACCEPTED | named,
        event=Line(
            delivery.pk,
            kind=Kind.ACCEPTED,
            at=at,
            remote=receipt.remote,
            remote_words=receipt.words,
            code=receipt.code,
            attempt=delivery.attempts,
        ),
    )


def not_sendable(delivery: Delivery, sentence: str, at: datetime) -> Outcome:
    """The outcome of a message that cannot be sent as it is; no server was asked."""
    return Outcome(
        delivery=delivery,
        changes={
            "state": State.FAILED,
            "waiting_for": "",
            "reason": "not_sendable",
            "remote_words": sentence,
        },
        event=Line(delivery.pk, kind=Kind.FAILED, at=at, note=sentence),
    )


def not_accepted(delivery: Delivery, error: TransportError, at: datetime) -> Outcome:
    return _BY_VERDICT[error.verdict](delivery, error, at)


def _refused(delivery: Delivery, error: TransportError, at: datetime) -> Outcome:
    reason = _reason(error)
    if _refused_as_sender(delivery, error) and reason != "message_too_big":
        reason = "sender_refused"
    note = (
        f"This server does not let you send as {delivery.message.from_address}."
        if reason == "sender_refused"
        else ""
    )
    return _settled(delivery, error, at, State.FAILED, Kind.FAILED, reason, note)


def _refused_as_sender(delivery: Delivery, error: TransportError) -> bool:
    """Whether the server refused the user's own address, at MAIL FROM or later.

    Not on channels that record bounces: MAIL FROM is then an address of the portal's.
    """
    if delivery.channel.traits.records_bounces:
        return False
    words = error.words.casefold()
    return error.stage == "sender" or any(each in words for each in NOT_YOUR_ADDRESS)


def _unknown(delivery: Delivery, error: TransportError, at: datetime) -> Outcome:
    return _settled(
        delivery, error, at, State.UNCONFIRMED, Kind.UNCONFIRMED, "unconfirmed"
    )


def _put_off(delivery: Delivery, error: TransportError, at: datetime) -> Outcome:
    when = next_try(
        attempts=delivery.attempts,
        tried_since=delivery.tried_since or at,
        at=at,
        asked_for=error.wait,
        for_a_limit=_is_for_a_limit(error),
    )
    if when is None and error.verdict is Verdict.CHANNEL_BROKEN:
        when = at + PAUSES[-1]  # however long it takes a person to mend it
    if when is None:
        note = "Given up after two days of trying."
        return _settled(
            delivery, error, at, State.FAILED, Kind.FAILED, _given_up_for(error), note
        )
    return Outcome(
        delivery=delivery,
        changes={
            "state": State.QUEUED,
            "not_before": when,
            "tried_since": (delivery.tried_since or at) if _is_trying(error) else None,
            "waiting_for": what_it_waits_for(delivery, error),
            "remote_words": error.words,
            "enhanced_code": error.enhanced,
        },
        event=_event(delivery, error, at, Kind.DEFERRED),
        error=error,
    )


def _is_for_a_limit(error: TransportError) -> bool:
    down_until = error.verdict in CHANNEL_TROUBLE and error.wait is not None
    return down_until and error.code in LIMIT_CODES


def _is_trying(error: TransportError) -> bool:
    return not (error.verdict is Verdict.CHANNEL_BROKEN or _is_for_a_limit(error))


def _given_up_for(error: TransportError) -> str:
    if error.verdict in CHANNEL_TROUBLE:
        return "channel_down"
    return _reason(error) if error.code else "server_unreachable"


_BY_VERDICT: dict[Verdict, Callable[[Delivery, TransportError, datetime], Outcome]] = {
    Verdict.REFUSED: _refused,
    Verdict.NOT_NOW: _put_off,
    Verdict.CHANNEL_DOWN: _put_off,
    Verdict.CHANNEL_BROKEN: _put_off,
    Verdict.UNKNOWN: _unknown,
}


def _settled(
    delivery: Delivery,
    error: TransportError,
    at: datetime,
    state: State,
    kind: Kind,
    reason: str,
    note: str = "",
) -> Outcome:
    return Outcome(
        delivery=delivery,
        changes={
            "state": state,
            "waiting_for": "",
            "reason": reason,
            "remote_words": error.words,
            "enhanced_code": error.enhanced,
        },
        event=_event(delivery, error, at, kind, note),
        error=error,
    )


def _event(
    delivery: Delivery, error: TransportError, at: datetime, kind: Kind, note: str = ""
) -> Line:
    return Line(
        delivery.pk,
        kind=kind,
        at=at,
        note=note,
        remote=error.remote,
        remote_words=error.words,
        code=error.code,
        enhanced_code=error.enhanced,
        attempt=delivery.attempts,
    )


def _reason(error: TransportError) -> str:
    return classify(code=error.code, enhanced=error.enhanced, words=error.words).reason


def _asks_to_slow_down(error: TransportError) -> bool:
    return (
        error.verdict is Verdict.NOT_NOW
        and error.code in SLOW_DOWN_CODES
        and error.stage in AT_THE_RECIPIENT
        and not _is_of_the_next_server(error)
        and not GREYLISTED.search(error.words)
    )


def _is_of_the_next_server(error: TransportError) -> bool:
    """Whether the answer is about the server we hand mail to, not the recipient's."""
    its_own = error.enhanced.startswith(ITS_OWN_STATE)
    # After RCPT, the server may say such a thing of the recipient's own server.
    return error.stage == "sender" or (its_own and error.stage in ABOUT_THE_MESSAGE)


def what_it_waits_for(delivery: Delivery, error: TransportError) -> str:
    if error.verdict in CHANNEL_TROUBLE:
        return f"{delivery.channel} {IS_DOWN}"
    if _asks_to_slow_down(error):
        return f"{delivery.recipient.rpartition('@')[2]} {SLOW_DOWN}"
    if error.code:
        asking = (
            delivery.channel
            if _is_of_the_next_server(error)
            else delivery.recipient.rpartition("@")[2]
        )
        return f"{asking} {LATER}"
    return BROKE

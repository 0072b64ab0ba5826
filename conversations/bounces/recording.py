"""What a report does to its delivery: once, in one transaction.

The return path decides which delivery is meant. A report may name another recipient,
because the mail was forwarded; then the timeline says so.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Exists, OuterRef, Q

from channels.return_path import tokens_in
from conversations.bounces.dsn import Kind, ReadReport, read_reports
from conversations.models import Delivery, DeliveryEvent, Report
from conversations.models.event import Line
from conversations.models.state import State, Triage
from conversations.sending.delays import tried_until
from conversations.suppressing import evidence_of, suppress_for
from conversations.watching.alerting import Refusal, raise_alerts

logger = logging.getLogger(__name__)
# How many bytes of a complaint are searched for our return paths, and the most tokens.
LOOKED_AT, MANY = 1024 * 1024, 100
EventKind = DeliveryEvent.Kind


@dataclass(frozen=True, slots=True)
class Effect:
    """What a kind of report does to a delivery.

    If the delivery meets the condition `changes`, it becomes `to` and its timeline gets
    `event`. Any other stays as it is, and its timeline gets `otherwise`.
    """

    event: EventKind
    changes: Q | None = None
    to: State | None = None
    otherwise: EventKind = EventKind.REPORTED


def _in(*states: State) -> Q:
    return Q(state__in=states)


# An arrival was confirmed before: a late notice of a delay changes nothing then.
CONFIRMED = Exists(
    DeliveryEvent.objects.filter(delivery=OuterRef("pk"), kind=EventKind.DELIVERED)
)
# If it was archived or decided about while it had not failed, it is open again.
NEWS = {"archived_at": None, "triage": Triage.OPEN}
# A report that proves that a server has the mail takes it out of the queue. A bounce
# does not: it is about an earlier attempt, and the next one decides.
EFFECTS: dict[Kind, Effect] = {
    "bounce": Effect(
        EventKind.BOUNCED,
        changes=_in(State.ACCEPTED, State.DELAYED, State.UNCONFIRMED, State.FAILED)
        # A second bounce may give a reason that the first did not.
        | Q(state=State.BOUNCED, reason="unknown"),
        to=State.BOUNCED,
    ),
    "complaint": Effect(
        EventKind.COMPLAINED,
        changes=_in(
            State.QUEUED,
            State.ACCEPTED,
            State.DELAYED,
            State.UNCONFIRMED,
            State.FAILED,
            State.BOUNCED,
        ),
        to=State.COMPLAINED,
    ),
    "delivered": Effect(
        EventKind.DELIVERED,
        changes=_in(State.QUEUED, State.DELAYED, State.UNCONFIRMED, State.FAILED),
        to=State.ACCEPTED,
        otherwise=EventKind.DELIVERED,
    ),
    # No more than an acceptance: a delay or a bounce may still follow.
    "relayed": Effect(
        EventKind.RELAYED,
        changes=_in(State.QUEUED, State.DELAYED, State.UNCONFIRMED, State.FAILED),
        to=State.ACCEPTED,
        otherwise=EventKind.RELAYED,
    ),
    "delay": Effect(
        EventKind.DELAYED,
        changes=_in(
            State.QUEUED,
            State.ACCEPTED,
            State.DELAYED,
            State.UNCONFIRMED,
            State.FAILED,
        )
        & ~Q(CONFIRMED),  # else the notice came late
        to=State.DELAYED,
        otherwise=EventKind.DELAYED,
    ),
    "autoreply": Effect(EventKind.AUTOREPLY, otherwise=EventKind.AUTOREPLY),
    "auth_report": Effect(EventKind.REPORTED),
    "other": Effect(EventKind.REPORTED),
}
# Explanations for the timeline of reports that are surprising in the delivery's state.
SURPRISES: dict[tuple[Kind, str], str] = {
    ("bounce", State.QUEUED): "It is about an earlier attempt. The next one decides.",
    ("bounce", State.FAILED): "So an earlier attempt had left after all.",
    ("delivered", State.FAILED): "So an earlier attempt had left after all.",
    ("delivered", State.BOUNCED): "It contradicts the bounce. Ask the person before "
    "you send it again.",
    (
        "delivered",
        State.QUEUED,
    ): "An earlier attempt has arrived. It is not sent again.",
    ("relayed", State.FAILED): "So an earlier attempt had left after all.",
    ("relayed", State.QUEUED): "Another server has it already. It is not sent again.",
    ("delay", State.QUEUED): "Their server has it already. It is not sent again.",
    ("delay", State.FAILED): "So an earlier attempt had left after all.",
}
# Explanations for the timeline of kinds whose name does not tell it all.
MEANINGS: dict[Kind, str] = {
    "relayed": "It was passed on to a server that sends no confirmations: whether it "
    "arrived is not known.",
}
SPEAKS_OF_THE_ADDRESS: set[Kind] = {"bounce", "complaint"}
# Of several reports in one mail about one delivery, the gravest counts.
GRAVEST_FIRST: tuple[Kind, ...] = (
    "complaint",
    "bounce",
    "delay",
    "delivered",
    "relayed",
    "auth_report",
    "autoreply",
    "other",
)


def record_report(report_id: int) -> None:
    """Read a report and change its delivery. Doing it again changes nothing.

    A report may overtake the very hand-over it is about. It is then left unread:
    the sweeper hands it in again, and by then the delivery is settled.
    """
    report = Report.objects.filter(pk=report_id, state=Report.State.UNREAD).first()
    if report is None:
        return
    try:
        _record(report)
    except (OperationalError, InterfaceError):
        raise  # the database is away or busy: the sweeper hands it in again
    except Exception:  # a fault of ours: the report is kept for whoever mends it
        delivery = Delivery.objects.filter(return_token=report.return_token).first()
        logger.exception(
            "Report %s cannot be read", report.pk, extra=_ids(report, delivery)
        )
        Report.objects.filter(pk=report.pk, state=Report.State.UNREAD).update(
            state=Report.State.UNREADABLE, delivery=delivery
        )


def _record(report: Report) -> None:
    found = read_reports(bytes(report.raw))
    with transaction.atomic():
        delivery = (
            Delivery.objects.select_for_update()
            .filter(return_token=_token_of(report, found))
            .first()
        )
        ids = _ids(report, delivery)
        if delivery and delivery.state == State.HANDING_OVER:
            # At DEBUG: it may be handed in again and again.
            logger.debug("Report %s waits for its hand-over", report.pk, extra=ids)
            return
        read = most_telling(found, delivery.recipient_wire if delivery else "")
        if not _claim(report, read, delivery):
            return
        if delivery:
            _apply(read, report, delivery)
        else:
            logger.info("Report %s is about no delivery", report.pk, extra=ids)


def _ids(report: Report, delivery: Delivery | None) -> dict[str, int | None]:
    """The ids that log records of this report carry."""
    return {"report": report.pk, "delivery": delivery.pk if delivery else None}


def _token_of(report: Report, found: list[ReadReport]) -> str:
    """Return the token it came to; for a complaint without one, the one inside.

    Feedback loops send to one agreed address. The mail they return has reached the
    recipient's server, which wrote our return path into it.
    """
    if report.return_token or all(read.kind != "complaint" for read in found):
        return report.return_token
    text = bytes(report.raw[:LOOKED_AT]).decode("latin-1")
    inside = sorted(tokens_in(text, settings.BOUNCE_DOMAIN))[:MANY]
    known = Delivery.objects.filter(return_token__in=inside)
    tokens = list(known.values_list("return_token", flat=True)[:2])
    return tokens[0] if len(tokens) == 1 else ""


def most_telling(found: list[ReadReport], recipient: str) -> ReadReport:
    """Return the report about `recipient`, or the gravest where none names it."""
    ours = [
        read
        for read in found
        if read.final_recipient.casefold() == recipient.casefold()
    ]
    return min(ours or found, key=lambda read: GRAVEST_FIRST.index(read.kind))


def _claim(report: Report, read: ReadReport, delivery: Delivery | None) -> bool:
    """Save what was read in the report; return False if another worker has done so."""
    claimed = Report.objects.filter(pk=report.pk, state=Report.State.UNREAD).update(
        state=Report.State.READ,
        delivery=delivery,
        kind=read.kind,
        reason=read.reason,
        final_recipient=read.final_recipient,
        enhanced_code=read.enhanced_code,
        diagnostic=read.diagnostic,
        reporting_mta=read.reporting_mta,
        remote_mta=read.remote_mta,
        evidence=read.evidence,
    )
    return claimed == 1


def _apply(read: ReadReport, report: Report, delivery: Delivery) -> None:
    effect = EFFECTS[read.kind]
    # When it came, but not before the last change of state: it may have overtaken that.
    at = max(report.received_at, delivery.state_since)
    changed = effect.changes is not None and bool(
        Delivery.objects.filter(effect.changes, pk=delivery.pk).update(
            **_changes(read, effect.to, at, delivery)
        )
    )
    kind = effect.event if changed else effect.otherwise
    line = Line(
        delivery.pk,
        kind,
        at,
        note=_note(read, kind, delivery),
        remote=read.remote_mta or read.reporting_mta,
        remote_words=read.diagnostic,
        code=read.reply_code,
        enhanced_code=read.enhanced_code,
        report_id=report.pk,
    )
    DeliveryEvent.objects.record([line])
    if read.kind in SPEAKS_OF_THE_ADDRESS:
        words, received = read.diagnostic, report.received_at
        suppress_for([evidence_of(delivery, read.reason, words, received, report)])
    # With the same reason as before, the refusal has been counted already.
    if changed and delivery.reason != read.reason:
        raise_alerts(
            [Refusal(delivery, read.reason, read.diagnostic, at, read.remote_mta)]
        )


def _changes(
    read: ReadReport, state: State | None, at: datetime, delivery: Delivery
) -> dict[str, Any]:
    arrived = state in {State.ACCEPTED, State.DELAYED}
    return {
        "state": state,
        "state_since": at,
        "waiting_for": "",
        "reason": "" if arrived else read.reason,
        "remote_words": read.diagnostic,
        "enhanced_code": read.enhanced_code,
        "accepted_at": delivery.accepted_at
        or (delivery.state_since if arrived else None),
        "tried_until": tried_until(read.retry_until, at)
        if state == State.DELAYED
        else None,
        **({} if arrived or delivery.has_failed else NEWS),
    }


def _note(read: ReadReport, kind: EventKind, delivery: Delivery) -> str:
    sentences = [
        MEANINGS.get(read.kind, ""),
        SURPRISES.get((read.kind, delivery.state), ""),
    ]
    if kind == EventKind.REPORTED:
        sentences.insert(0, f"{Report.Kind(read.kind).label.capitalize()}.")
    named = read.final_recipient
    if named and named.casefold() != delivery.recipient_wire.casefold():
        sentences.append(f"It names {named}: the mail may have been forwarded.")
    return " ".join(filter(None, sentences))[:500]

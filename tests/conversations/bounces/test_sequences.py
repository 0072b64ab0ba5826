"""Late, out-of-order and contradictory reports end as a person would expect."""

from __future__ import annotations

import pytest

from channels.return_path import return_path
from conversations.bounces.receiving import receive_report
from conversations.bounces.recording import record_report
from conversations.models import Delivery, DeliveryEvent, Report
from conversations.models.state import State
from tests.conversations.bounces.conftest import BOUNCE, Pipe, mail
from tests.conversations.bounces.test_recording import A_MAIL_OF, come, events, put

S = State
E = DeliveryEvent.Kind

# (what a person would say, where it stands, what comes, where it ends, the timeline)
SEQUENCES: list[tuple[str, State, list[str], State, list[DeliveryEvent.Kind]]] = [
    (
        "their server is still trying",
        S.ACCEPTED, ["delay"],
        S.DELAYED, [E.DELAYED],
    ),
    (
        "a second delay notice says the same",
        S.ACCEPTED, ["delay", "delay again"],
        S.DELAYED, [E.DELAYED, E.DELAYED],
    ),
    (
        "it was delayed and arrived",
        S.ACCEPTED, ["delay", "delivered"],
        S.ACCEPTED, [E.DELAYED, E.DELIVERED],
    ),
    (
        "it was delayed and passed on",
        S.ACCEPTED, ["delay", "relayed"],
        S.ACCEPTED, [E.DELAYED, E.RELAYED],
    ),
    (
        "the server it was passed on to is late itself",
        S.ACCEPTED, ["relayed", "delay"],
        S.DELAYED, [E.RELAYED, E.DELAYED],
    ),
    (
        "it was passed on and came back",
        S.ACCEPTED, ["relayed", "bounce"],
        S.BOUNCED, [E.RELAYED, E.BOUNCED],
    ),
    (
        "queued again, and an earlier attempt was passed on: not sent twice",
        S.QUEUED, ["relayed"],
        S.ACCEPTED, [E.RELAYED],
    ),
    (
        "it was delayed and given up",
        S.ACCEPTED, ["delay", "bounce"],
        S.BOUNCED, [E.DELAYED, E.BOUNCED],
    ),
    (
        "it was delayed, arrived, and was unwanted",
        S.ACCEPTED, ["delay", "complaint"],
        S.COMPLAINED, [E.DELAYED, E.COMPLAINED],
    ),
    (
        "a delay notice that comes after the bounce is old news",
        S.ACCEPTED, ["bounce", "delay"],
        S.BOUNCED, [E.BOUNCED, E.DELAYED],
    ),
    (
        "a delay notice that comes after the confirmation is old news",
        S.ACCEPTED, ["delivered", "delay"],
        S.ACCEPTED, [E.DELIVERED, E.DELAYED],
    ),
    (
        "a delay notice that comes after the complaint is old news",
        S.ACCEPTED, ["complaint", "delay"],
        S.COMPLAINED, [E.COMPLAINED, E.DELAYED],
    ),
    (
        "what was confirmed and came back all the same did not stay there",
        S.ACCEPTED, ["delivered", "bounce"],
        S.BOUNCED, [E.DELIVERED, E.BOUNCED],
    ),
    (
        "a confirmation after the bounce is told; a person asks",
        S.ACCEPTED, ["bounce", "delivered"],
        S.BOUNCED, [E.BOUNCED, E.DELIVERED],
    ),
    (
        "two bounces: the first says why",
        S.ACCEPTED, ["bounce", "another bounce"],
        S.BOUNCED, [E.BOUNCED, E.REPORTED],
    ),
    (
        "two bounces, the first of which says nothing",
        S.ACCEPTED, ["vague bounce", "bounce"],
        S.BOUNCED, [E.BOUNCED, E.BOUNCED],
    ),
    (
        "the same bounce twice is one bounce",
        S.ACCEPTED, ["bounce", "bounce"],
        S.BOUNCED, [E.BOUNCED],
    ),
    (
        "it arrived and was unwanted",
        S.ACCEPTED, ["delivered", "complaint"],
        S.COMPLAINED, [E.DELIVERED, E.COMPLAINED],
    ),
    (
        "who complains has got it, whatever bounced",
        S.ACCEPTED, ["bounce", "complaint"],
        S.COMPLAINED, [E.BOUNCED, E.COMPLAINED],
    ),
    (
        "a bounce after a complaint changes nothing for the person",
        S.ACCEPTED, ["complaint", "bounce"],
        S.COMPLAINED, [E.COMPLAINED, E.REPORTED],
    ),
    (
        "two complaints are one",
        S.ACCEPTED, ["complaint", "complaint again"],
        S.COMPLAINED, [E.COMPLAINED, E.REPORTED],
    ),
    (
        "an automatic reply says nothing about the delivery",
        S.ACCEPTED, ["autoreply"],
        S.ACCEPTED, [E.AUTOREPLY],
    ),
    (
        "an automatic reply does not end a delay",
        S.ACCEPTED, ["delay", "autoreply"],
        S.DELAYED, [E.DELAYED, E.AUTOREPLY],
    ),
    (
        "of an unconfirmed mail a bounce tells that it did not arrive",
        S.UNCONFIRMED, ["bounce"],
        S.BOUNCED, [E.BOUNCED],
    ),
    (
        "of an unconfirmed mail a delay tells that it was taken",
        S.UNCONFIRMED, ["delay"],
        S.DELAYED, [E.DELAYED],
    ),
    (
        "of an unconfirmed mail a confirmation tells that it arrived",
        S.UNCONFIRMED, ["delivered"],
        S.ACCEPTED, [E.DELIVERED],
    ),
    (
        "an unconfirmed mail that was delayed came back",
        S.UNCONFIRMED, ["delay", "bounce"],
        S.BOUNCED, [E.DELAYED, E.BOUNCED],
    ),
    (
        "what we gave up had left after all and came back",
        S.FAILED, ["bounce"],
        S.BOUNCED, [E.BOUNCED],
    ),
    (
        "what we gave up had left after all and arrived",
        S.FAILED, ["delivered"],
        S.ACCEPTED, [E.DELIVERED],
    ),
    (
        "what we gave up is still being tried elsewhere",
        S.FAILED, ["delay"],
        S.DELAYED, [E.DELAYED],
    ),
    (
        "queued again, and an earlier attempt bounces: the next one decides",
        S.QUEUED, ["bounce"],
        S.QUEUED, [E.REPORTED],
    ),
    (
        "queued again, and an earlier attempt arrived: not sent twice",
        S.QUEUED, ["delivered"],
        S.ACCEPTED, [E.DELIVERED],
    ),
    (
        "queued again, and somebody else is trying: not sent twice",
        S.QUEUED, ["delay"],
        S.DELAYED, [E.DELAYED],
    ),
    (
        "queued again, and the person complains: not sent twice",
        S.QUEUED, ["complaint"],
        S.COMPLAINED, [E.COMPLAINED],
    ),
    (
        "what is being handed over is settled first",
        S.HANDING_OVER, ["bounce", "delivered", "delay", "complaint", "autoreply"],
        S.HANDING_OVER, [],
    ),
]  # fmt: skip

MAILS = A_MAIL_OF | {
    "another bounce": "mailbox_full",
    "vague bounce": "says_little",
}


def mail_of(what: str) -> tuple[str, bytes]:
    kind = what.removesuffix(" again")
    return MAILS[kind], b"" if kind == what else b"\nOnce more.\n"


@pytest.mark.parametrize(
    ("state", "reports", "ends", "timeline"),
    [each[1:] for each in SEQUENCES],
    ids=[each[0] for each in SEQUENCES],
)
def test_reports_end_in_the_state_a_person_would_expect(
    delivery: Delivery,
    state: State,
    reports: list[str],
    ends: State,
    timeline: list[DeliveryEvent.Kind],
) -> None:
    put(delivery, state)
    for what in reports:
        come(delivery, *mail_of(what))
    delivery.refresh_from_db()
    assert delivery.state == ends
    assert events(delivery) == timeline
    assert bool(delivery.lease) is (ends == S.HANDING_OVER)
    assert (delivery.tried_until is not None) is (ends == S.DELAYED)


def test_a_report_by_smtp_and_by_pipe_counts_once(
    delivery: Delivery, pipe: Pipe
) -> None:
    """Each way puts its own lines on top."""
    path = return_path(delivery.return_token, "bounce.portal.test")
    by_smtp = b"Received: from mx1\r\n\tby relay\r\n" + BOUNCE
    by_pipe = f"From <> Mon Mar 2\nReturn-Path: <>\nDelivered-To: {path}\n".encode()
    record_report(receive_report(delivery.return_token, by_smtp, "smtp").pk)
    assert pipe(by_pipe + mail("unknown_user"), "--recipient", path) == (0, "")
    for report in Report.objects.all():
        record_report(report.pk)
    assert Report.objects.count() == 1
    assert events(delivery) == [E.BOUNCED]


@pytest.mark.parametrize(
    ("state", "what", "words"),
    [
        (S.BOUNCED, "delivered", "It contradicts the bounce."),
        (S.QUEUED, "delivered", "It is not sent again."),
        (S.QUEUED, "bounce", "The next one decides."),
        (S.FAILED, "bounce", "had left after all."),
    ],
)
def test_a_surprise_is_explained(
    delivery: Delivery, state: State, what: str, words: str
) -> None:
    put(delivery, state)
    come(delivery, *mail_of(what))
    assert words in delivery.events.get().note

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connections
from django.utils.timezone import now
from pytest_django import Settings

from channels.transports import TransportError, Verdict
from conversations.blocking import release
from conversations.bounces.reasons import REASONS
from conversations.bounces.receiving import receive_report
from conversations.bounces.recording import record_report
from conversations.delivering import deliver_lane, settle
from conversations.models import Delivery, Evidence, Suppression
from conversations.models.state import State
from conversations.sending import outcomes
from conversations.sending.lease import Lease
from conversations.suppressing import SUPPRESSING, evidence_of, suppress_for
from deliveryportal.accounts.models import User
from tests.conversations.bounces.conftest import mail
from tests.peers.scripted_smtp import ScriptedSmtp

MakeDelivery = Callable[..., Delivery]
Fail = Callable[..., list[Suppression]]
START = datetime(2026, 3, 2, 10, tzinfo=UTC)
SECOND = timedelta(seconds=1)
NINA = "nina@customer.test"
UNKNOWN = b"550 5.1.1 <nina@customer.test>: Recipient address rejected: User unknown"


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def fail(make_delivery: MakeDelivery) -> Fail:
    """Let a new delivery speak against the address, now."""

    def make(
        sender: User, reason: str, to: str = NINA, **more: datetime
    ) -> list[Suppression]:
        delivery = make_delivery(sender, NINA, state=State.FAILED, reason=reason)
        delivery.recipient_wire = to
        at = more.get("at", now())
        return suppress_for([evidence_of(delivery, reason, f"said {reason}", at)])

    return make


def suppressed(user: User, address: str = NINA) -> Suppression | None:
    return Suppression.objects.of_team(user).active().filter(address=address).first()


# --- the rules --------------------------------------------------------------


def test_the_table_of_rules_is_the_one_agreed() -> None:
    assert {
        reason: (each.deliveries, each.within.days)
        for reason, each in SUPPRESSING.items()
        if each.deliveries > 1
    } == {"mailbox_disabled": (3, 30), "mailbox_full": (5, 28)}
    assert {reason for reason, each in SUPPRESSING.items() if each.deliveries == 1} == {
        "address_unknown",
        "domain_unknown",
        "complaint",
    }


@pytest.mark.parametrize("reason", sorted(REASONS.keys() - SUPPRESSING.keys()))
def test_every_other_reason_never_suppresses(
    alice: User, fail: Fail, reason: str
) -> None:
    for _ in range(12):
        fail(alice, reason)
    assert suppressed(alice) is None
    assert not Evidence.objects.exists()


@pytest.mark.parametrize("reason", ["address_unknown", "domain_unknown", "complaint"])
def test_one_delivery_is_enough(alice: User, fail: Fail, reason: str) -> None:
    fail(alice, reason)
    found = suppressed(alice)
    assert found is not None
    assert (found.reason, found.evidence, found.made_by) == (
        reason,
        f"said {reason}",
        None,
    )
    assert found.delivery is not None


BOUNDARIES = [
    ("mailbox_disabled", 3, timedelta(days=30)),
    ("mailbox_full", 5, timedelta(days=28)),
]


@pytest.mark.parametrize(("reason", "number", "within"), BOUNDARIES)
def test_so_many_within_the_time_are_enough_and_not_one_before(
    alice: User,
    fail: Fail,
    clock: time_machine.Traveller,
    reason: str,
    number: int,
    within: timedelta,
) -> None:
    for _ in range(number - 1):
        fail(alice, reason)
        assert suppressed(alice) is None
    clock.move_to(START + within)
    fail(alice, reason)
    found = suppressed(alice)
    assert found is not None
    assert found.evidence.startswith(
        f"{number} deliveries within {within.days} days. The last: said"
    )


@pytest.mark.parametrize(("reason", "number", "within"), BOUNDARIES)
def test_a_second_too_late_is_too_late(
    alice: User,
    fail: Fail,
    clock: time_machine.Traveller,
    reason: str,
    number: int,
    within: timedelta,
) -> None:
    fail(alice, reason)
    clock.move_to(START + SECOND)
    for _ in range(number - 2):
        fail(alice, reason)
    clock.move_to(START + within + SECOND)
    fail(alice, reason)
    assert suppressed(alice) is None
    fail(alice, reason)
    assert suppressed(alice) is not None


def test_reasons_are_not_added_up(alice: User, fail: Fail) -> None:
    for reason in ["mailbox_full"] * 4 + ["mailbox_disabled"] * 2:
        fail(alice, reason)
    assert suppressed(alice) is None


def test_a_delivery_counts_once_however_often_it_is_told(
    alice: User, make_delivery: MakeDelivery
) -> None:
    delivery = make_delivery(alice, NINA)
    for _ in range(5):
        suppress_for([evidence_of(delivery, "mailbox_full", "full", now())])
    assert Evidence.objects.count() == 1
    assert suppressed(alice) is None


def test_an_address_is_one_in_any_case(alice: User, fail: Fail) -> None:
    for to in ["Nina@customer.test", "NINA@customer.test", NINA]:
        fail(alice, "mailbox_disabled", to)
    assert suppressed(alice) is not None


def test_a_batch_is_weighed_as_a_whole(
    alice: User, make_delivery: MakeDelivery
) -> None:
    made = suppress_for(
        evidence_of(make_delivery(alice, NINA), "mailbox_full", "full", now())
        for _ in range(5)
    )
    assert [each.address for each in made] == [NINA]
    assert Suppression.objects.count() == 1


def test_a_team_counts_together_and_no_other_teams_mail(
    alice: User, bob: User, charlie: User, fail: Fail
) -> None:
    for sender in [alice, bob, charlie, charlie]:
        fail(sender, "mailbox_disabled")
    assert suppressed(alice) is None
    fail(bob, "mailbox_disabled")
    assert suppressed(alice) is not None
    assert suppressed(charlie) is None


# --- release ----------------------------------------------------------------


def test_evidence_from_before_a_release_counts_no_more(
    alice: User, bob: User, fail: Fail, clock: time_machine.Traveller
) -> None:
    for _ in range(3):
        fail(alice, "mailbox_disabled")
    found = suppressed(alice)
    assert found
    clock.shift(60)
    assert release(found, by=bob, because="She is back.")
    clock.shift(60)
    for _ in range(2):
        fail(alice, "mailbox_disabled")
    assert suppressed(alice) is None
    fail(alice, "mailbox_disabled")
    assert suppressed(alice) is not None
    assert Suppression.objects.count() == 2, "the released one stays as history"


def test_an_old_report_that_is_read_after_the_release_suppresses_nothing(
    alice: User, bob: User, fail: Fail, clock: time_machine.Traveller
) -> None:
    fail(alice, "address_unknown")
    found = suppressed(alice)
    assert found
    clock.shift(60)
    release(found, by=bob, because="Mended.")
    fail(alice, "address_unknown", at=START + SECOND)
    assert suppressed(alice) is None
    fail(alice, "address_unknown", at=START + timedelta(seconds=61))
    assert suppressed(alice) is not None


def test_the_same_delivery_is_no_new_evidence_after_a_release(
    alice: User, bob: User, make_delivery: MakeDelivery, clock: time_machine.Traveller
) -> None:
    delivery = make_delivery(alice, NINA)
    suppress_for([evidence_of(delivery, "address_unknown", "no", now())])
    found = suppressed(alice)
    assert found
    release(found, by=bob, because="Mended.")
    clock.shift(60)
    suppress_for([evidence_of(delivery, "address_unknown", "no", now())])
    assert suppressed(alice) is None


def test_a_release_keeps_who_when_and_why_and_happens_once(
    alice: User, bob: User, fail: Fail, clock: time_machine.Traveller
) -> None:
    fail(alice, "address_unknown")
    found = suppressed(alice)
    assert found
    assert release(found, by=bob, because="They mended it.")
    assert (found.released_by, found.released_at, found.released_because) == (
        bob,
        START,
        "They mended it.",
    )
    assert not release(found, by=alice, because="Me too.")
    assert found.released_by == bob


@pytest.mark.parametrize(
    ("reason", "hers"), [("address_unknown", True), ("complaint", False)]
)
def test_a_member_releases_what_her_own_mail_brought_about_but_no_complaint(
    alice: User, bob: User, charlie: User, fail: Fail, reason: str, hers: bool
) -> None:
    fail(alice, reason)
    found = suppressed(alice)
    assert found
    assert found.may_be_released_by(bob)
    assert found.may_be_released_by(alice) is hers
    assert not found.may_be_released_by(charlie)


# --- where it comes from ----------------------------------------------------


@pytest.mark.parametrize(
    ("name", "reason"),
    [("unknown_user", "address_unknown"), ("complaint", "complaint")],
)
def test_a_report_suppresses_in_the_transaction_that_records_it(
    alice: User, make_delivery: MakeDelivery, name: str, reason: str
) -> None:
    delivery = make_delivery(alice, NINA, state=State.ACCEPTED)
    report = receive_report(delivery.return_token, mail(name), "smtp")
    record_report(report.pk)
    found = suppressed(alice)
    assert found is not None
    assert (found.reason, found.delivery, found.report) == (reason, delivery, report)
    evidence = Evidence.objects.get()
    assert (evidence.report, evidence.delivery) == (report, delivery)


@pytest.mark.parametrize("name", ["still_trying", "vacation", "delivered"])
def test_other_reports_suppress_nothing(
    alice: User, make_delivery: MakeDelivery, name: str
) -> None:
    delivery = make_delivery(alice, NINA, state=State.ACCEPTED)
    report = receive_report(delivery.return_token, mail(name), "smtp")
    record_report(report.pk)
    assert not Suppression.objects.exists()


def test_a_report_without_a_valid_token_suppresses_nothing(
    alice: User, make_delivery: MakeDelivery
) -> None:
    make_delivery(alice, NINA, state=State.ACCEPTED)
    record_report(receive_report("0" * 32, mail("unknown_user"), "smtp").pk)
    assert not Suppression.objects.exists()


@pytest.mark.parametrize(
    ("replies", "is_suppressed"),
    [
        ({"RCPT": UNKNOWN}, True),
        ({"content": UNKNOWN}, True),
        ({"MAIL": UNKNOWN}, False),  # speaks of the sender
        ({"RCPT": b"450 4.1.1 user unknown for now"}, False),
        ({"RCPT": b"550 5.7.1 client host blocked using a block list"}, False),
        ({"RCPT": b"552 5.2.2 mailbox full"}, False),  # the first of five
    ],
)
def test_a_refusal_on_the_spot_counts_too(
    alice: User,
    make_delivery: MakeDelivery,
    settings: Settings,
    replies: dict[str, bytes],
    is_suppressed: bool,
) -> None:
    delivery = make_delivery(alice, NINA)
    with ScriptedSmtp(**replies) as relay:
        settings.PORTAL_RELAY_URL = relay.url
        deliver_lane(delivery.channel_id, delivery.sender_id)
    found = suppressed(alice)
    assert (found is not None) is is_suppressed
    if found:
        assert found.evidence == UNKNOWN.decode().removeprefix("550 ")
        assert found.delivery == delivery


def test_what_settles_nothing_suppresses_nothing(
    alice: User, make_delivery: MakeDelivery
) -> None:
    """A refusal that comes after its lease has ended is on the timeline only."""
    delivery = make_delivery(alice, NINA)
    error = TransportError(
        "user unknown", Verdict.REFUSED, code=550, enhanced="5.1.1", stage="recipient"
    )
    refused = outcomes.not_accepted(delivery, error, now())
    assert settle([refused], [delivery], Lease.new()) == []
    assert not Suppression.objects.exists()


# --- at the same moment -----------------------------------------------------


def at_once(reports: list[int]) -> None:
    start = threading.Barrier(len(reports))
    faults: list[BaseException] = []

    def record(report_id: int) -> None:
        try:
            start.wait(timeout=10)
            record_report(report_id)
        except BaseException as error:
            faults.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=record, args=[each]) for each in reports]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("name", "number"), [("unknown_user", 2), ("mailbox_full", 5)])
def test_reports_at_the_same_moment_suppress_once(
    alice: User, make_delivery: MakeDelivery, name: str, number: int
) -> None:
    """Each of five sees at least its own; together they must not stop short."""
    deliveries = [
        make_delivery(alice, NINA, state=State.ACCEPTED) for _ in range(number)
    ]
    at_once(
        [
            receive_report(each.return_token, mail(name), "smtp").pk
            for each in deliveries
        ]
    )
    assert Evidence.objects.count() == number
    assert Suppression.objects.active().count() == 1

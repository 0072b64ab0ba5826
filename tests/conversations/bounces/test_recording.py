from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, get_args

import pytest
from django.db import DataError, OperationalError, connections
from django.utils.timezone import now

from conversations.bounces import recording
from conversations.bounces.dsn import Kind, ReadReport
from conversations.bounces.receiving import receive_report
from conversations.bounces.recording import EFFECTS, GRAVEST_FIRST, record_report
from conversations.models import Delivery, DeliveryEvent, Report
from conversations.models.state import State, Triage
from deliveryportal.accounts.models import User
from tests.conversations.bounces.conftest import mail

S = State
E = DeliveryEvent.Kind

A_MAIL_OF: dict[str, str] = {
    "bounce": "unknown_user",
    "delay": "still_trying",
    "delivered": "delivered",
    "relayed": "postfix_relayed",
    "complaint": "complaint",
    "autoreply": "vacation",
    "auth_report": "authentication",
    "other": "plain_text",
}


def put(delivery: Delivery, state: str) -> None:
    """Bring the delivery into `state`, under a lease if that needs one."""
    in_hand = state == S.HANDING_OVER
    Delivery.objects.filter(pk=delivery.pk).update(
        state=state,
        lease="lease" if in_hand else "",
        lease_until=now() + timedelta(minutes=1) if in_hand else None,
    )


def come(delivery: Delivery, name: str, more: bytes = b"") -> Report:
    """Let a report come to the delivery's return path and be read."""
    report = receive_report(delivery.return_token, mail(name) + more, "smtp")
    record_report(report.pk)
    report.refresh_from_db()
    return report


def events(delivery: Delivery) -> list[str]:
    return list(delivery.events.values_list("kind", flat=True))


def test_a_bounce_is_recorded_on_delivery_timeline_and_report(
    delivery: Delivery,
) -> None:
    report = come(delivery, "unknown_user")

    words = (
        "550 5.1.1 <nina@customer.test>: Recipient address rejected: "
        "User unknown in virtual mailbox table"
    )
    delivery.refresh_from_db()
    assert delivery.state == S.BOUNCED
    assert delivery.reason == "address_unknown"
    assert delivery.remote_words == words
    assert delivery.enhanced_code == "5.1.1"
    assert delivery.state_since == report.received_at

    event = delivery.events.get()
    assert event.kind == E.BOUNCED
    assert event.report == report
    assert event.at == report.received_at
    assert event.remote == "mx1.customer.test"
    assert event.remote_words == words
    assert (event.code, event.enhanced_code) == (550, "5.1.1")
    assert event.note == ""

    assert report.state == Report.State.READ
    assert report.delivery == delivery
    assert report.kind == Report.Kind.BOUNCE
    assert report.reason == "address_unknown"
    assert report.final_recipient == "nina@customer.test"
    assert report.reporting_mta == "relay.portal.test"
    assert report.remote_mta == "mx1.customer.test"
    assert report.diagnostic == words
    assert report.evidence == "Action: failed; words “user unknown”"


SETTLED = set(S) - {S.HANDING_OVER}


def row(
    to: State, event: DeliveryEvent.Kind, unless: dict[State, DeliveryEvent.Kind]
) -> dict[State, tuple[State, DeliveryEvent.Kind]]:
    """Of each state: what becomes of it, `to` but for some, and the event."""
    return {
        state: (state, unless[state]) if state in unless else (to, event)
        for state in SETTLED
    }


TABLE: dict[str, dict[State, tuple[State, DeliveryEvent.Kind]]] = {
    "bounce": row(
        S.BOUNCED,
        E.BOUNCED,
        unless={
            S.BOUNCED: E.REPORTED,
            S.COMPLAINED: E.REPORTED,
            S.QUEUED: E.REPORTED,
        },
    ),
    "complaint": row(S.COMPLAINED, E.COMPLAINED, unless={S.COMPLAINED: E.REPORTED}),
    "delivered": row(
        S.ACCEPTED,
        E.DELIVERED,
        unless={
            S.ACCEPTED: E.DELIVERED,
            S.BOUNCED: E.DELIVERED,
            S.COMPLAINED: E.DELIVERED,
        },
    ),
    "relayed": row(
        S.ACCEPTED,
        E.RELAYED,
        unless={
            S.ACCEPTED: E.RELAYED,
            S.BOUNCED: E.RELAYED,
            S.COMPLAINED: E.RELAYED,
        },
    ),
    "delay": row(
        S.DELAYED,
        E.DELAYED,
        unless={S.BOUNCED: E.DELAYED, S.COMPLAINED: E.DELAYED},
    ),
    "autoreply": {state: (state, E.AUTOREPLY) for state in SETTLED},
    "auth_report": {state: (state, E.REPORTED) for state in SETTLED},
    "other": {state: (state, E.REPORTED) for state in SETTLED},
}


def test_every_kind_of_report_has_its_effect_and_its_rank() -> None:
    assert set(get_args(Kind)) == EFFECTS.keys() == TABLE.keys() == set(GRAVEST_FIRST)
    assert set(get_args(Kind)) == set(Report.Kind)


@pytest.mark.parametrize(
    ("kind", "state"),
    [(kind, state) for kind, row in TABLE.items() for state in sorted(row)],
)
def test_what_a_report_makes_of_a_delivery(
    delivery: Delivery, kind: str, state: str
) -> None:
    put(delivery, state)
    Delivery.objects.filter(pk=delivery.pk).update(reason="address_unknown")
    before = Delivery.objects.filter(pk=delivery.pk).values().get()

    come(delivery, A_MAIL_OF[kind])

    becomes, event = TABLE[kind][S(state)]
    after = Delivery.objects.filter(pk=delivery.pk).values().get()
    assert after["state"] == becomes
    assert events(delivery) == [event]
    if becomes == state != S.DELAYED:
        assert after == before


@pytest.mark.parametrize("kind", TABLE)
def test_a_report_that_overtakes_the_hand_over_waits_for_it(
    delivery: Delivery, kind: str
) -> None:
    put(delivery, S.HANDING_OVER)

    report = come(delivery, A_MAIL_OF[kind])
    delivery.refresh_from_db()
    assert report.state == Report.State.UNREAD
    assert (delivery.state, delivery.lease) == (S.HANDING_OVER, "lease")
    assert events(delivery) == []

    put(delivery, S.ACCEPTED)
    settled_at = now()
    Delivery.objects.filter(pk=delivery.pk).update(state_since=settled_at)
    record_report(report.pk)  # as the sweeper has it done

    delivery.refresh_from_db()
    becomes, event = TABLE[kind][S.ACCEPTED]
    assert delivery.state == becomes
    assert events(delivery) == [event]
    assert delivery.events.get().at == settled_at  # not before the hand-over


def test_a_confirmed_delivery_has_no_reason_any_more(delivery: Delivery) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(
        state=S.UNCONFIRMED, reason="unconfirmed", accepted_at=None
    )
    come(delivery, "delivered")
    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason) == (S.ACCEPTED, "")
    assert delivery.accepted_at is not None


def test_a_complaint_has_its_own_reason(delivery: Delivery) -> None:
    come(delivery, "complaint")
    delivery.refresh_from_db()
    assert delivery.reason == "complaint"


def test_a_bounce_of_what_was_archived_as_sent_stands_under_failed_deliveries(
    delivery: Delivery,
) -> None:
    Delivery.objects.update(archived_at=now())
    come(delivery, "unknown_user")
    assert list(Delivery.objects.unarchived().unresolved()) == [delivery]


def test_a_bounce_of_what_was_decided_about_as_in_doubt_and_arrived_is_news(
    delivery: Delivery,
) -> None:
    Delivery.objects.update(triage=Triage.RESOLVED)
    come(delivery, "unknown_user")
    assert list(Delivery.objects.unarchived().unresolved()) == [delivery]


def test_recording_a_report_again_changes_nothing(delivery: Delivery) -> None:
    report = come(delivery, "unknown_user")
    record_report(report.pk)
    record_report(report.pk)
    assert events(delivery) == [E.BOUNCED]


def test_the_same_bounce_twice_is_counted_once(delivery: Delivery) -> None:
    assert come(delivery, "unknown_user") == come(delivery, "unknown_user")
    assert Report.objects.count() == 1
    assert events(delivery) == [E.BOUNCED]


def test_a_second_bounce_is_told_and_changes_nothing(delivery: Delivery) -> None:
    come(delivery, "unknown_user")
    delivery.refresh_from_db()
    since = delivery.state_since
    come(delivery, "mailbox_full")

    delivery.refresh_from_db()
    assert (delivery.reason, delivery.state_since) == ("address_unknown", since)
    assert events(delivery) == [E.BOUNCED, E.REPORTED]
    last = delivery.events.last()
    assert last is not None
    assert last.note == "Bounce."


def test_the_same_mail_to_two_return_paths_is_two_reports(
    alice: User, delivery: Delivery, make_delivery: Callable[..., Delivery]
) -> None:
    other = make_delivery(alice, "otto@customer.test", state=S.ACCEPTED)
    come(delivery, "unknown_user")
    come(other, "unknown_user")
    assert events(delivery) == events(other) == [E.BOUNCED]


def test_the_return_path_decides_and_not_the_recipient_that_is_named(
    alice: User, make_delivery: Callable[..., Delivery]
) -> None:
    forwarded = make_delivery(alice, "team@customer.test", state=S.ACCEPTED)
    named = make_delivery(alice, "nina@customer.test", state=S.ACCEPTED)

    report = come(forwarded, "unknown_user")

    assert report.final_recipient == "nina@customer.test"
    assert events(forwarded) == [E.BOUNCED]
    assert forwarded.events.get().note == (
        "It names nina@customer.test: the mail may have been forwarded."
    )
    assert events(named) == []


def test_of_several_reports_in_one_mail_the_gravest_counts(delivery: Delivery) -> None:
    report = come(delivery, "two_recipients")
    assert report.final_recipient == "work@company.test"
    assert events(delivery) == [E.BOUNCED]


def test_of_several_reports_in_one_mail_the_one_about_our_recipient_counts(
    alice: User, make_delivery: Callable[..., Delivery]
) -> None:
    delivery = make_delivery(alice, "Home@private.test", state=S.ACCEPTED)
    report = come(delivery, "two_recipients")
    assert report.kind == Report.Kind.DELIVERED
    assert events(delivery) == [E.DELIVERED]


def test_a_report_about_a_deleted_delivery_is_kept(delivery: Delivery) -> None:
    report = receive_report(delivery.return_token, mail("unknown_user"), "smtp")
    delivery.message.delete()
    record_report(report.pk)

    report.refresh_from_db()
    assert report.state == Report.State.READ
    assert report.delivery is None
    assert report.reason == "address_unknown"


def test_deleting_the_message_keeps_a_report_that_was_read(delivery: Delivery) -> None:
    report = come(delivery, "unknown_user")
    delivery.message.delete()
    report.refresh_from_db()
    assert report.delivery is None


def test_a_report_that_is_gone_is_nobodys_business(db: None) -> None:
    record_report(1_000_000)


def test_a_report_our_code_stumbles_over_is_kept_as_unreadable(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(raw: bytes) -> list[ReadReport]:
        raise ArithmeticError

    monkeypatch.setattr(recording, "read_reports", stumble)
    report = come(delivery, "unknown_user")

    assert report.state == Report.State.UNREADABLE
    assert report.delivery == delivery
    assert bytes(report.raw) == mail("unknown_user")
    assert events(delivery) == []
    delivery.refresh_from_db()
    assert delivery.state == S.ACCEPTED


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (DataError("too long"), Report.State.UNREADABLE),
        (OperationalError("gone"), Report.State.UNREAD),
    ],
)
def test_what_cannot_be_recorded_is_kept_and_what_may_be_later_is_tried_again(
    delivery: Delivery,
    error: Exception,
    state: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*args: object) -> None:
        raise error

    report = receive_report(delivery.return_token, mail("unknown_user"), "smtp")
    monkeypatch.setattr(recording, "_apply", fail)
    with suppress(OperationalError):
        record_report(report.pk)
    report.refresh_from_db()
    assert report.state == state
    delivery.refresh_from_db()
    assert delivery.state == S.ACCEPTED


def test_hostile_bytes_can_be_written_to_every_database(delivery: Delivery) -> None:
    report = come(delivery, "eight_bit", more=b"\0\xff\xed\xa0\x80")
    assert report.state == Report.State.READ
    assert b"\0" in bytes(report.raw)
    assert "\0" not in report.diagnostic


@pytest.mark.django_db(transaction=True)
def test_of_two_reports_at_the_same_moment_one_counts(
    alice: User, make_delivery: Callable[..., Delivery]
) -> None:
    delivery = make_delivery(alice, "nina@customer.test", state=S.ACCEPTED)
    reports = [
        receive_report(delivery.return_token, mail("unknown_user") + extra, "smtp")
        for extra in (b"", b"1", b"2")
    ]
    start = threading.Barrier(2 * len(reports))
    faults: list[BaseException] = []

    def record(report: Report) -> None:
        try:
            start.wait(timeout=10)
            record_report(report.pk)
        except BaseException as error:
            faults.append(error)
        finally:
            connections.close_all()

    threads: list[Any] = [
        threading.Thread(target=record, args=[report]) for report in reports * 2
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not faults
    assert sorted(events(delivery)) == [E.BOUNCED, E.REPORTED, E.REPORTED]

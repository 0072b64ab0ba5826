"""Work on many, in the background."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.utils.timezone import now

from conversations import sweeping
from conversations.models import BulkItem, BulkJob, Delivery, Message
from conversations.models.state import State, Triage
from conversations.triage import bulk, sending_again
from conversations.triage.actions import ACTIONS
from conversations.triage.beginning import ask_to_stop, begin
from conversations.triage.scope import Scope
from deliveryportal.accounts.models import User

Fail = Callable[..., Delivery]
LEASE = {"lease": "lease", "lease_until": datetime(2026, 1, 2, tzinfo=UTC)}


@pytest.fixture(autouse=True)
def _few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "AT_A_TIME", 2)
    monkeypatch.setattr(bulk, "GATHERED_AT_A_TIME", 3)


def everything(query: str = "") -> Scope:
    scope = Scope.from_query(QueryDict(f"everything=1&tab=failed&{query}"))
    assert scope
    return scope


def finish(job: BulkJob) -> BulkJob:
    while bulk.turn(job.pk):
        pass
    job.refresh_from_db()
    return job


def test_everything_that_matches_is_done_and_the_rest_named_with_its_reason(
    alice: User, fail: Fail
) -> None:
    for number in range(5):
        fail(alice, f"p{number}@customer.test")
    fail(alice, "gone@customer.test", "address_unknown")
    job = begin(ACTIONS["retry"], everything(), by=alice, options={})
    assert job.gathering
    job = finish(job)
    assert (job.total, job.done, job.skipped) == (6, 5, 1)
    [skipped] = job.items.filter(outcome=BulkItem.Outcome.SKIPPED)
    assert skipped.recipient == "gone@customer.test"
    assert skipped.why == "Address does not exist: “Retry” cannot help."
    assert Message.objects.exclude(resend_of=None).count() == 5


@pytest.mark.parametrize("decided", [Triage.RESOLVED, Triage.LOST])
def test_of_many_those_are_not_sent_again_that_somebody_has_decided_about(
    alice: User, fail: Fail, decided: Triage
) -> None:
    phoned = fail(alice, "phoned@customer.test", triage=decided)
    waiting = fail(alice, triage=Triage.WAITING)
    selected = Scope((phoned.uuid, waiting.uuid), "")
    for scope, done in ((everything(), 1), (selected, 0)):
        job = finish(begin(ACTIONS["retry"], scope, by=alice, options={}))
        assert job.done == done
        skipped = job.items.get(recipient=phoned.recipient)
        words = f"Somebody has decided about it: {decided.label}."
        assert skipped.why.startswith(words)
    assert Message.objects.get(resend_of__isnull=False).resend_of == waiting.message
    phoned.refresh_from_db()
    assert phoned.triage == decided
    that_one = Scope((phoned.uuid,), "")  # somebody looks at it
    job = begin(ACTIONS["retry"], that_one, by=alice, options={})
    assert finish(job).done == 1


def test_what_archiving_resolved_is_sent_again_from_the_archive(
    alice: User, fail: Fail
) -> None:
    put_away = fail(alice, triage=Triage.RESOLVED, archived_at=now())
    fail(alice, "lost@customer.test", triage=Triage.LOST, archived_at=now())
    archive = Scope.from_query(QueryDict("everything=1&tab=sent&list=archived"))
    assert archive
    job = finish(begin(ACTIONS["retry"], archive, by=alice, options={}))
    assert (job.done, job.skipped) == (1, 1)
    assert Message.objects.get(resend_of__isnull=False).resend_of == put_away.message


def test_what_is_deleted_meanwhile_is_not_said_to_be_done(
    alice: User, fail: Fail
) -> None:
    fail(alice)
    fail(alice, "gone@customer.test")
    chosen = Scope(tuple(each.uuid for each in Delivery.objects.all()), "")
    job = begin(ACTIONS["archive"], chosen, by=alice, options={})
    Delivery.objects.filter(recipient="gone@customer.test").delete()
    job = finish(job)
    assert (job.total, job.done, job.skipped) == (2, 1, 1)
    [skipped] = job.items.filter(outcome=BulkItem.Outcome.SKIPPED)
    assert (skipped.recipient, skipped.why[:10]) == ("gone@customer.test", "It is gone")


def test_what_left_the_archive_meanwhile_is_not_deleted_and_the_report_says_what_to_do(
    alice: User, fail: Fail
) -> None:
    put_away = fail(alice, archived_at=now())
    back = fail(alice, "back@customer.test", archived_at=now())
    archive = Scope.from_query(QueryDict("everything=1&tab=sent&list=archived"))
    assert archive
    job = begin(ACTIONS["delete"], archive, by=alice, options={})
    bulk.turn(job.pk)  # gathers
    Delivery.objects.filter(pk=back.pk).update(archived_at=None)
    job = finish(job)
    assert (job.total, job.done, job.skipped) == (2, 1, 1)
    [skipped] = job.items.filter(outcome=BulkItem.Outcome.SKIPPED)
    assert skipped.recipient == "back@customer.test"
    assert skipped.why.endswith("archive it first.")
    assert not Delivery.objects.filter(pk=put_away.pk).exists()


def test_what_comes_later_is_none_of_its_business(alice: User, fail: Fail) -> None:
    fail(alice)
    job = begin(ACTIONS["archive"], everything(), by=alice, options={})
    later = fail(alice, "later@customer.test")
    finish(job)
    later.refresh_from_db()
    assert later.archived_at is None


def test_what_failed_after_the_list_was_looked_at_is_none_of_its_business(
    alice: User, fail: Fail
) -> None:
    begun = fail(alice, "begun@customer.test", state=State.HANDING_OVER, **LEASE)
    failed = fail(alice)
    looked_at = everything()
    failing = {"state": State.FAILED, "state_since": now(), "lease": ""}
    Delivery.objects.filter(pk=begun.pk).update(lease_until=None, **failing)
    job = finish(begin(ACTIONS["archive"], looked_at, by=alice, options={}))
    assert [each.delivery for each in job.items.all()] == [failed]


def test_what_was_tried_after_the_list_was_looked_at_and_waits_again_is_meant(
    alice: User, fail: Fail
) -> None:
    waiting = fail(alice, state=State.QUEUED, reason="")
    looked_at = Scope.from_query(QueryDict("everything=1&tab=pending"))
    assert looked_at
    Delivery.objects.filter(pk=waiting.pk).update(attempts=1, state_since=now())
    late = fail(alice, "late@customer.test", state=State.QUEUED, reason="")
    job = finish(begin(ACTIONS["cancel"], looked_at, by=alice, options={}))
    assert job.done == 1
    assert Delivery.objects.get() == late


def test_a_day_is_one_of_whoever_asked(alice: User, fail: Fail) -> None:
    alice.time_zone = "America/Los_Angeles"
    alice.save()
    evening = fail(alice, state_since=datetime(2026, 1, 3, 3, tzinfo=UTC))
    day_before = fail(alice, state_since=datetime(2026, 1, 2, 3, tzinfo=UTC))
    that_day = everything("since=2026-01-02&until=2026-01-02")
    finish(begin(ACTIONS["archive"], that_day, by=alice, options={}))
    evening.refresh_from_db()
    day_before.refresh_from_db()
    assert evening.archived_at
    assert day_before.archived_at is None


def test_only_the_cause_is_touched(alice: User, fail: Fail) -> None:
    fail(alice, "anna@bigco.com", "spam_policy")
    other = fail(alice, "anna@other.com", "spam_policy")
    scope = everything("cause=spam_policy:bigco.com&triage=open")
    job = begin(ACTIONS["decide"], scope, by=alice, options={"decision": Triage.LOST})
    assert finish(job).done == 1
    other.refresh_from_db()
    assert other.triage == Triage.OPEN


def test_a_job_that_is_stopped_leaves_the_rest(alice: User, fail: Fail) -> None:
    for number in range(5):
        fail(alice, f"p{number}@customer.test")
    scope = Scope(tuple(each.uuid for each in Delivery.objects.all()), "")
    job = begin(ACTIONS["retry"], scope, by=alice, options={})
    bulk.turn(job.pk)
    assert ask_to_stop(job, by=job.by)
    job = finish(job)
    assert (job.done, job.total) == (2, 5)
    assert not ask_to_stop(job, by=job.by)
    assert not bulk.turn(job.pk)


def test_a_crash_in_the_middle_repeats_nothing(
    alice: User, fail: Fail, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        fail(alice, f"p{number}@customer.test")
    scope = Scope(tuple(each.uuid for each in Delivery.objects.all()), "")
    job = begin(ACTIONS["retry"], scope, by=alice, options={})
    bulk.turn(job.pk)
    with monkeypatch.context() as patched:
        patched.setattr(
            "conversations.triage.bulk.BulkItem.objects.bulk_update", _crash
        )
        with pytest.raises(ConnectionError):
            bulk.turn(job.pk)
    assert Message.objects.exclude(resend_of=None).count() == 2, "undone with it"
    finish(job)
    assert Message.objects.exclude(resend_of=None).count() == 4


def _crash(*args: object) -> None:
    raise ConnectionError


def test_what_breaks_for_one_is_skipped_and_the_others_are_done(
    alice: User,
    fail: Fail,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whatever the database refuses: here a second message of one id."""
    for number in range(3):
        fail(alice, f"p{number}@customer.test")
    bad = fail(alice, "bad@customer.test")
    fine = sending_again.again

    def again(delivery: Delivery, *args: Any) -> Message:
        made = fine(delivery, *args)
        if delivery == bad:
            made.message_id = bad.message.message_id
        return made

    monkeypatch.setattr(sending_again, "again", again)
    scope = Scope(tuple(each.uuid for each in Delivery.objects.all()), "")
    job = finish(begin(ACTIONS["retry"], scope, by=alice, options={}))
    assert (job.total, job.done, job.skipped) == (4, 3, 1)
    [skipped] = job.items.filter(outcome=BulkItem.Outcome.SKIPPED)
    assert (skipped.recipient, skipped.why) == (bad.recipient, bulk.BROKE)
    assert Message.objects.exclude(resend_of=None).count() == 3
    assert not Message.objects.filter(resend_of=bad.message_id).exists()
    assert f"retry broke for delivery {bad.pk}" in caplog.text
    assert "IntegrityError" in caplog.text


def test_the_sweeper_takes_up_what_a_dead_worker_left(
    alice: User, fail: Fail, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []

    def tell(actor: object, pk: int) -> bool:
        told.append(pk)
        return True

    monkeypatch.setattr(sweeping, "announce", tell)
    fail(alice)
    job = begin(ACTIONS["archive"], everything(), by=alice, options={})
    assert sweeping.announce_forgotten_jobs() == 0
    BulkJob.objects.update(touched_at=now() - timedelta(minutes=1))
    assert sweeping.announce_forgotten_jobs() == 1
    assert told == [job.pk]
    finish(job)
    BulkJob.objects.update(touched_at=now() - timedelta(minutes=1))
    assert sweeping.announce_forgotten_jobs() == 0


def test_who_has_left_finishes_nothing(alice: User, fail: Fail) -> None:
    fail(alice)
    job = begin(ACTIONS["archive"], everything(), by=alice, options={})
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert finish(job).done == 0


def test_a_member_reaches_their_own_and_a_manager_the_team(
    alice: User, bob: User, charlie: User, fail: Fail
) -> None:
    fail(alice)
    fail(bob)
    assert (
        finish(
            begin(
                ACTIONS["decide"],
                everything(),
                by=charlie,
                options={"decision": "lost"},
            )
        ).total
        == 0
    )
    assert (
        finish(
            begin(
                ACTIONS["decide"], everything(), by=alice, options={"decision": "lost"}
            )
        ).total
        == 1
    )
    assert (
        finish(
            begin(ACTIONS["decide"], everything(), by=bob, options={"decision": "lost"})
        ).total
        == 2
    )


def test_a_selection_never_reaches_further_than_one_may_see(
    bob: User, charlie: User, fail: Fail
) -> None:
    scope = Scope((fail(bob).uuid,), "")
    job = begin(ACTIONS["archive"], scope, by=charlie, options={})
    assert finish(job).total == 0


@pytest.mark.django_db(transaction=True)
def test_two_workers_on_one_job_do_each_once(alice: User, fail: Fail) -> None:
    for number in range(12):
        fail(alice, f"p{number}@customer.test")
    job = begin(ACTIONS["retry"], everything(), by=alice, options={})

    def work() -> None:
        try:
            while bulk.turn(job.pk):
                pass
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        for each in [pool.submit(work), pool.submit(work)]:
            each.result()
    job = finish(job)
    assert (job.total, job.done, job.skipped) == (12, 12, 0)
    assert Message.objects.exclude(resend_of=None).count() == 12
    assert Delivery.objects.filter(state=State.QUEUED).count() == 12

"""Deciding, settling by hand, archiving, deleting: what sends nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from conversations.models import Attachment, Delivery, Draft, Message, Suppression
from conversations.models.state import FAILURES, State, Triage
from conversations.sending.lease import NO_LEASE
from conversations.sending.letters import addressee
from conversations.triage.actions import ACTIONS
from conversations.triage.known import what_is_known
from conversations.triage.preview import preview
from conversations.triage.refusing import what_can_be_done
from conversations.triage.scope import Scope
from conversations.writing.attaching import attach
from deliveryportal.accounts.models import User
from tests.conftest import person

Fail = Callable[..., Delivery]
Do = Callable[..., str]


def notes(delivery: Delivery) -> list[str]:
    return list(delivery.events.values_list("note", flat=True))


def test_a_decision_has_a_note_and_an_owner_and_each_is_kept(
    alice: User, bob: User, fail: Fail, do: Do
) -> None:
    failed = fail(alice)
    do("decide", failed, bob, decision="waiting", owner=alice.pk, note="Asked Anna.")
    do("decide", failed, alice, decision="lost", note="She left.")
    failed.refresh_from_db()
    assert (failed.triage, failed.triage_owner) == (Triage.LOST, alice)
    assert notes(failed) == [
        "Waiting, by Bob Acme. Alice Acme looks after it. Asked Anna.",
        "Accepted loss, by Alice Acme. She left.",
    ]


@pytest.mark.parametrize("decision", ["open", "waiting"])
def test_whoever_looks_after_it_stays_or_is_taken_off(
    alice: User, bob: User, fail: Fail, do: Do, decision: str
) -> None:
    failed = fail(alice)
    for owner, after in (("sender", alice), ("", alice), ("nobody", None)):
        assert do("decide", failed, bob, decision=decision, owner=owner) == ""
        failed.refresh_from_db()
        assert (failed.triage, failed.triage_owner) == (decision, after)
    assert notes(failed)[-1].endswith("by Bob Acme. Nobody looks after it.")


def test_nobody_looks_after_what_they_cannot_see(
    alice: User, bob: User, fail: Fail, do: Do
) -> None:
    mate, failed = person("Dana", team_of=bob), fail(alice)
    why = do("decide", failed, bob, decision="waiting", owner=mate.pk)
    assert "only its sender and managers see it" in why
    alice.is_active = False
    alice.save()
    for owner in ("sender", alice.pk):
        assert do("decide", failed, bob, decision="waiting", owner=owner) == why
    failed.refresh_from_db()
    assert (failed.triage, failed.triage_owner) == (Triage.OPEN, None)
    assert do("decide", failed, bob, decision="waiting", owner=bob.pk) == ""


def test_nobody_outside_the_team_looks_after_it(
    alice: User, charlie: User, fail: Fail, do: Do
) -> None:
    failed = fail(alice)
    do("decide", failed, alice, decision="waiting", owner=charlie.pk)
    failed.refresh_from_db()
    assert failed.triage_owner is None


def test_only_a_failure_is_decided_about(alice: User, fail: Fail, do: Do) -> None:
    arrived = fail(alice, state=State.ACCEPTED, reason="")
    assert "Handed over" in do("decide", arrived, alice, decision="resolved")


@pytest.mark.parametrize(
    ("key", "state", "known"),
    [
        ("arrived", State.ACCEPTED, "was delivered"),
        ("not-arrived", State.FAILED, "certainly not delivered"),
    ],
)
def test_an_unconfirmed_mail_is_settled_by_hand(
    alice: User, fail: Fail, do: Do, key: str, state: State, known: str
) -> None:
    unsure = fail(alice, state=State.UNCONFIRMED, reason="unconfirmed")
    assert do(key, unsure, alice) == ""
    unsure.refresh_from_db()
    assert (unsure.state, what_is_known(unsure)) == (state, known)
    assert "says Alice Acme." in notes(unsure)[0]
    assert "is not for mail" in do(key, unsure, alice), "once is enough"


def test_archived_mail_is_out_of_the_lists_and_resolved_and_comes_back(
    alice: User, fail: Fail, do: Do
) -> None:
    failed = fail(alice)
    assert do("archive", failed, alice) == ""
    assert not Delivery.objects.unarchived().exists()
    failed.refresh_from_db()
    assert failed.triage == Triage.RESOLVED
    assert do("archive", failed, alice) == "It is archived already."
    assert "unarchive it first" in do("decide", failed, alice, decision=Triage.OPEN)
    assert do("unarchive", failed, alice) == ""
    assert Delivery.objects.unarchived().exists()
    assert do("unarchive", failed, alice) == "It is not archived."


@pytest.mark.parametrize("state", [State.ACCEPTED, *FAILURES])
def test_mail_is_deleted_only_once_it_is_archived(
    alice: User, fail: Fail, do: Do, state: State
) -> None:
    kept = fail(alice, state=state, reason="")
    assert "archive it first" in do("delete", kept, alice)
    assert Delivery.objects.exists()
    do("archive", kept, alice)
    assert do("delete", kept, alice) == ""
    assert not Delivery.objects.exists()
    assert not Message.objects.exists()


def test_what_is_deleted_takes_its_files_along(
    alice: User, fail: Fail, do: Do, as_user: Callable[[User], Client]
) -> None:
    [file] = attach(alice, [SimpleUploadedFile("offer.txt", b"secret")])
    first, second = (fail(alice, f"p{number}@customer.test") for number in range(2))
    for each in (first, second):
        each.message.attachments.add(file)
        do("archive", each, alice)
    page = reverse("conversations:attachment", args=[file.uuid])
    do("delete", first, alice)
    assert as_user(alice).get(page).status_code == 200  # the other mail has it
    with CaptureQueriesContext(connection) as asked:
        do("delete", second, alice)
    assert '"content"' not in "".join(query["sql"] for query in asked)  # may be huge
    assert as_user(alice).get(page).status_code == 404
    assert not Attachment.objects.exists()


def test_what_is_deleted_leaves_the_files_of_drafts_and_of_what_was_sent_again(
    alice: User, fail: Fail, do: Do
) -> None:
    drafted, resent, unused = attach(
        alice, [SimpleUploadedFile(f"{n}.txt", b"x") for n in "abc"]
    )
    Draft.objects.create(owner=alice, to="anna@").attachments.add(drafted)
    fail(alice, "bert@customer.test").message.attachments.add(resent)
    failed = fail(alice)
    failed.message.attachments.set([drafted, resent, unused])
    do("archive", failed, alice)
    do("delete", failed, alice)
    assert set(Attachment.objects.all()) == {drafted, resent}


def test_files_stay_as_long_as_one_of_those_the_mail_went_to(
    alice: User, fail: Fail, do: Do
) -> None:
    """One message to two people is deleted for one of them."""
    failed, other = fail(alice), fail(alice, "bert@customer.test")
    failed.message.attachments.set(attach(alice, [SimpleUploadedFile("a.txt", b"x")]))
    Delivery.objects.filter(pk=other.pk).update(message=failed.message)
    do("archive", failed, alice)
    do("delete", failed, alice)
    assert Attachment.objects.get().messages.get() == failed.message


def test_what_is_on_its_way_is_not_deleted(alice: User, fail: Fail, do: Do) -> None:
    waiting = fail(alice, state=State.QUEUED, reason="")
    assert "is not for mail that stands as" in do("delete", waiting, alice)


@pytest.mark.parametrize(
    "stands",
    [
        {"state": State.QUEUED},
        {"state": State.HANDING_OVER, "lease": "50:a", "lease_until": now()},
    ],
    ids=["queued", "handing over"],
)
def test_what_is_on_its_way_to_another_recipient_is_not_deleted(
    alice: User,
    fail: Fail,
    do: Do,
    also_to: Callable[..., Delivery],
    stands: dict[str, Any],
) -> None:
    """Its copies name whom it is addressed to, however late they leave."""
    arrived = fail(alice, state=State.ACCEPTED, reason="", archived_at=now())
    copy = also_to(arrived, "bert@customer.test", **stands)
    assert "still on its way to another" in do("delete", arrived, alice)
    assert "delete" not in {each.action.key for each in what_can_be_done(arrived)}
    chosen = Scope((arrived.uuid,), "")
    assert not preview(ACTIONS["delete"], chosen, alice).may_be_done
    assert addressee(copy) == ("", "anna@customer.test")
    Delivery.objects.filter(pk=copy.pk).update(state=State.ACCEPTED, **NO_LEASE)
    assert do("delete", arrived, alice) == ""
    assert Delivery.objects.get() == copy


def test_a_suppression_outlives_the_failure_that_brought_it_about(
    alice: User, fail: Fail, do: Do
) -> None:
    failed = fail(alice, reason="address_unknown")
    Suppression.objects.create(
        team=alice.team, address=failed.recipient, delivery=failed
    )
    do("archive", failed, alice)
    do("delete", failed, alice)
    assert Suppression.objects.active().get().delivery is None


def test_deleting_what_was_sent_again_leaves_the_new_one(
    alice: User, fail: Fail, do: Do
) -> None:
    failed = fail(alice)
    do("retry", failed, alice)
    do("archive", failed, alice)
    do("delete", failed, alice)
    assert Message.objects.get().resend_of is None

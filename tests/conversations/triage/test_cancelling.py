"""Cancelling what waits, by the dozen: nothing is sent, and nothing written is lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils.timezone import now

from conversations.models import BulkJob, Delivery, Draft, Message
from conversations.models.state import State
from conversations.triage.actions import ACTIONS
from conversations.triage.cancelling import BEGUN
from conversations.triage.carrying_out import carry_out
from conversations.triage.order import Order
from deliveryportal.accounts.models import User
from tests.conftest import person

Make = Callable[..., Delivery]
SignIn = Callable[[User], Client]
Do = Callable[..., str]

PEOPLE = "email\tfirst_name\n" + "\n".join(
    f"p{number}@customer.test\tPerson {number}" for number in range(5)
)


@pytest.fixture
def scheduled(alice: User, as_user: SignIn) -> list[Delivery]:
    """Five messages of one form, which are to leave tomorrow."""
    tomorrow = now() + timedelta(days=1)
    as_user(alice).post(
        "/conversations/new/",
        {
            "submission": str(uuid4()),
            "people": PEOPLE,
            "subject": "Hello",
            "body": "Dear {{first_name}}",
            "send_at": f"{tomorrow:%Y-%m-%dT%H:%M}",
        },
    )
    found = list(Delivery.objects.order_by("pk"))
    assert len(found) == 5
    return found


def cancel(deliveries: list[Delivery], by: User) -> dict[int, str]:
    pks = [each.pk for each in deliveries]
    return carry_out(ACTIONS["cancel"], pks, Order(by, {}))


def test_what_is_ticked_is_taken_back_and_the_others_still_leave(
    alice: User, scheduled: list[Delivery]
) -> None:
    assert cancel(scheduled[1:3], alice) == {}
    assert [each.recipient for each in Delivery.objects.order_by("pk")] == [
        "p0@customer.test",
        "p3@customer.test",
        "p4@customer.test",
    ]
    draft = Draft.objects.of(alice).get()
    assert "Dear {{first_name}}" in draft.body
    assert "p1@customer.test" in draft.people
    assert "p0@customer.test" not in draft.people


def test_those_of_one_form_come_together_in_one_draft(
    alice: User, scheduled: list[Delivery]
) -> None:
    for each in scheduled:
        assert cancel([each], alice) == {}
    assert not Message.objects.exists()
    draft = Draft.objects.of(alice).get()
    assert all(f"p{number}@customer.test" in draft.people for number in range(5))


def test_a_draft_that_was_changed_meanwhile_is_left_alone(
    alice: User, scheduled: list[Delivery]
) -> None:
    cancel(scheduled[:1], alice)
    Draft.objects.of(alice).update(to="zoe@elsewhere.test", people="")
    cancel(scheduled[1:2], alice)
    newest, changed = Draft.objects.of(alice)
    assert changed.to == "zoe@elsewhere.test"
    assert "p1@customer.test" in newest.people


@pytest.mark.parametrize(
    "half_typed", [{"to": "zoe@"}, {"people": "email\nzoe@"}, {"people": 'email\n"z'}]
)
def test_so_is_one_in_which_an_address_is_half_typed(
    alice: User, scheduled: list[Delivery], half_typed: dict[str, str]
) -> None:
    cancel(scheduled[:1], alice)
    Draft.objects.of(alice).update(**half_typed)
    assert cancel(scheduled[1:3], alice) == {}
    newest, changed = Draft.objects.of(alice)
    assert half_typed.items() <= vars(changed).items()
    assert "p1@customer.test" in newest.people
    assert "p2@customer.test" in newest.people


def test_a_manager_cancels_what_a_member_wrote_and_the_member_has_it_back(
    alice: User, bob: User, scheduled: list[Delivery]
) -> None:
    assert cancel(scheduled, bob) == {}
    assert Draft.objects.of(alice).exists()
    assert not Draft.objects.of(bob).exists()


def test_of_somebody_who_is_deactivated_whoever_cancels_has_it(
    alice: User, bob: User, scheduled: list[Delivery]
) -> None:
    lock(alice)
    form = Draft.objects.get()
    for each in scheduled[:2]:
        assert cancel([each], bob) == {}
    draft = Draft.objects.of(bob).get()
    assert "p0@customer.test" in draft.people
    assert "p1@customer.test" in draft.people
    assert "p2@customer.test" not in draft.people
    assert draft.identity is None
    assert draft.send_at
    assert set(Draft.objects.all()) == {form, draft}
    assert Delivery.objects.count() == 3


def test_so_it_is_with_what_has_no_form_any_more(
    alice: User, bob: User, scheduled: list[Delivery], make_delivery: Make
) -> None:
    lock(alice)
    Draft.objects.all().delete()
    assert cancel([scheduled[0], make_delivery(alice, "old@x.test")], bob) == {}
    assert not Draft.objects.of(alice).exists()
    assert {each.to for each in Draft.objects.of(bob)} == {
        '"Person 0" <p0@customer.test>',
        "old@x.test",
    }


def test_that_is_said_beforehand(
    alice: User, bob: User, scheduled: list[Delivery], as_user: SignIn
) -> None:
    address = f"/conversations/act/cancel/?delivery={scheduled[0].uuid}"
    page = as_user(bob).get(address).content.decode()
    assert "in yours, if that person is deactivated" in page


def lock(user: User) -> None:
    user.is_active = False
    user.save()


def test_an_outsider_cancels_nothing(charlie: User, scheduled: list[Delivery]) -> None:
    assert len(cancel(scheduled, charlie)) == 5
    assert Delivery.objects.count() == 5


def test_what_has_no_form_any_more_becomes_a_draft_of_its_own(
    alice: User, scheduled: list[Delivery]
) -> None:
    Draft.objects.all().delete()
    cancel(scheduled[:2], alice)
    assert {each.to for each in Draft.objects.of(alice)} == {
        '"Person 0" <p0@customer.test>',
        '"Person 1" <p1@customer.test>',
    }


def test_what_has_begun_to_leave_for_one_recipient_is_not_taken_back_for_another(
    alice: User, also_to: Make, make_delivery: Make, do: Do
) -> None:
    begun = make_delivery(alice, state=State.ACCEPTED)
    copy = also_to(begun, "bert@customer.test", state=State.QUEUED)
    assert do("cancel", copy, alice) == BEGUN
    assert Message.objects.filter(pk=begun.message_id).exists()


def test_what_has_begun_to_leave_is_not_offered_to_be_cancelled(
    alice: User, also_to: Make, make_delivery: Make, as_user: SignIn
) -> None:
    begun = make_delivery(alice, state=State.ACCEPTED)
    copy = also_to(begun, "bert@customer.test", state=State.QUEUED)
    client = as_user(alice)
    page = client.get(begun.message.get_absolute_url()).text
    assert f'id="cancel-{copy.pk}"' not in page
    waits = make_delivery(alice)
    address = f"{ACTIONS['cancel'].url}?delivery={copy.uuid}&delivery={waits.uuid}"
    page = client.get(address).text
    assert "Cancel: 1 of 2" in page
    assert BEGUN in page


@pytest.mark.parametrize("state", [State.ACCEPTED, State.FAILED, State.DELAYED])
def test_what_does_not_wait_here_is_not_cancelled(
    alice: User, make_delivery: Make, do: Do, state: State
) -> None:
    assert "“Cancel” is not for" in do(
        "cancel", make_delivery(alice, state=state), alice
    )


def test_pending_offers_it_for_all_that_match(
    alice: User, as_user: SignIn, scheduled: list[Delivery]
) -> None:
    client = as_user(alice)
    assert b"Cancel</button>" in client.get("/conversations/pending/").content
    query: dict[str, Any] = {"everything": 1, "tab": "pending", "list": "scheduled"}
    address = (
        f"{ACTIONS['cancel'].url}?{'&'.join(f'{k}={v}' for k, v in query.items())}"
    )
    assert b"Cancel: 5" in client.get(address).content
    client.post(address, {"accepted": "all"})
    job = BulkJob.objects.get()
    assert job.action == "cancel"


def test_cancelling_from_the_page_of_a_message_leads_back_to_pending(
    bob: User, as_user: SignIn, scheduled: list[Delivery]
) -> None:
    client = as_user(bob)
    page = client.get(scheduled[0].message.get_absolute_url()).content.decode()
    link = page.split(f'id="cancel-{scheduled[0].pk}"')[1].split('href="')[1]
    address = link.split('"')[0].replace("&amp;", "&")
    response = client.post(address, follow=True)
    assert response.status_code == 200
    assert response.redirect_chain[-1][0].startswith("/conversations/pending/")


def test_nothing_is_put_into_the_drafts_of_somebody_else(
    alice: User, bob: User, scheduled: list[Delivery]
) -> None:
    carol = person("carol", team_of=bob)
    carol.role = User.Role.MANAGER
    carol.save()
    lock(alice)
    assert cancel(scheduled[:1], bob) == {}
    assert cancel(scheduled[1:2], carol) == {}
    assert "p1@customer.test" not in Draft.objects.of(bob).get().people
    assert "p1@customer.test" in Draft.objects.of(carol).get().people


def test_what_was_taken_back_before_may_have_been_sent_and_forgotten(
    alice: User, scheduled: list[Delivery]
) -> None:
    cancel(scheduled[:1], alice)
    sent = Draft.objects.of(alice).get()
    Message.objects.filter(pk=scheduled[4].message_id).update(submission=sent.uuid)
    sent.delete()
    assert cancel(scheduled[1:2], alice) == {}
    assert "p1@customer.test" in Draft.objects.of(alice).get().people


def test_the_draft_of_a_follow_up_is_nobody_elses_follow_up(
    alice: User, bob: User, scheduled: list[Delivery], make_delivery: Make
) -> None:
    followed = make_delivery(alice).message
    Draft.objects.update(follows=followed)
    lock(alice)
    assert cancel(scheduled[:1], bob) == {}
    assert Draft.objects.of(bob).get().follows is None

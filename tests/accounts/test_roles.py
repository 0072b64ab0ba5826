"""Promoting, demoting, deactivating: a team always has a manager, and no mail is lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from channels.models import Channel
from channels.pausing import pause
from conversations.models import Attachment, Delivery, Draft, Message
from conversations.models.state import State
from deliveryportal.accounts import deactivating
from deliveryportal.accounts.admin import user as user_admin
from deliveryportal.accounts.deactivating import (
    MoreThanAcceptedError,
    deactivate,
    reactivate,
)
from deliveryportal.accounts.models import AuditEntry, User
from deliveryportal.accounts.promoting import (
    LastManagerError,
    demote,
    keep_a_manager,
    promote,
)
from tests.conftest import PASSWORD, person

AsUser = Callable[[User], Client]
Role = User.Role


def fresh(user: User) -> User:
    return User.objects.get(pk=user.pk)


def page_of(name: str, user: User) -> str:
    return reverse(f"accounts:{name}", args=[user.pk])


@pytest.fixture
def scheduled(alice: User, as_user: AsUser) -> Message:
    """A message of alice's that waits for tomorrow, with a file."""
    tomorrow = now().astimezone(alice.zone) + timedelta(days=1)
    file = Attachment.objects.create(
        owner=alice,
        name="a.txt",
        content_type="text/plain",
        size=1,
        digest="0",
        content=b"a",
    )
    as_user(alice).post(
        reverse("conversations:compose"),
        {
            "to": "anna@customer.test",
            "subject": "Offer",
            "body": "Text.",
            "send_at": f"{tomorrow:%Y-%m-%dT%H:%M}",
            "submission": "7c5dcb0e-8f9a-4a39-a6f2-0c2f5d9a0001",
        },
    )
    Draft.objects.get().attachments.add(file)
    return Message.objects.get()


# --- Roles -------------------------------------------------------------------


def test_a_manager_makes_a_member_a_manager_and_back(
    alice: User, bob: User, as_user: AsUser
) -> None:
    client = as_user(bob)
    page = client.post(page_of("promote", alice), follow=True)
    assert "Alice Acme is a manager now." in page.text
    assert fresh(alice).is_manager
    page = client.post(page_of("demote", alice), follow=True)
    assert "Alice Acme is a member now" in page.text
    assert not fresh(alice).is_manager
    actions = AuditEntry.objects.order_by("-pk").values_list("action", flat=True)[:2]
    assert list(actions) == ["Made a manager a member", "Made a member a manager"]


def test_who_is_what_already_is_left_alone(alice: User, bob: User) -> None:
    promote(alice, by=bob)
    assert not promote(alice, by=bob)
    assert demote(alice, by=bob)
    assert not demote(alice, by=bob)


def test_the_last_manager_stays_one(alice: User, bob: User, as_user: AsUser) -> None:
    page = as_user(bob).post(page_of("demote", bob), follow=True)
    assert "only manager of the team" in page.text
    assert fresh(bob).is_manager
    with pytest.raises(LastManagerError):
        deactivate(bob, heir=None, accepted=0, by=alice)
    assert fresh(bob).is_active


def test_a_deactivated_manager_does_not_count_as_one(alice: User, bob: User) -> None:
    promote(alice, by=bob)
    assert deactivate(bob, heir=None, accepted=0, by=alice)
    with pytest.raises(LastManagerError):
        demote(alice, by=alice)


@pytest.mark.django_db(transaction=True)
def test_two_managers_who_go_at_once_do_not_both_go() -> None:
    bob = person("Bob")
    dana = person("Dana", team_of=bob)
    promote(dana, by=bob)
    both, stayed = Barrier(2), []

    def go(manager: User) -> None:
        both.wait()
        try:
            demote(manager, by=manager)
        except LastManagerError:
            stayed.append(manager)
        finally:
            connection.close()

    threads = [Thread(target=go, args=[each]) for each in (bob, dana)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stayed) == 1
    assert [each for each in (bob, dana) if fresh(each).is_manager] == stayed


def test_nor_does_django_admin_take_a_team_s_last_manager(
    alice: User, bob: User, as_user: AsUser
) -> None:
    admin = User.objects.create_superuser("root@portal.test", "x", "Root")
    client = as_user(admin)
    page = reverse("admin:accounts_user_change", args=[bob.pk])
    form = {
        "email": bob.email,
        "name": bob.name,
        "team": bob.team_id,
        "is_active": "on",
    }
    answer = client.post(page, {**form, "role": "member"})
    assert "would have no manager" in answer.text
    assert fresh(bob).is_manager
    promote(alice, by=bob)
    assert client.post(page, {**form, "role": "member"}).status_code == 302


# --- Deactivating ------------------------------------------------------------


def test_who_is_deactivated_is_signed_out_and_cannot_sign_in(
    alice: User, bob: User, as_user: AsUser
) -> None:
    theirs = Client()
    sign_in = {"login": alice.email, "password": PASSWORD}
    theirs.post(reverse("account_login"), sign_in)
    assert theirs.get(reverse("accounts:profile")).status_code == 200
    page = as_user(bob).post(
        page_of("deactivate", alice), {"accepted": "0"}, follow=True
    )
    assert "Alice Acme is deactivated and signed out." in page.text
    assert theirs.get(reverse("accounts:profile")).status_code == 302
    theirs.post(reverse("account_login"), sign_in)
    assert theirs.get(reverse("accounts:profile")).status_code == 302
    assert AuditEntry.objects.latest("pk").action == "Deactivated a member"


def test_who_is_reactivated_signs_in_anew_as_a_member(
    alice: User, bob: User, as_user: AsUser
) -> None:
    theirs = Client()
    sign_in = {"login": alice.email, "password": PASSWORD}
    theirs.post(reverse("account_login"), sign_in)
    promote(alice, by=bob)
    deactivate(alice, heir=None, accepted=0, by=bob)
    assert "Alice Acme" in as_user(bob).get(reverse("accounts:team")).text
    as_user(bob).post(page_of("reactivate", alice))
    assert not reactivate(alice, by=bob)
    assert theirs.get(reverse("accounts:profile")).status_code == 302
    theirs.post(reverse("account_login"), sign_in)
    assert theirs.get(reverse("accounts:profile")).status_code == 200
    assert not fresh(alice).is_manager


def test_what_becomes_of_scheduled_mail_is_asked_first_with_its_number(
    alice: User, bob: User, scheduled: Message, as_user: AsUser
) -> None:
    client = as_user(bob)
    page = client.get(page_of("deactivate", alice))
    assert "1 message of Alice Acme is scheduled" in page.text
    assert "Hand it to Bob Acme" in page.text
    page = client.post(page_of("deactivate", alice), {"accepted": "1"})
    assert "This field is required" in page.text
    assert fresh(alice).is_active


def test_scheduled_mail_becomes_a_draft_of_the_manager(
    alice: User, bob: User, scheduled: Message, as_user: AsUser
) -> None:
    client = as_user(bob)
    client.post(
        page_of("deactivate", alice), {"accepted": "1", "scheduled": str(bob.pk)}
    )
    assert not Delivery.objects.exists()
    draft = Draft.objects.of(bob).get()
    assert (draft.to, draft.subject, draft.identity) == (
        "anna@customer.test",
        "Offer",
        None,
    )
    assert draft.send_at
    page = client.get(draft.get_absolute_url())
    assert page.status_code == 200
    assert "Offer" in page.text
    assert [each.owner for each in draft.attachments.all()] == [bob]
    assert not Draft.objects.of(alice).exists()
    assert AuditEntry.objects.latest("pk").details["handed_to"] == bob.email


def test_so_does_each_mail_of_a_list_whose_form_is_forgotten(
    alice: User, bob: User, as_user: AsUser
) -> None:
    tomorrow = now().astimezone(alice.zone) + timedelta(days=1)
    form = {"to": "anna@c.test, bert@c.test", "subject": "Offer", "body": "Text."}
    when = {"send_at": f"{tomorrow:%Y-%m-%dT%H:%M}", "submission": str(uuid4())}
    as_user(alice).post(reverse("conversations:compose"), form | when)
    Draft.objects.all().delete()
    deactivate(alice, heir=bob, accepted=2, by=bob)
    recipients = sorted(draft.to for draft in Draft.objects.of(bob))
    assert recipients == ["anna@c.test", "bert@c.test"]
    assert not Delivery.objects.exists()


def test_or_it_is_cancelled_and_says_so_under_failed_deliveries(
    alice: User, bob: User, scheduled: Message, as_user: AsUser
) -> None:
    as_user(bob).post(
        page_of("deactivate", alice), {"accepted": "1", "scheduled": "cancel"}
    )
    delivery = Delivery.objects.get()
    assert delivery.state == State.FAILED
    assert delivery.reason == "withdrawn"
    assert "Alice Acme was deactivated by Bob Acme" in delivery.remote_words


@pytest.fixture
def stuck(alice: User, make_delivery: Callable[..., Delivery]) -> Channel:
    """A server of alice's that refuses her, and mail that was put off behind it."""
    server = Channel.objects.create(
        kind="smtp",
        owner=alice,
        config={"host": "smtp.acme.test", "port": "25", "security": "none"},
    )
    mail = make_delivery(alice, subject="Stuck", attempts=2)
    Delivery.objects.filter(pk=mail.pk).update(channel=server)
    make_delivery(alice, "on-its-way@x.test")
    pause(server, "535 5.7.8 authentication failed")
    return server


@pytest.mark.parametrize("choice", ["hand over", "cancel"])
def test_so_it_is_with_what_is_stuck_behind_a_channel_that_only_they_can_mend(
    alice: User, bob: User, stuck: Channel, as_user: AsUser, choice: str
) -> None:
    client = as_user(bob)
    page = client.get(page_of("deactivate", alice))
    assert "1 message of Alice Acme is scheduled, or stuck behind" in page.text
    chosen = {"hand over": str(bob.pk), "cancel": "cancel"}[choice]
    client.post(page_of("deactivate", alice), {"accepted": "1", "scheduled": chosen})
    assert not fresh(alice).is_active
    [goes_on] = Delivery.objects.filter(state=State.QUEUED)
    assert goes_on.recipient == "on-its-way@x.test"
    if choice == "hand over":
        draft = Draft.objects.of(bob).get()
        assert (draft.subject, draft.send_at) == ("Stuck", "")
    else:
        failed = Delivery.objects.get(state=State.FAILED)
        assert failed.channel == stuck
        assert "Alice Acme was deactivated by Bob Acme" in failed.remote_words


def test_what_is_stuck_for_some_of_its_recipients_alone_fails_for_them(
    alice: User, bob: User, stuck: Channel
) -> None:
    mail = Delivery.objects.get(channel=stuck)
    sent = Delivery.objects.get(pk=mail.pk)
    sent.pk, sent.uuid, sent.state = None, uuid4(), State.ACCEPTED
    sent.return_token = "0" * 32
    sent.save()
    deactivate(alice, heir=bob, accepted=1, by=bob)
    assert Delivery.objects.get(pk=mail.pk).state == State.FAILED
    assert Delivery.objects.get(pk=sent.pk).state == State.ACCEPTED
    assert not Draft.objects.exists()


def test_what_was_scheduled_meanwhile_is_asked_about_again(
    alice: User, bob: User, scheduled: Message, as_user: AsUser
) -> None:
    page = as_user(bob).post(
        page_of("deactivate", alice), {"accepted": "0", "scheduled": "cancel"}
    )
    assert "more mail was scheduled meanwhile" in page.text
    with pytest.raises(MoreThanAcceptedError):
        deactivate(alice, heir=None, accepted=0, by=bob)
    assert fresh(alice).is_active


@pytest.mark.parametrize("where", ["the team's page", "Django admin"])
def test_nobody_inherits_who_has_left_the_team_meanwhile(
    alice: User,
    bob: User,
    scheduled: Message,
    as_user: AsUser,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    heir = person("Dora", team_of=alice)
    promote(heir, by=bob)

    def another_is_quicker(leaver: User) -> None:
        keep_a_manager(leaver)
        User.objects.filter(pk=heir.pk).update(is_active=False)

    if where == "Django admin":
        monkeypatch.setattr(user_admin, "keep_a_manager", another_is_quicker)
        admin = as_user(User.objects.create_superuser("root@portal.test", "x", "Root"))
        url = reverse("admin:accounts_user_change", args=[alice.pk])
        page = admin.post(url, {**in_admin(alice), "scheduled": str(heir.pk)})
    else:
        monkeypatch.setattr(deactivating, "keep_a_manager", another_is_quicker)
        page = as_user(bob).post(
            page_of("deactivate", alice), {"accepted": "1", "scheduled": str(heir.pk)}
        )
    assert "Dora Acme has left the team meanwhile" in page.text
    assert fresh(alice).is_active
    assert not Draft.objects.filter(owner=heir).exists()


def in_admin(member: User) -> dict[str, Any]:
    """What Django admin's form says of a member whose access is to be closed."""
    return {
        "email": member.email,
        "name": member.name,
        "team": member.team_id,
        "role": "member",
    }


@pytest.mark.parametrize("choice", ["hand over", "cancel"])
def test_django_admin_asks_about_scheduled_mail_too(
    alice: User, bob: User, scheduled: Message, as_user: AsUser, choice: str
) -> None:
    theirs = Client()
    theirs.post(reverse("account_login"), {"login": alice.email, "password": PASSWORD})
    root = User.objects.create_superuser("root@portal.test", "x", "Root")
    page = reverse("admin:accounts_user_change", args=[alice.pk])
    form = in_admin(alice)
    admin = as_user(root)
    assert "Hand it to Bob Acme" in admin.get(page).text
    answer = admin.post(page, form)
    assert "1 message of theirs would still leave" in answer.text
    assert fresh(alice).is_active
    chosen = {"hand over": str(bob.pk), "cancel": "cancel"}[choice]
    assert admin.post(page, {**form, "scheduled": chosen}).status_code == 302
    assert not fresh(alice).is_active
    assert theirs.get(reverse("accounts:profile")).status_code == 302
    assert Draft.objects.of(bob).exists() is (choice == "hand over")
    states = Delivery.objects.values_list("state", flat=True)
    assert list(states) == ([] if choice == "hand over" else [State.FAILED])
    entry = AuditEntry.objects.get(action="Deactivated a member")
    assert (entry.actor, entry.team) == (root, alice.team)


def test_django_admin_asks_nothing_where_nothing_is_scheduled(
    alice: User, as_user: AsUser
) -> None:
    root = User.objects.create_superuser("root@portal.test", "x", "Root")
    page = reverse("admin:accounts_user_change", args=[alice.pk])
    assert "Their mail that waits" not in as_user(root).get(page).text


def test_nobody_deactivates_themselves_or_an_admin(
    alice: User, bob: User, as_user: AsUser
) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    client = as_user(bob)
    for each, words in ((bob, "This is you."), (alice, "is an admin")):
        page = client.post(page_of("deactivate", each), {"accepted": "0"})
        assert words in page.text
        assert fresh(each).is_active


def test_nobody_lets_an_admin_in_again_either(
    alice: User, bob: User, as_user: AsUser
) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_active=False)
    page = as_user(bob).post(page_of("reactivate", alice))
    assert page.status_code == 403
    assert "Alice Acme is an admin, whose access is kept in Django admin." in page.text
    assert not fresh(alice).is_active


@pytest.mark.parametrize("name", ["promote", "demote", "deactivate", "reactivate"])
def test_a_team_is_its_own_managers_business(
    name: str, alice: User, charlie: User, as_user: AsUser
) -> None:
    assert as_user(charlie).post(page_of(name, alice)).status_code == 404
    assert as_user(alice).post(page_of(name, alice)).status_code == 403

"""Admins pause the queue or a part of it, and resume it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from conversations.delivering import claim, look_ahead
from conversations.models import Delivery, Hold
from conversations.models.hold import Scope
from conversations.models.state import State
from conversations.sending.holding import lift, place
from conversations.sending.lease import Lease
from conversations.sweeping import sweep
from deliveryportal.accounts.models import AuditEntry, User
from tests.conversations.lanes import claim_due

MakeDelivery = Callable[..., Delivery]


@pytest.fixture
def operator(db: None) -> User:
    return User.objects.create_superuser("op@portal.test", "x")


@pytest.fixture
def pause(
    operator: User, django_capture_on_commit_callbacks: Callable[..., Any]
) -> Callable[..., Hold]:
    def pause(**fields: Any) -> Hold:
        hold = Hold(because="maintenance", **fields)
        hold.full_clean(exclude=["placed_by", "lifted_by"])
        with django_capture_on_commit_callbacks(execute=True):
            place(hold, operator)
        return hold

    return pause


def naming(scope: Scope, delivery: Delivery) -> dict[str, Any]:
    keys: dict[Scope, dict[str, Any]] = {
        Scope.EVERYTHING: {},
        Scope.TEAM: {"team": delivery.team},
        Scope.SENDER: {"sender": delivery.sender},
        Scope.CHANNEL: {"channel": delivery.channel},
        Scope.DOMAIN: {"domain": "Paused.test"},
    }
    return {"scope": scope, **keys[scope]}


by_hand = pytest.mark.parametrize("scope", [s for s in Scope if s is not Scope.SLOWED])


@by_hand
def test_what_is_paused_is_neither_claimed_nor_announced(
    scope: Scope, alice: User, make_delivery: MakeDelivery, pause: Callable[..., Hold]
) -> None:
    delivery = make_delivery(alice, "anna@paused.test")
    pause(**naming(scope, delivery))
    assert claim_due(delivery.channel, alice.pk) == []
    assert sweep().lanes == 0


@by_hand
def test_what_is_resumed_goes_on(
    scope: Scope,
    alice: User,
    operator: User,
    make_delivery: MakeDelivery,
    pause: Callable[..., Hold],
) -> None:
    delivery = make_delivery(alice, "anna@paused.test")
    hold = pause(**naming(scope, delivery))
    assert lift(hold, operator) is True
    assert lift(hold, operator) is False
    assert sweep().lanes == 1
    assert claim_due(delivery.channel, alice.pk) == [delivery]
    hold.refresh_from_db()
    assert (hold.placed_by, hold.lifted_by) == (operator, operator)
    assert hold.lifted_at is not None


@pytest.mark.parametrize(
    "scope", [Scope.TEAM, Scope.SENDER, Scope.DOMAIN], ids=lambda scope: scope.value
)
def test_the_mail_of_others_goes_on(
    scope: Scope,
    alice: User,
    charlie: User,
    make_delivery: MakeDelivery,
    pause: Callable[..., Hold],
) -> None:
    pause(**naming(scope, make_delivery(alice, "anna@paused.test")))
    other = make_delivery(charlie, "anna@open.test")
    assert claim_due(other.channel, charlie.pk) == [other]
    assert sweep().lanes == 0  # alice's; charlie's is in hand


@by_hand
def test_what_a_worker_has_read_and_not_begun_is_paused_at_once(
    scope: Scope, alice: User, make_delivery: MakeDelivery, pause: Callable[..., Hold]
) -> None:
    first, second = (make_delivery(alice, f"p{n}@paused.test") for n in range(2))
    batch, lease = look_ahead(first.channel, alice.pk), Lease.new()
    assert batch.deliveries == [first, second]
    assert claim([first], lease, batch) == [first]
    pause(**naming(scope, first))
    assert claim([second], lease, batch) == []
    states = dict(Delivery.objects.values_list("pk", "state"))
    assert states == {first.pk: State.HANDING_OVER, second.pk: State.QUEUED}


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(hours=1)])
def test_what_another_domain_asks_for_meanwhile_keeps_nothing_else_back(
    ahead: timedelta, alice: User, make_delivery: MakeDelivery
) -> None:
    """By whatever clock: one that was ahead, or has been put back since."""
    here, there = (
        make_delivery(alice, f"anna@{name}.test") for name in ("open", "busy")
    )
    batch = look_ahead(here.channel, alice.pk)
    assert batch.deliveries == [here, there]
    Hold.objects.create(
        scope=Scope.SLOWED,
        channel=here.channel,
        domain="busy.test",
        because="busy.test asked us to slow down",
        times=1,
        placed_at=now() + ahead,
        until=now() + ahead + timedelta(minutes=1),
    )
    assert claim(batch.deliveries, Lease.new(), batch) == [here]


def test_a_pause_with_an_end_is_over_by_itself(
    alice: User, make_delivery: MakeDelivery, pause: Callable[..., Hold]
) -> None:
    delivery = make_delivery(alice)
    hold = pause(scope=Scope.EVERYTHING, until=now() + timedelta(hours=1))
    assert claim_due(delivery.channel, alice.pk) == []
    Hold.objects.filter(pk=hold.pk).update(until=now())
    assert claim_due(delivery.channel, alice.pk) == [delivery]


@pytest.mark.parametrize(
    "written", ["bücher.test", "Bücher.test.", "@bücher.test", "xn--bcher-kva.test"]
)
def test_a_domain_is_paused_however_it_is_written(
    alice: User, make_delivery: MakeDelivery, pause: Callable[..., Hold], written: str
) -> None:
    delivery = make_delivery(alice, "p@xn--bcher-kva.test")
    hold = pause(scope=Scope.DOMAIN, domain=written)
    assert claim_due(delivery.channel, alice.pk) == []
    assert sweep().lanes == 0
    assert hold.what == "mail to bücher.test"


def test_what_waits_says_so_to_its_owner_and_to_nobody_else(
    alice: User,
    charlie: User,
    make_delivery: MakeDelivery,
    pause: Callable[..., Hold],
    as_user: Callable[[User], Client],
) -> None:
    delivery = make_delivery(alice)
    pause(scope=Scope.SENDER, sender=alice)
    page = delivery.message.get_absolute_url()
    for address in (reverse("conversations:pending"), page):
        text = as_user(alice).get(address).content.decode()
        assert "Paused by an admin: maintenance" in text
    assert "when an admin resumes it" in as_user(alice).get(page).content.decode()
    assert as_user(charlie).get(page).status_code == 404


@pytest.mark.parametrize(
    ("until", "says"),
    [
        (None, "Scheduled"),
        (timedelta(hours=1), "Scheduled"),
        (timedelta(days=9), "Paused by an admin: maintenance"),
    ],
    ids=["open", "over before", "over later"],
)
def test_what_is_scheduled_for_later_does_not_wait_for_a_pause_that_may_be_over(
    alice: User,
    make_delivery: MakeDelivery,
    pause: Callable[..., Hold],
    until: timedelta | None,
    says: str,
) -> None:
    make_delivery(alice, not_before=now() + timedelta(days=5))
    pause(scope=Scope.EVERYTHING, until=now() + until if until else None)
    wait = Delivery.objects.with_hold().get().wait
    assert wait
    assert wait[0] == says


def test_a_pause_that_does_not_name_its_mail_is_not_placed(
    alice: User, pause: Callable[..., Hold]
) -> None:
    for wrong in (
        {"scope": Scope.SENDER},
        {"scope": Scope.EVERYTHING, "sender": alice},
        {"scope": Scope.DOMAIN, "domain": " @ "},
        {"scope": Scope.DOMAIN, "domain": "not a domain"},
        {"scope": Scope.EVERYTHING, "until": now() - timedelta(minutes=1)},
    ):
        with pytest.raises(ValidationError):
            pause(**wrong)
    assert not Hold.objects.exists()


# --- the operator's pages -----------------------------------------------------

ADD = reverse("admin:conversations_hold_add")
ALL = reverse("admin:conversations_hold_changelist")


def test_an_operator_pauses_and_resumes(
    alice: User,
    operator: User,
    make_delivery: MakeDelivery,
    as_user: Callable[[User], Client],
) -> None:
    delivery, client = make_delivery(alice), as_user(operator)
    answer = client.post(
        ADD, {"scope": "sender", "sender": alice.pk, "because": "spam?"}
    )
    assert answer.status_code == 302
    hold = Hold.objects.get()
    assert (hold.placed_by, hold.what) == (operator, "Alice Acme")
    noted = AuditEntry.objects.get(area=AuditEntry.Area.ADMIN)
    assert noted.action == "Added the pause"
    assert claim_due(delivery.channel, alice.pk) == []

    chosen = {"action": "resume", "_selected_action": [hold.pk]}
    assert "What waited goes out now" in (
        client.post(ALL, chosen, follow=True).content.decode()
    )
    assert claim_due(delivery.channel, alice.pk) == [delivery]
    assert AuditEntry.objects.filter(area=AuditEntry.Area.ADMIN).count() == 2
    assert (
        "Left alone: 1. They were over before."
        in client.post(ALL, chosen, follow=True).content.decode()
    )


def test_nothing_is_paused_by_a_slip(
    operator: User, as_user: Callable[[User], Client]
) -> None:
    client = as_user(operator)
    form = client.get(ADD).context["adminform"].form
    assert not form["scope"].value()
    assert form.fields["scope"].choices[0] == ("", "---------")
    assert client.post(ADD, {"because": "x"}).status_code == 200
    assert not Hold.objects.exists()


def test_times_are_told_to_the_second(
    operator: User, pause: Callable[..., Hold], as_user: Callable[[User], Client]
) -> None:
    pause(scope=Scope.EVERYTHING, until=datetime(2099, 3, 4, 15, 6, 7, tzinfo=UTC))
    assert "4 Mar 2099, 15:06:07" in as_user(operator).get(ALL).content.decode()


def test_a_wrong_form_says_what_is_wrong(
    operator: User, as_user: Callable[[User], Client]
) -> None:
    answer = as_user(operator).post(ADD, {"scope": "domain", "because": "x"})
    assert "Say which." in answer.content.decode()
    answer = as_user(operator).post(
        ADD, {"scope": "domain", "domain": "customer", "because": "x"}
    )
    assert "“customer” is not a domain mail can be sent to." in answer.content.decode()
    slowed = {"scope": "slowed", "domain": "a.test", "because": "x"}
    assert as_user(operator).post(ADD, slowed).status_code == 200
    assert not Hold.objects.exists()


def test_a_pause_on_record_is_neither_changed_nor_deleted(
    operator: User, as_user: Callable[[User], Client], pause: Callable[..., Hold]
) -> None:
    hold, client = pause(scope=Scope.EVERYTHING), as_user(operator)
    change = reverse("admin:conversations_hold_change", args=[hold.pk])
    delete = reverse("admin:conversations_hold_delete", args=[hold.pk])
    assert client.get(change).status_code == 200
    assert client.post(change, {"because": "y"}).status_code == 403
    assert client.post(delete, {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("persona", ["alice", "bob", "charlie"])
def test_whoever_is_no_operator_cannot_pause(
    persona: str, request: pytest.FixtureRequest, as_user: Callable[[User], Client]
) -> None:
    client = as_user(request.getfixturevalue(persona))
    for address in (ADD, ALL):
        assert client.get(address).status_code == 302
        answer = client.post(address, {"scope": "everything", "because": "x"})
        assert answer.status_code == 302
        assert answer["Location"].startswith(reverse("admin:login"))
    assert not Hold.objects.exists()

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.http import QueryDict
from django.utils.timezone import now

from channels.models import Allowance, Channel
from conversations.lists.browsing import Browsing
from conversations.lists.columns import Layout
from conversations.lists.rows import rows_of
from conversations.lists.waiting import WAITS
from conversations.models import Delivery, Hold
from conversations.models.state import BROKE, IS_DOWN, LATER, SLOW_DOWN, State
from deliveryportal.accounts.models import User

MakeDelivery = Callable[..., Delivery]
SAYS = {
    "channel": ("is mended", IS_DOWN),
    "limit": ("Waits for the limit",),
    "domain": (SLOW_DOWN,),
    "try": (LATER, BROKE),
    "admin": ("Paused by an admin",),
    "server": ("Their server is still trying",),
    "": ("Its turn", "Scheduled for"),
}


@pytest.fixture
def waiting(alice: User, portal_channel: Channel, make_delivery: MakeDelivery) -> None:
    """Mail that waits for each thing, and for two at once."""
    at = now()
    soon, later = at + timedelta(hours=1), at + timedelta(days=1)
    server = Channel.objects.create(kind="smtp", owner=alice)
    broken = Channel.objects.create(
        kind="gmail", owner=alice, health="paused", paused_because="535 no"
    )
    Allowance.objects.create(
        channel=server, sender=alice, held_until=soon, held_because="the limit of 10"
    )
    for domain, until in (("endless.test", None), ("paused.test", soon)):
        Hold.objects.create(scope="domain", domain=domain, until=until, because="fair")
    Hold.objects.create(
        scope="slowed",
        channel=portal_channel,
        domain="busy.test",
        until=soon,
        because=f"busy.test {SLOW_DOWN}",
    )
    for name, channel, fields in (
        ("turn@x.test", portal_channel, {}),
        ("scheduled@x.test", portal_channel, {"not_before": later}),
        ("delayed@x.test", portal_channel, {"state": State.DELAYED, "accepted_at": at}),
        ("delayed-too@x.test", broken, {"state": State.DELAYED, "accepted_at": at}),
        ("broken@x.test", broken, {}),
        ("broken-and-put-off@x.test", broken, {"waiting_for": f"x {LATER}"}),
        ("broken@endless.test", broken, {}),
        ("down@x.test", portal_channel, {"waiting_for": f"Portal servers {IS_DOWN}"}),
        ("limited@x.test", server, {}),
        ("limited-later@x.test", server, {"not_before": later}),
        ("limited-and-put-off@x.test", server, {"waiting_for": f"x {LATER}"}),
        ("asked@x.test", portal_channel, {"waiting_for": f"x.test {SLOW_DOWN}"}),
        ("late@x.test", portal_channel, {"waiting_for": f"x.test {LATER}"}),
        ("lost@x.test", portal_channel, {"waiting_for": BROKE}),
        ("a@busy.test", portal_channel, {}),
        ("later@busy.test", portal_channel, {"not_before": later}),
        ("by-another@busy.test", server, {}),
        ("a@endless.test", portal_channel, {"waiting_for": f"x {LATER}"}),
        ("later@endless.test", portal_channel, {"not_before": later}),
        ("a@paused.test", portal_channel, {}),
        (
            "sooner@paused.test",
            portal_channel,
            {"not_before": at + timedelta(minutes=9)},
        ),
    ):
        made = make_delivery(alice, name, **fields)
        Delivery.objects.filter(pk=made.pk).update(channel=channel)


def rows(user: User, query: str) -> list[Delivery]:
    browsing = Browsing.of(user, "pending", QueryDict(query))
    assert browsing is not None
    assert not browsing.filter.problems
    return browsing.page(Layout(("reason",), 50)).rows


def said(delivery: Delivery) -> str:
    """What the row says that it waits for, as the filter calls it."""
    row = rows_of([delivery], ["reason"], waiting=True)
    [key] = [key for key, words in SAYS.items() if any(each in row for each in words)]
    return key


@pytest.mark.parametrize("viewer", ["alice", "bob"])
@pytest.mark.usefixtures("waiting")
def test_pending_is_narrowed_to_what_its_rows_say(
    request: pytest.FixtureRequest, viewer: str
) -> None:
    user: User = request.getfixturevalue(viewer)
    shown: dict[str, set[str]] = {key: set() for key in SAYS}
    for each in rows(user, ""):
        shown[said(each)].add(each.recipient)
    assert all(shown.values()), "one of them is not tried"
    for key in WAITS:
        assert {each.recipient for each in rows(user, f"waits={key}")} == shown[key]


@pytest.mark.usefixtures("waiting")
def test_a_list_in_pending_is_narrowed_likewise(alice: User, charlie: User) -> None:
    [row] = rows(alice, "list=scheduled&waits=admin")
    assert row.recipient == "sooner@paused.test"
    assert rows(charlie, "waits=admin") == []

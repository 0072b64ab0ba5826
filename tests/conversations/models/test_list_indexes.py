from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import product

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.utils.timezone import now

from conversations.lists.browsing import Browsing
from conversations.models import Delivery
from conversations.models.list_indexes import LIST_INDEXES
from conversations.models.state import State
from deliveryportal.accounts.models import User
from tests.conftest import PASSWORD

MakeDelivery = Callable[..., Delivery]


@pytest.fixture
def of_each_kind(alice: User, make_delivery: MakeDelivery) -> list[Delivery]:
    """In each state, archived and not, tracked and not."""

    def kinds() -> Iterator[Delivery]:
        for state, archived, tracked in product(State, [None, now()], [True, False]):
            held = state == State.HANDING_OVER
            made = make_delivery(
                alice,
                state=state,
                archived_at=archived,
                lease="1-held" if held else "",
                lease_until=now() + timedelta(minutes=5) if held else None,
            )
            Delivery.objects.filter(pk=made.pk).update(tracked=tracked)
            yield made

    return list(kinds())


def test_every_delivery_stands_in_a_list(of_each_kind: list[Delivery]) -> None:
    assert Delivery.objects.in_lists().count() == len(of_each_kind)


@pytest.mark.parametrize("whose", ["team", "sender"])
def test_an_admin_finds_all_of_a_team_or_a_member(
    whose: str,
    of_each_kind: list[Delivery],
    alice: User,
    charlie: User,
    make_delivery: MakeDelivery,
    as_user: Callable[[User], Client],
) -> None:
    make_delivery(charlie, "theirs@customer.test")
    admin = as_user(User.objects.create_superuser("op@portal.test", PASSWORD))
    key = getattr(of_each_kind[0], f"{whose}_id")
    page = admin.get(f"/admin/conversations/delivery/?{whose}__id__exact={key}")
    shown = {each.pk for each in page.context["cl"].result_list}
    assert shown == {each.pk for each in of_each_kind}


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has other plans")
@pytest.mark.parametrize("whose", ["team", "sender"])
def test_what_is_of_a_team_or_a_member_is_found_by_the_lists_indexes(
    whose: str, of_each_kind: list[Delivery]
) -> None:
    key = getattr(of_each_kind[0], whose)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = Delivery.objects.in_lists().filter(**{whose: key}).explain()
    asked = set(re.findall(r"Bitmap Index Scan on (\w+)", plan))
    assert len(asked) == 5
    assert asked <= {index.name for index in LIST_INDEXES}


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has other plans")
def test_what_is_scheduled_stands_in_its_index_in_the_order_it_leaves(
    bob: User,
) -> None:
    query = QueryDict("list=scheduled&sort=leaving")
    browsing = Browsing.of(bob, "pending", query)
    assert browsing is not None
    [part] = browsing.parts
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
    plan = part.ordered(None, down=False).explain()
    assert "conv_scheduled_team" in plan

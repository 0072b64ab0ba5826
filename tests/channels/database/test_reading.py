from __future__ import annotations

import pytest
from django.db.models import CharField, F
from django.db.models.functions import Upper

from channels.database.reading import found, values
from deliveryportal.accounts.models import User


@pytest.mark.parametrize("once", [True, False])
def test_the_first_are_found_as_django_finds_them(
    alice: User,
    bob: User,
    charlie: User,
    once: bool,
) -> None:
    rows = User.objects.order_by("-pk").only("name", "date_joined")
    read, expected = found(rows, 2, once=once), list(rows[:2])
    assert read == expected
    assert len(read) == 2
    for one, other in zip(read, expected, strict=True):
        assert one.date_joined == other.date_joined
        assert one.get_deferred_fields() == other.get_deferred_fields()


def test_what_is_annotated_is_found_with_it(alice: User) -> None:
    rows = User.objects.filter(pk=alice.pk).only("name")
    loud = rows.annotate(
        loud=Upper("email", output_field=CharField()), joined=F("date_joined")
    )
    [one] = found(loud, 1)
    assert (one.__dict__["loud"], one.__dict__["joined"]) == (
        alice.email.upper(),
        alice.date_joined,
    )


def test_nothing_is_found_where_nothing_can_be(alice: User) -> None:
    assert found(User.objects.none(), 1) == []
    assert found(User.objects.filter(pk=0), 1) == []
    assert values(User.objects.none().values_list("pk"), 1) == []


def test_values_are_read_alike(alice: User, bob: User) -> None:
    rows = User.objects.order_by("pk").values_list("email", "date_joined")
    assert values(rows, 1) == list(rows[:1])

from __future__ import annotations

import pytest

from channels.addresses import parse_address
from channels.identities import add, make_default
from channels.models import EmailIdentity
from channels.verifying import verify
from deliveryportal.accounts.models import User


def add_for(user: User, address: str) -> EmailIdentity | None:
    return add(
        owner=user,
        address=parse_address(address),
        display_name="Sales",
        signature="",
    )


@pytest.fixture
def sales(alice: User) -> EmailIdentity:
    added = add_for(alice, "sales@acme.test")
    assert added
    return added


def default_of(user: User) -> EmailIdentity:
    return EmailIdentity.objects.get(owner=user, is_default=True)


def test_an_added_identity_is_neither_verified_nor_the_default(
    sales: EmailIdentity,
) -> None:
    assert (sales.is_verified, sales.is_default) == (False, False)


def test_one_address_is_one_identity_in_any_case(
    alice: User, sales: EmailIdentity
) -> None:
    assert add_for(alice, "SALES@Acme.test") is None
    assert EmailIdentity.objects.of(alice).count() == 2


def test_the_first_identity_of_someone_without_any_is_the_default(alice: User) -> None:
    EmailIdentity.objects.of(alice).delete()
    assert add_for(alice, "alice@acme.test") == default_of(alice)


def test_only_a_verified_identity_becomes_the_default(
    alice: User, sales: EmailIdentity
) -> None:
    first = default_of(alice)
    assert not make_default(sales)
    assert default_of(alice) == first
    verify(sales)
    assert make_default(sales)
    assert default_of(alice) == sales
    assert make_default(sales)
    assert default_of(alice) == sales


def test_the_defaults_of_others_stay(alice: User, bob: User) -> None:
    assert make_default(default_of(alice))
    assert default_of(bob).address == "bob@acme.test"

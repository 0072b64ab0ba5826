from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from channels.models import EmailIdentity
from deliveryportal.accounts.models import User
from tests.conftest import PASSWORD

ADD = "admin:accounts_user_add"


@pytest.fixture
def operator(db: None, as_user: Callable[[User], Client]) -> Client:
    return as_user(User.objects.create_superuser("op@portal.test", PASSWORD))


def form(**fields: object) -> dict[str, object]:
    return {
        "email": "dora@acme.test",
        "name": "Dora Acme",
        "role": "member",
        "usable_password": "true",
        "password1": PASSWORD,
        "password2": PASSWORD,
    } | fields


def test_a_new_user_without_a_team_founds_one(operator: Client) -> None:
    assert operator.post(reverse(ADD), form()).status_code == 302
    dora = User.objects.get(email="dora@acme.test")
    assert dora.is_manager
    assert dora.team.name == "Dora Acme's team"
    assert EmailIdentity.objects.get(owner=dora).is_default
    assert dora.check_password(PASSWORD)


def test_a_new_user_joins_the_chosen_team(operator: Client, bob: User) -> None:
    operator.post(reverse(ADD), form(team=bob.team_id))
    dora = User.objects.get(email="dora@acme.test")
    assert (dora.team, dora.role) == (bob.team, User.Role.MEMBER)
    assert EmailIdentity.objects.get(owner=dora).address == dora.email


def test_a_name_with_an_address_in_it_is_not_what_recipients_see(
    operator: Client,
) -> None:
    operator.post(reverse(ADD), form(name="ceo@bigbank.test"))
    identity = EmailIdentity.objects.get(owner__name="ceo@bigbank.test")
    assert identity.display_name == "dora"


def test_an_address_in_another_case_is_taken(operator: Client, bob: User) -> None:
    response = operator.post(reverse(ADD), form(email="BOB@acme.test"))
    assert response.status_code == 200
    assert response.context["adminform"].form.errors
    assert User.objects.filter(email__iexact=bob.email).count() == 1


def test_changing_a_user_keeps_the_password(operator: Client, alice: User) -> None:
    response = operator.post(
        reverse("admin:accounts_user_change", args=[alice.pk]),
        {
            "email": alice.email,
            "name": "Alice Renamed",
            "team": alice.team_id,
            "role": "manager",
            "is_active": "on",
        },
    )
    assert response.status_code == 302
    alice.refresh_from_db()
    assert (alice.name, alice.role) == ("Alice Renamed", User.Role.MANAGER)
    assert alice.check_password(PASSWORD)


def test_an_operator_sets_another_password(operator: Client, alice: User) -> None:
    address = reverse("admin:auth_user_password_change", args=[alice.pk])
    assert (
        address
        in operator.get(
            reverse("admin:accounts_user_change", args=[alice.pk])
        ).content.decode()
    )
    assert operator.get(address).status_code == 200
    another = "another horse battery staple"
    operator.post(
        address, {"usable_password": "true", "password1": another, "password2": another}
    )
    alice.refresh_from_db()
    assert alice.check_password(another)

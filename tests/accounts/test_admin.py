from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from channels.models import EmailIdentity
from deliveryportal.accounts.models import AuditEntry, Team, User
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


def in_form(person: User, **changes: Any) -> dict[str, Any]:
    """What the form says of somebody active."""
    return {
        "email": person.email,
        "name": person.name,
        "team": person.team_id,
        "role": person.role,
        "is_active": "on",
        **changes,
    }


def test_no_team_gets_a_member_before_a_manager(
    operator: Client, alice: User, bob: User
) -> None:
    nobodys = Team.objects.create(name="Globex")
    moved = in_form(alice, team=nobodys.pk)
    page = operator.post(f"/admin/accounts/user/{alice.pk}/change/", moved)
    assert "Globex would have no manager" in page.content.decode()
    page = operator.post(reverse(ADD), form(team=nobodys.pk))
    assert "Globex would have no manager" in page.content.decode()
    User.objects.filter(pk=alice.pk).update(is_active=False)
    User.objects.filter(pk=bob.pk).update(is_active=False)
    page = operator.post(f"/admin/accounts/user/{alice.pk}/change/", in_form(alice))
    assert "would have no manager" in page.content.decode()
    assert not User.objects.filter(pk=alice.pk, is_active=True).exists()
    as_manager = in_form(alice, role="manager")
    operator.post(f"/admin/accounts/user/{alice.pk}/change/", as_manager)
    assert User.objects.filter(pk=alice.pk, is_active=True).exists()


def test_both_teams_are_told_of_somebody_who_is_moved(
    operator: Client, alice: User, charlie: User
) -> None:
    left = alice.team_id
    moved = in_form(alice, team=charlie.team_id)
    operator.post(f"/admin/accounts/user/{alice.pk}/change/", moved)
    told = {each.team_id for each in AuditEntry.objects.exclude(team=None)}
    assert {left, charlie.team_id} <= told

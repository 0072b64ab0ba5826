from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from deliveryportal.accounts import forms
from deliveryportal.accounts.models import User

URL = "/settings/profile/"
SignIn = Callable[[User], Client]


def test_name_time_zone_and_undo_are_kept(alice: User, as_user: SignIn) -> None:
    client = as_user(alice)
    assert client.get(URL).status_code == 200
    response = client.post(URL, {"name": "Alice B", "time_zone": "Asia/Tokyo"})
    assert response["Location"] == URL
    alice.refresh_from_db()
    assert (alice.name, alice.time_zone, alice.can_undo) == (
        "Alice B",
        "Asia/Tokyo",
        False,
    )
    assert alice.zone.key == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": ""}, "This field is required"),
        ({"name": "A\u202eB"}, "one line of plain text"),
        ({"name": "ceo@bigbank.test"}, "A name must not contain “@”"),
        ({"name": "A", "time_zone": "Mars/Olympus"}, "Select a valid choice"),
    ],
)
def test_bad_input_changes_nothing(
    alice: User, as_user: SignIn, fields: dict[str, str], words: str
) -> None:
    page = as_user(alice).post(URL, fields).content.decode()
    assert words in page
    alice.refresh_from_db()
    assert alice.name == "Alice Acme"


@pytest.mark.parametrize(
    "zone", ["localtime", "Zulu", "ROC", "W-SU", "US/Eastern", "Etc/GMT+5", "EST5EDT"]
)
def test_zones_by_names_of_old_are_not_offered_and_kept_where_they_were_chosen(
    alice: User,
    bob: User,
    as_user: SignIn,
    zone: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Not every system has them.
    known = {"Europe/Berlin", zone}
    monkeypatch.setattr(forms, "available_timezones", lambda: known)
    User.objects.filter(pk=bob.pk).update(time_zone=zone)
    assert f'value="{zone}"' not in as_user(alice).get(URL).content.decode()
    as_user(bob).post(URL, {"name": "Bob B", "time_zone": zone})
    bob.refresh_from_db()
    assert (bob.name, bob.time_zone) == ("Bob B", zone)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Indiana/Knox"])
def test_zones_by_their_place_are_offered(
    alice: User, as_user: SignIn, zone: str
) -> None:
    assert f'value="{zone}"' in as_user(alice).get(URL).content.decode()


def test_a_zone_that_is_no_more_is_the_installations(alice: User) -> None:
    alice.time_zone = "Mars/Olympus"
    assert alice.zone.key == "UTC"


def test_a_profile_is_behind_the_sign_in(
    client: Client, alice: User, as_user: SignIn
) -> None:
    assert client.get(URL)["Location"].startswith("/accounts/login/")
    assert as_user(alice).delete(URL).status_code == 405

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

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


def test_a_zone_that_is_no_more_is_the_installations(alice: User) -> None:
    alice.time_zone = "Mars/Olympus"
    assert alice.zone.key == "UTC"


def test_a_profile_is_behind_the_sign_in(
    client: Client, alice: User, as_user: SignIn
) -> None:
    assert client.get(URL)["Location"].startswith("/accounts/login/")
    assert as_user(alice).delete(URL).status_code == 405

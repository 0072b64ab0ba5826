from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine

from channels.return_path import new_token, return_path, token_of

DOMAIN = "bounce.portal.test"


def test_a_return_path_leads_back_to_its_token() -> None:
    token = new_token()
    assert token_of(return_path(token, DOMAIN), DOMAIN) == token


def test_it_survives_a_server_that_folds_case() -> None:
    token = new_token()
    assert token_of(return_path(token, DOMAIN).upper(), DOMAIN) == token


def test_its_local_part_fits_the_64_octets_of_rfc_5321() -> None:
    local_part = return_path(new_token(), DOMAIN).partition("@")[0]
    assert len(local_part) <= 64
    assert local_part == local_part.lower()


def test_none_can_be_guessed_and_those_of_later_come_later() -> None:
    with time_machine.travel(0, tick=False) as clock:
        early = {new_token() for _ in range(100)}
        clock.shift(timedelta(seconds=1))
        late = new_token()
    assert len({token[12:] for token in early}) == 100
    assert max(early) < late


@pytest.mark.parametrize(
    "address",
    [
        "",
        "<>",
        "postmaster@bounce.portal.test",
        f"b{'0' * 31}@{DOMAIN}",
        f"b{'0' * 33}@{DOMAIN}",
        f"b{'g' * 32}@{DOMAIN}",
        f"b{'0' * 32}@elsewhere.test",
        f"b{'0' * 32}",
    ],
)
def test_other_addresses_are_no_return_path(address: str) -> None:
    assert token_of(address, DOMAIN) is None

from __future__ import annotations

import pytest

from channels.models import Channel
from conversations.watching.cause_key import CauseKey


@pytest.mark.parametrize(
    ("address", "title"),
    [
        ("address_unknown", "Address does not exist"),
        ("spam_policy:bigco.com", "Blocked by policy at bigco.com"),
        ("spam_policy:xn--bcher-kva.test", "Blocked by policy at bücher.test"),
        ("spam_policy:xn--a.test", "Blocked by policy at xn--a.test"),
        ("channel_down:17", "Delivery channel out of order"),
        ("none", "Reason not given"),
        ("unknown", "Reason not given"),
    ],
)
def test_what_stands_in_an_address_is_read_named_and_written_again(
    address: str, title: str
) -> None:
    key = CauseKey.from_address(address)
    assert key is not None
    assert key.title(None) == title
    assert key.in_address == address


def test_a_channel_that_is_known_is_named() -> None:
    channel = Channel(kind="smtp", config={"host": "smtp.acme.com"})
    assert (
        CauseKey.of("channel_down:17").title(channel)
        == "smtp.acme.com was out of order"
    )


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nonsense",
        "nonsense:bigco.com",
        "address_unknown:bigco.com",  # it speaks of no domain
        "spam_policy",  # but this does
        "spam_policy:",
        "spam_policy:big\x00co.com",
        "spam_policy:big\nco.com",
        "spam_policy:" + "x" * 300,
        "channel_down:",
        "channel_down:smtp",
        "channel_down:-1",
        "channel_down:²",
        "channel_down:" + "9" * 19,  # more than the database has numbers
    ],
)
def test_what_is_no_cause_is_not_read_as_one(address: str) -> None:
    assert CauseKey.from_address(address) is None

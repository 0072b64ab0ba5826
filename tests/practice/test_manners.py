from __future__ import annotations

import pytest

from conversations.bounces.classify import classify
from deliveryportal.practice.answers import ANSWERS
from deliveryportal.practice.manners import FRIENDLY, MANNERS, manner_of


@pytest.mark.parametrize("local_part", MANNERS)
def test_every_manner_says_what_it_does(local_part: str) -> None:
    assert MANNERS[local_part].does.endswith(".")


@pytest.mark.parametrize("local_part", MANNERS)
def test_every_later_answer_exists(local_part: str) -> None:
    assert MANNERS[local_part].answer in {"", *ANSWERS}


@pytest.mark.parametrize(
    "address", ["full@a.test", "FULL@b.test", "full@xn--a.test", "full+anna@a.test"]
)
def test_the_local_part_decides_in_any_case_at_any_domain(address: str) -> None:
    assert manner_of(address) is MANNERS["full"]


@pytest.mark.parametrize("address", ["anna@a.test", "fuller@a.test", "", "full"])
def test_everybody_else_is_friendly(address: str) -> None:
    assert manner_of(address) is FRIENDLY


@pytest.mark.parametrize(
    ("local_part", "reason"),
    [
        ("unknown", "address_unknown"),
        ("full", "mailbox_full"),
        ("blocked", "sender_blocked"),
        ("nowhere", "domain_unknown"),
        ("left", "mailbox_disabled"),
        ("members-only", "recipient_refused"),
        ("policy", "spam_policy"),
        ("unsigned", "auth_failed"),
        ("too-fast", "rate_limited"),
        ("faulty", "server_error"),
        ("too-big", "message_too_big"),
        ("content", "content_rejected"),
    ],
)
def test_the_portal_understands_every_refusal(local_part: str, reason: str) -> None:
    manner = MANNERS[local_part]
    refusal = manner.refusal or manner.content_refusal
    refusal = refusal.format(address=f"{local_part}@customer.test")
    code, enhanced, words = refusal.split(maxsplit=2)

    found = classify(code=int(code), enhanced=enhanced, words=words)

    assert found.reason == reason

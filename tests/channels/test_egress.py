from __future__ import annotations

import socket
import time

import pytest

from channels import egress
from channels.egress import (
    REFUSAL,
    REFUSAL_SECONDS,
    EgressRefusedError,
    may_reach,
    parse_networks,
    vetted_addresses,
)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1"])
def test_the_public_internet_may_be_reached(address: str) -> None:
    assert may_reach(address, [])


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.100.100.200",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:93.184.216.34",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001::1",
        "fec0::1",
        "168.63.129.16",
        "192.0.0.192",
        "192.88.99.1",
        "::127.0.0.1",
        "::ffff:0:127.0.0.1",
        "3fff::1",
        "5f00::1",
    ],
)
def test_nothing_inside_may_be_reached(address: str) -> None:
    assert not may_reach(address, [])


def test_the_operator_may_allow_a_network() -> None:
    allowed = parse_networks(["10.0.0.0/8", "192.168.1.5"])
    assert may_reach("10.1.2.3", allowed)
    assert may_reach("192.168.1.5", allowed)
    assert may_reach("::ffff:10.1.2.3", allowed)
    assert not may_reach("192.168.1.6", allowed)
    assert not may_reach("127.0.0.1", allowed)


def test_one_private_address_among_public_ones_refuses_the_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(egress, "REFUSAL_SECONDS", 0)
    with pytest.raises(EgressRefusedError):
        vetted_addresses(
            "mail.test", 25, [], look_up=lambda *_: ["93.184.216.34", "127.0.0.1"]
        )


def test_the_addresses_that_were_checked_are_the_ones_to_connect_to() -> None:
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])
    found = vetted_addresses("mail.test", 25, [], look_up=lambda *_: next(answers))
    assert found == ["93.184.216.34"]


def test_a_name_that_leads_nowhere_and_one_that_leads_inside_look_the_same() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror

    seconds, words = [], []
    for look_up in (unknown, lambda *_: ["10.0.0.1"], lambda *_: []):
        begun = time.monotonic()
        with pytest.raises(EgressRefusedError) as caught:
            vetted_addresses("mail.test", 25, [], look_up=look_up)
        seconds.append(time.monotonic() - begun)
        words.append(str(caught.value))
    assert words == [REFUSAL] * 3
    assert all(REFUSAL_SECONDS <= each < REFUSAL_SECONDS + 1 for each in seconds)


def test_a_number_that_is_not_public_is_not_called_a_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(egress, "REFUSAL_SECONDS", 0)
    with pytest.raises(EgressRefusedError, match="This address is not one of"):
        vetted_addresses("10.0.0.1", 25, [], look_up=lambda *_: ["10.0.0.1"])

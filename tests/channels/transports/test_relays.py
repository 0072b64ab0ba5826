from __future__ import annotations

from collections.abc import Iterator

import pytest

from channels.transports import OutgoingEmail, TransportError, Verdict, transport_class
from channels.transports import _relays as relays
from tests.peers.scripted_smtp import HANG_UP, ScriptedSmtp
from tests.portal import free_port

EMAIL = OutgoingEmail(
    envelope_sender="b0@bounce.portal.test",
    recipient="anna@customer.test",
    content=b"Subject: Hello\r\n\r\nText.\r\n",
)


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    relays.end_all()
    yield
    relays.end_all()


def send(urls: str, times: int = 1) -> None:
    """Send as many batches of one."""
    settings = {"PORTAL_RELAY_URL": urls, "PORTAL_DOMAIN": "portal.test"}
    for _ in range(times):
        with transport_class("portal")(settings, {}) as transport:
            transport.send(EMAIL)


def test_a_connection_is_kept_from_batch_to_batch() -> None:
    with ScriptedSmtp() as relay:
        send(relay.url, times=4)
    assert relay.connections == 1
    assert len(relay.messages) == 4


def test_a_kept_connection_that_died_is_replaced_before_anything_is_sent() -> None:
    with ScriptedSmtp(NOOP=HANG_UP) as relay:
        send(relay.url, times=3)
    assert relay.connections == 3
    assert len(relay.messages) == 3


def test_a_connection_that_waited_too_long_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relays, "KEPT_FOR", 0.0)
    with ScriptedSmtp() as relay:
        send(relay.url, times=2)
    assert relay.connections == 2


def test_several_relays_share_the_mail() -> None:
    with ScriptedSmtp() as one, ScriptedSmtp() as two:
        send(f"{one.url}, {two.url}", times=6)
    assert (len(one.messages), len(two.messages)) == (3, 3)


@pytest.mark.parametrize("banner", [HANG_UP, b"421 4.3.2 busy"])
def test_a_relay_that_does_not_work_is_left_out(banner: bytes) -> None:
    with ScriptedSmtp(banner=banner) as dead, ScriptedSmtp() as well:
        send(f"{dead.url},smtp://127.0.0.1:{free_port()},{well.url}", times=6)
    assert len(well.messages) == 6
    assert dead.connections <= 1


def test_when_no_relay_can_be_reached_the_channel_is_down() -> None:
    nobody = f"smtp://127.0.0.1:{free_port()},smtp://127.0.0.1:{free_port()}"
    with pytest.raises(TransportError, match="refused") as caught:
        send(nobody)
    assert caught.value.verdict is Verdict.CHANNEL_DOWN


def test_a_relay_that_answered_and_lost_the_answer_is_not_replaced_by_another() -> None:
    with ScriptedSmtp(content=HANG_UP) as one, ScriptedSmtp(content=HANG_UP) as two:
        with pytest.raises(TransportError) as caught:
            send(f"{one.url},{two.url}")
        assert caught.value.verdict is Verdict.UNKNOWN
    assert one.connections + two.connections == 1

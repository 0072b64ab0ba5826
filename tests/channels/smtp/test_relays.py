from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest

from channels import calling
from channels.lines import hang_up, pick_up
from channels.smtp import relays, session
from channels.transports import (
    OutgoingEmail,
    TransportError,
    Verdict,
    transport_class,
)
from tests.peers.not_picking_up import nobody_picks_up
from tests.peers.scripted_smtp import HANG_UP, ScriptedSmtp
from tests.portal import free_port, wait_until

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


@contextmanager
def silent_at(stage: str) -> Iterator[ScriptedSmtp]:
    """A relay that says nothing there, until the test is over."""
    over = threading.Event()

    def say_nothing(line: bytes) -> bytes:
        over.wait(timeout=60)
        return HANG_UP

    with ScriptedSmtp(**{stage: say_nothing}) as relay:
        yield relay
        over.set()


@contextmanager
def in_threads(number: int, work: Callable[[], None]) -> Iterator[None]:
    threads = [threading.Thread(target=work) for _ in range(number)]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join()


def try_to_send(urls: str) -> None:
    with pytest.raises(TransportError):
        send(urls)


@pytest.mark.parametrize("stage", ["EHLO", "RCPT", "content"])
def test_a_relay_that_takes_a_batch_and_says_no_more_is_given_no_other(
    stage: str,
) -> None:
    """It holds one session for minutes, and not all that the installation has."""
    with silent_at(stage) as hung, ScriptedSmtp() as well:
        with in_threads(1, lambda: try_to_send(hung.url)):
            wait_until(lambda: hung.connections)
            send(f"{hung.url},{well.url}", times=8)
            hang_up()
        pick_up()
    assert (hung.connections, len(well.messages)) == (1, 8)


def test_a_relay_that_did_not_answer_is_left_out_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "FINAL_REPLY_TIMEOUT", 0.2)
    with silent_at("content") as hung, ScriptedSmtp() as well:
        try_to_send(hung.url)
        send(f"{hung.url},{well.url}", times=8)
    assert (hung.connections, len(well.messages)) == (1, 8)


def test_a_relay_that_refuses_a_message_is_not_left_out() -> None:
    with ScriptedSmtp(content=b"554 5.7.1 no") as one, ScriptedSmtp() as two:
        urls = f"{one.url},{two.url}"
        try_to_send(one.url)
        for _ in range(4):
            with suppress(TransportError):
                send(urls)
    assert len(one.messages) == 3


def keep(number: int, url: str) -> None:
    """Have so many connections to a relay, each used once."""
    settings = {"PORTAL_RELAY_URL": url, "PORTAL_DOMAIN": "portal.test"}
    with ExitStack() as batches:
        for _ in range(number):
            batch = batches.enter_context(transport_class("portal")(settings, {}))
            batch.send(EMAIL)


def test_connections_to_a_relay_that_froze_are_not_asked_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "NOOP_TIMEOUT", 0.2)
    with silent_at("NOOP") as frozen, ScriptedSmtp() as well:
        keep(3, frozen.url)
        send(f"{frozen.url},{well.url}", times=4)
    assert frozen.commands.count(b"NOOP") == 1
    assert (frozen.connections, len(well.messages)) == (3, 4)


def test_one_whose_kept_connections_froze_is_tried_anew_if_there_is_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "NOOP_TIMEOUT", 0.2)
    with silent_at("NOOP") as frozen:
        keep(3, frozen.url)
        send(frozen.url)
    assert frozen.commands.count(b"NOOP") == 1
    assert len(frozen.messages) == 4


def test_whoever_hangs_up_waits_for_no_relay_that_does_not_pick_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called: list[object] = []
    connected = calling._connected

    def begin(*how: Any) -> socket.socket:
        called.append(how)
        return connected(*how)

    monkeypatch.setattr(calling, "_connected", begin)
    with ExitStack() as all_:
        urls = ",".join(
            f"smtp://{all_.enter_context(nobody_picks_up())}" for _ in range(3)
        )
        with in_threads(1, lambda: try_to_send(urls)):
            wait_until(lambda: called)
            begun = time.monotonic()
            hang_up()
        pick_up()
    assert time.monotonic() - begun < session.CONNECT_TIMEOUT / 2
    assert len(called) == 1, "and none of the others is tried"


def test_all_addresses_of_a_relay_have_one_time_limit_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "CONNECT_TIMEOUT", 0.6)
    with nobody_picks_up() as peer:
        port = int(peer.rpartition(":")[2])
        address = socket.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *asked, **how: address * 5)
        begun = time.monotonic()
        try_to_send(f"smtp://{peer}")
    assert time.monotonic() - begun < 2 * session.CONNECT_TIMEOUT


def test_the_second_address_is_used_if_nobody_picks_up_at_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "CONNECT_TIMEOUT", 0.6)
    with nobody_picks_up() as peer, ScriptedSmtp() as well:
        addresses = [
            (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port))
            for port in (int(each.rpartition(":")[2]) for each in (peer, well.url))
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *asked, **how: addresses)
        send(f"smtp://{peer}")
    assert len(well.messages) == 1

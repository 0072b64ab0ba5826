"""Mail servers that drip, babble, stall and talk nonsense: none holds a worker for long."""

from __future__ import annotations

import itertools
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import BinaryIO

import pytest
from django.conf import settings

from channels.smtp import session
from channels.transports import (
    OutgoingEmail,
    Transport,
    TransportError,
    Verdict,
    transport_class,
)
from tests.peers.scripted_smtp import HANG_UP, ScriptedSmtp

LIMIT = 0.3  # seconds, instead of 20
Talk = Callable[[BinaryIO, BinaryIO], None]


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "COMMAND_TIMEOUT",
        "CONTENT_TIMEOUT",
        "LONGEST_CONTENT_TIMEOUT",
        "FINAL_REPLY_TIMEOUT",
    ):
        monkeypatch.setattr(session, name, LIMIT)


def email(size: int = 1) -> OutgoingEmail:
    return OutgoingEmail(
        envelope_sender="b0@bounce.portal.test",
        recipient="anna@customer.test",
        content=b"Subject: Hello\r\n\r\n" + b"A line of it.\r\n" * size,
    )


def relay(url: str) -> Transport:
    return transport_class("portal")(
        {"PORTAL_RELAY_URL": url, "PORTAL_DOMAIN": "portal.test"}, {}
    )


def failure(url: str, message: OutgoingEmail) -> tuple[TransportError, float]:
    """Return the error and the seconds it took."""
    begun = time.monotonic()
    with relay(url) as transport, pytest.raises(TransportError) as caught:
        transport.send(message)
    return caught.value, time.monotonic() - begun


@contextmanager
def server(talk: Talk) -> Iterator[str]:
    """A server that does with its one end of each connection what `talk` says."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):  # it was left
                talk(self.rfile, self.wfile)  # type: ignore[arg-type]

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        listening.block_on_close = False
        threading.Thread(target=listening.serve_forever, args=(0.02,)).start()
        try:
            yield f"smtp://127.0.0.1:{listening.server_address[1]}"
        finally:
            listening.shutdown()


def test_a_reply_that_drips_is_given_up() -> None:
    over = threading.Event()

    def drip(reading: BinaryIO, writing: BinaryIO) -> None:
        for byte in itertools.cycle(b"220-far.test\r\n"):
            writing.write(bytes([byte]))
            writing.flush()
            if over.wait(LIMIT / 10):
                return

    with server(drip) as url:
        error, seconds = failure(url, email())
        over.set()
    assert error.verdict is Verdict.CHANNEL_DOWN
    assert error.words == "It did not answer in time."
    assert seconds < 10 * LIMIT


def test_a_reply_without_end_is_given_up_before_it_fills_the_memory() -> None:
    said = itertools.count()

    def babble(reading: BinaryIO, writing: BinaryIO) -> None:
        while True:
            writing.write(b"220-and another thing\r\n" * 100)
            next(said)

    with server(babble) as url:
        error, _ = failure(url, email())
    assert error.verdict is Verdict.CHANNEL_DOWN
    assert error.words == "Its answer had no end."
    # The sockets between hold more than we take.
    assert next(said) * 2300 < 64 * 1024 * 1024


def test_a_server_that_stops_reading_in_the_middle_of_a_message_is_given_up() -> None:
    over = threading.Event()

    def stall(reading: BinaryIO, writing: BinaryIO) -> None:
        writing.write(b"220 far.test\r\n")
        for line in reading:
            if line.startswith(b"DATA"):
                writing.write(b"354 go on\r\n")
                over.wait(60)
                return
            writing.write(b"250 ok\r\n")

    with server(stall) as url:
        error, seconds = failure(url, email(size=1_000_000))
        over.set()
    assert error.verdict is Verdict.NOT_NOW, "the final dot was never sent"
    assert error.words == "It did not answer in time."
    assert seconds < 10 * LIMIT


def test_a_long_message_has_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow line is to carry it, too."""
    monkeypatch.setattr(session, "CONTENT_TIMEOUT", 1e-9)
    for name in ("LONGEST_CONTENT_TIMEOUT", "FINAL_REPLY_TIMEOUT"):
        monkeypatch.setattr(session, name, 60.0)
    with ScriptedSmtp() as far, relay(far.url) as transport:
        assert transport.send(email(size=100_000)).code == 250


@pytest.mark.parametrize("code", [b"250", b"200", b"252"])
def test_any_positive_answer_to_the_final_dot_is_an_acceptance(code: bytes) -> None:
    with ScriptedSmtp(content=code + b" ok") as far, relay(far.url) as transport:
        assert transport.send(email()).code == int(code)


@pytest.mark.parametrize("reply", [b"354 go on", b"100 hm", b"999 ?", b"OK", b"-25 x"])
def test_any_other_answer_to_the_final_dot_is_unknown(reply: bytes) -> None:
    with ScriptedSmtp(content=reply) as far:
        error, _ = failure(far.url, email())
    assert error.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "content"])
def test_nonsense_has_no_code_and_ends_the_connection(verb: str) -> None:
    with ScriptedSmtp(**{verb: b"nonsense"}) as far, relay(far.url) as transport:
        with pytest.raises(TransportError) as caught:
            transport.send(email())
        assert caught.value.code is None
        far.replies[verb] = {"DATA": b"354 go on"}.get(verb, b"250 ok")
        transport.send(email())
    assert far.connections == 2


def test_silence_is_called_silence() -> None:
    over = threading.Event()

    def silent(line: bytes) -> bytes:
        over.wait(60)
        return HANG_UP

    with ScriptedSmtp(RCPT=silent) as far:
        error, _ = failure(far.url, email())
        over.set()
    assert error.words == "It did not answer in time."


def test_a_lease_outlives_the_slowest_message() -> None:
    for kind in ("portal", "smtp"):
        patience = transport_class(kind).patience
        assert patience < timedelta(seconds=settings.LEASE_SECONDS)

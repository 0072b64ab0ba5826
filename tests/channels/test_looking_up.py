from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from channels.lines import hang_up, pick_up
from channels.looking_up import look_up, numbers_of

Answer = Callable[[], list[Any]]
LOOPBACK = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 25))


@pytest.fixture
def name_server(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answer], None]:
    """What answers for each name; numbers are none."""

    def answer_with(answer: Answer) -> None:
        def ask(host: str, port: int, *, type: int, flags: int) -> list[Any]:
            if flags & socket.AI_NUMERICHOST:
                raise socket.gaierror
            return answer()

        monkeypatch.setattr(socket, "getaddrinfo", ask)

    return answer_with


@pytest.fixture
def over() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_a_name_leads_to_its_addresses(name_server: Callable[[Answer], None]) -> None:
    name_server(lambda: [LOOPBACK, LOOPBACK])
    assert look_up("mail.test", 25, within=60) == [LOOPBACK, LOOPBACK]
    assert numbers_of("mail.test", 25, within=60) == ["127.0.0.1"]


def test_a_number_is_asked_of_nobody() -> None:
    assert numbers_of("127.0.0.1", 25, within=0) == ["127.0.0.1"]


def test_a_name_that_nobody_knows_is_an_error(
    name_server: Callable[[Answer], None],
) -> None:
    def nobody_knows() -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    name_server(nobody_knows)
    with pytest.raises(socket.gaierror, match="unknown"):
        look_up("nowhere.test", 25, within=60)


def test_a_silent_name_server_is_waited_for_only_so_long(
    name_server: Callable[[Answer], None], over: threading.Event
) -> None:
    name_server(lambda: [LOOPBACK] * over.wait(60))
    with pytest.raises(TimeoutError):
        look_up("mail.test", 25, within=0.05)


def test_a_process_that_hangs_up_waits_for_no_name_server(
    name_server: Callable[[Answer], None], over: threading.Event
) -> None:
    def stop_and_say_nothing() -> list[Any]:
        hang_up()
        return [LOOPBACK] * over.wait(60)

    name_server(stop_and_say_nothing)
    try:
        with pytest.raises(ConnectionAbortedError):
            look_up("mail.test", 25, within=50)
        with pytest.raises(ConnectionAbortedError):
            look_up("another.test", 25, within=50)
    finally:
        pick_up()

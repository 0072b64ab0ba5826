from __future__ import annotations

import smtplib
import threading
import time

import pytest

from conversations.bounces import receiving
from conversations.bounces.receiver import BounceReceiver, host_and_port
from conversations.bounces.receiving import Arrival
from conversations.models import Report
from tests.conversations.bounces.conftest import (
    BOUNCE,
    SIZE_LIMIT,
    bring,
    reports_locked,
    wait_until,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_it_stops_within_a_second_whoever_is_there(
    receiver: BounceReceiver, path: str
) -> None:
    with smtplib.SMTP(*receiver.address, timeout=10) as mta:
        mta.ehlo()
        mta.mail("<>")
        mta.rcpt(path)
        mta.docmd("DATA")
        began = time.monotonic()
        receiver.stop()
        assert time.monotonic() - began < 1
        assert mta.getreply()[0] == 421
    with pytest.raises(ConnectionRefusedError):
        bring(receiver, path)
    receiver.stop()  # again does nothing


def test_a_stop_lets_what_is_being_stored_be_answered(
    receiver: BounceReceiver, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, store = threading.Event(), receiving.receive

    def slowly(arrivals: list[Arrival]) -> list[list[int] | Exception]:
        begun.set()
        time.sleep(0.2)
        return store(arrivals)

    monkeypatch.setattr(receiving, "receive", slowly)
    bringing = threading.Thread(target=bring, args=[receiver, path])
    bringing.start()
    assert begun.wait(10)
    receiver.stop()
    bringing.join()
    assert Report.objects.count() == 1


def test_a_stop_does_not_wait_for_a_database_that_hangs(
    receiver: BounceReceiver, path: str
) -> None:
    with smtplib.SMTP(*receiver.address, timeout=10) as mta:
        mta.ehlo()
        mta.mail("<>")
        mta.rcpt(path)
        with reports_locked():
            assert mta.docmd("DATA")[0] == 354
            mta.send(BOUNCE + b"\r\n.\r\n")
            wait_until(lambda: bool(receiver._handler.in_hand))
            began = time.monotonic()
            receiver.stop()
            assert time.monotonic() - began < 1
            assert mta.getreply()[0] == 421
    # What had begun goes on, and must be over before the database is emptied.
    wait_until(lambda: Report.objects.count() == 1)


def test_a_port_in_use_is_told_to_who_starts_it(receiver: BounceReceiver) -> None:
    second = BounceReceiver(
        host="127.0.0.1", port=receiver.address[1], size_limit=SIZE_LIMIT
    )
    with pytest.raises(OSError, match="in use"):
        second.start()
    second.stop()


@pytest.mark.parametrize(
    ("listen", "read"),
    [
        ("127.0.0.1:2525", ("127.0.0.1", 2525)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:25", ("::1", 25)),
    ],
)
def test_an_address_to_listen_on_is_read(listen: str, read: tuple[str, int]) -> None:
    assert host_and_port(listen) == read


@pytest.mark.parametrize("listen", ["", "2525", ":25", "host:", "host:x", "host:70000"])
def test_nonsense_to_listen_on_is_told_in_a_sentence(listen: str) -> None:
    with pytest.raises(ValueError, match="must be host:port"):
        host_and_port(listen)

"""What a connection may take: size, time, answers. Over real connections."""

from __future__ import annotations

import smtplib
import socket
import time
from collections.abc import Callable

import pytest
from django.conf import settings

from channels.return_path import return_path
from conversations.bounces import sessions
from conversations.bounces.receiver import BounceReceiver
from conversations.models import Delivery, Report
from tests.conversations.bounces.conftest import (
    BOUNCE,
    SIZE_LIMIT,
    Start,
    bring,
    wait_until,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_lines_longer_than_the_protocol_allows_are_taken(
    receiver: BounceReceiver, path: str
) -> None:
    bring(receiver, path, b"Subject: x\r\n\r\n" + b"y" * 50_000 + b"\r\n")
    assert len(bytes(Report.objects.get().raw)) > 50_000


def test_a_mail_that_says_it_is_too_big_is_refused_before_it_comes(
    receiver: BounceReceiver, path: str
) -> None:
    with smtplib.SMTP(*receiver.address, timeout=10) as mta:
        mta.ehlo()
        assert mta.esmtp_features["size"] == str(SIZE_LIMIT)
        assert mta.mail("<>", [f"SIZE={SIZE_LIMIT + 1}"])[0] == 552


def test_a_mail_that_is_too_big_is_refused(receiver: BounceReceiver, path: str) -> None:
    with smtplib.SMTP(*receiver.address, timeout=10) as mta:
        mta.ehlo()
        mta.mail("<>")
        mta.rcpt(path)
        assert mta.data(b"x\r\n" * SIZE_LIMIT)[0] == 552
        assert mta.noop()[0] == 250
    assert not Report.objects.exists()


def test_a_mail_without_end_is_cut_off(receiver: BounceReceiver, path: str) -> None:
    with smtplib.SMTP(*receiver.address, timeout=10) as mta:
        mta.ehlo()
        mta.mail("<>")
        mta.rcpt(path)
        assert mta.docmd("DATA")[0] == 354
        assert mta.sock is not None
        with pytest.raises(OSError, match=r"reset|[Bb]roken pipe"):  # noqa: PT012
            while True:
                mta.sock.sendall(b"x" * 65_536)
        mta.close()
    bring(receiver, path)  # and the receiver is well


def test_lmtp_is_spoken_too(start_receiver: Start, path: str) -> None:
    host, port = start_receiver("lmtp").address
    with smtplib.LMTP(host, port) as mta:
        mta.sendmail("<>", [path], BOUNCE)
    assert Report.objects.get().source == "lmtp"


def test_lmtp_answers_once_for_each_recipient(
    start_receiver: Start,
    delivery: Delivery,
    path: str,
    make_delivery: Callable[..., Delivery],
) -> None:
    second = make_delivery(delivery.sender, "otto@customer.test", state="accepted")
    host, port = start_receiver("lmtp").address
    with smtplib.LMTP(host, port) as mta:
        mta.ehlo()
        for raw, code in ((BOUNCE, 250), (b"x\r\n" * SIZE_LIMIT, 552)):
            mta.mail("<>")
            mta.rcpt(path)
            mta.rcpt(return_path(second.return_token, settings.BOUNCE_DOMAIN))
            assert mta.data(raw)[0] == code
            assert mta.getreply()[0] == code
            assert mta.noop()[0] == 250
    assert Report.objects.count() == 2


def test_lmtp_is_not_smtp(start_receiver: Start) -> None:
    with smtplib.SMTP(*start_receiver("lmtp").address, timeout=10) as mta:
        assert mta.docmd("EHLO", "mx.test")[0] == 500


def test_who_says_nothing_is_hung_up_on(
    start_receiver: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "IDLE_LIMIT", 0.2)
    with socket.create_connection(start_receiver().address, timeout=10) as slow:
        assert read_to_end(slow).endswith(b"421 4.4.2 Waited too long\r\n")


def test_who_sends_a_command_letter_by_letter_is_hung_up_on(
    start_receiver: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "IDLE_LIMIT", 0.5)
    with socket.create_connection(start_receiver().address, timeout=10) as slow:
        assert trickle(slow, b"x").endswith(b"421 4.4.2 Waited too long\r\n")


def test_a_mail_that_comes_slowly_is_waited_for_and_not_for_ever(
    start_receiver: Start, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "IDLE_LIMIT", 0.5)
    monkeypatch.setattr(sessions, "SESSION_LIMIT", 2)
    began = time.monotonic()
    with socket.create_connection(start_receiver().address, timeout=10) as slow:
        slow.sendall(b"EHLO x\r\nMAIL FROM:<>\r\n")
        slow.sendall(f"RCPT TO:<{path}>\r\nDATA\r\n".encode())
        said = b""
        while b"354" not in said:
            said += slow.recv(4096)
        said = trickle(slow, b"x\r\n")
    assert said.endswith(b"421 4.4.2 Waited too long\r\n")
    assert time.monotonic() - began > 1.5
    assert not Report.objects.exists()


def test_there_is_room_for_so_many_connections(
    receiver: BounceReceiver, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "MAX_SESSIONS", 2)
    with (
        smtplib.SMTP(*receiver.address, timeout=10),
        smtplib.SMTP(*receiver.address, timeout=10) as second,
    ):
        with socket.create_connection(receiver.address, timeout=10) as third:
            assert read_to_end(third).startswith(b"421 4.3.2")
        second.close()
        wait_until(lambda: _can_bring(receiver, path))


def test_a_client_that_vanishes_harms_nobody(
    receiver: BounceReceiver, path: str
) -> None:
    for words in (b"", b"EHLO x\r\n", b"MAIL", f"RCPT TO:<{path}>".encode()):
        with socket.create_connection(receiver.address, timeout=10) as client:
            client.sendall(words)
    bring(receiver, path)


def read_to_end(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(4096), b""))


def trickle(client: socket.socket, piece: bytes) -> bytes:
    """Send `piece` again and again until hung up on; return all that was said."""
    said = b""
    client.settimeout(0.1)
    while True:
        try:
            client.sendall(piece)
            heard = client.recv(4096)
        except TimeoutError:
            continue
        except ConnectionError:
            return said
        if not heard:
            return said
        said += heard


def _can_bring(receiver: BounceReceiver, path: str) -> bool:
    try:
        bring(receiver, path)
    except (smtplib.SMTPException, OSError):
        return False
    return True

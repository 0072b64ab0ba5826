"""The receiver over real connections; the MTA is smtplib."""

from __future__ import annotations

import smtplib
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.conf import settings
from django.db import connection, connections

from channels.return_path import new_token, return_path
from conversations.bounces import handler, sessions
from conversations.bounces.receiver import BounceReceiver, host_and_port
from conversations.bounces.recording import record_report
from conversations.models import Delivery, Report
from tests.conversations.bounces.conftest import SIZE_LIMIT, mail

Start = Callable[..., BounceReceiver]
BOUNCE = mail("unknown_user").replace(b"\n", b"\r\n")
pytestmark = pytest.mark.django_db(transaction=True)


def bring(
    receiver: BounceReceiver, to: str, raw: bytes = BOUNCE, sender: str = "<>"
) -> None:
    with smtplib.SMTP(*receiver.address, timeout=10) as mta:
        mta.sendmail(sender, [to], raw)


def refusal(error: pytest.ExceptionInfo[smtplib.SMTPRecipientsRefused]) -> str:
    ((code, words),) = error.value.recipients.values()
    return f"{code} {words.decode()}"


# --- what it takes ----------------------------------------------------------


@pytest.mark.parametrize(
    "sender", ["", "<>", "mailer-daemon@mx.test", "MAILER-DAEMON"]
)
def test_a_bounce_is_stored_and_recorded_whoever_it_says_it_is_from(
    receiver: BounceReceiver, delivery: Delivery, path: str, sender: str
) -> None:
    bring(receiver, path, sender=sender)

    # 250 has been said: it is there.
    report = Report.objects.get()
    assert bytes(report.raw) == BOUNCE
    assert report.return_token == delivery.return_token
    assert (report.source, report.state) == ("smtp", Report.State.UNREAD)

    record_report(report.pk)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason) == ("bounced", "address_unknown")


def test_a_return_path_is_known_in_any_case(
    receiver: BounceReceiver, path: str
) -> None:
    bring(receiver, path.upper())
    assert Report.objects.count() == 1


def test_the_same_bounce_twice_is_taken_twice_and_kept_once(
    receiver: BounceReceiver, path: str
) -> None:
    bring(receiver, path)
    bring(receiver, path)
    assert Report.objects.count() == 1


def test_one_connection_brings_many(receiver: BounceReceiver, path: str) -> None:
    with smtplib.SMTP(*receiver.address, timeout=10) as mta:
        for number in range(5):
            mta.sendmail("<>", [path], BOUNCE + b"%d" % number)
    assert Report.objects.count() == 5


def test_lines_longer_than_the_protocol_allows_are_taken(
    receiver: BounceReceiver, path: str
) -> None:
    bring(receiver, path, b"Subject: x\r\n\r\n" + b"y" * 50_000 + b"\r\n")
    assert len(bytes(Report.objects.get().raw)) > 50_000


def test_bytes_that_are_no_text_are_taken(receiver: BounceReceiver, path: str) -> None:
    raw = b"Subject: \0\xff\r\n\r\n.\r\n" + bytes(range(14, 256)) + b"\r\n"
    bring(receiver, path, raw)
    assert bytes(Report.objects.get().raw) == raw


# --- what it does not take --------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "b" + "0" * 32 + "@" + settings.BOUNCE_DOMAIN,
        "b" + "0" * 31 + "@" + settings.BOUNCE_DOMAIN,
        "postmaster@" + settings.BOUNCE_DOMAIN,
        "somebody@elsewhere.test",
        "nobody",
        "ü@" + settings.BOUNCE_DOMAIN,
    ],
)
def test_a_forged_return_path_is_refused(
    receiver: BounceReceiver, delivery: Delivery, address: str
) -> None:
    with smtplib.SMTP(*receiver.address, timeout=10) as mta:
        mta.ehlo()
        mta.mail("<>")
        mta.putcmd(f"RCPT TO:<{address}>".encode().decode("latin-1"))
        code, words = mta.getreply()
    assert (code, words[:5]) == (550, b"5.1.1")
    assert not Report.objects.exists()


def test_the_token_of_one_delivery_at_another_domain_is_refused(
    receiver: BounceReceiver, delivery: Delivery
) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as error:
        bring(receiver, return_path(delivery.return_token, "elsewhere.test"))
    assert refusal(error).startswith("550 5.1.1")


def test_a_bounce_for_a_deleted_message_is_refused(
    receiver: BounceReceiver, delivery: Delivery, path: str
) -> None:
    delivery.message.delete()
    with pytest.raises(smtplib.SMTPRecipientsRefused) as error:
        bring(receiver, path)
    assert refusal(error).startswith("550 5.1.1")


def test_a_bounce_for_a_message_deleted_while_it_comes_is_kept(
    receiver: BounceReceiver, delivery: Delivery, path: str
) -> None:
    with smtplib.SMTP(*receiver.address, timeout=10) as mta:
        mta.ehlo()
        mta.mail("<>")
        mta.rcpt(path)
        delivery.message.delete()
        assert mta.data(BOUNCE)[0] == 250
    record_report(Report.objects.get().pk)
    assert Report.objects.get().state == Report.State.READ


def test_one_bad_recipient_does_not_spoil_a_good_one(
    receiver: BounceReceiver, path: str
) -> None:
    forged = return_path(new_token(), settings.BOUNCE_DOMAIN)
    with smtplib.SMTP(*receiver.address, timeout=10) as mta:
        refused = mta.sendmail("<>", [forged, path], BOUNCE)
    assert list(refused) == [forged]
    assert Report.objects.count() == 1


def test_a_mail_that_says_it_is_too_big_is_refused_before_it_comes(
    receiver: BounceReceiver, path: str
) -> None:
    with smtplib.SMTP(*receiver.address, timeout=10) as mta:
        mta.ehlo()
        assert mta.esmtp_features["size"] == str(SIZE_LIMIT)
        assert mta.mail("<>", [f"SIZE={SIZE_LIMIT + 1}"])[0] == 552


def test_a_mail_that_is_too_big_is_refused(
    receiver: BounceReceiver, path: str
) -> None:
    with smtplib.SMTP(*receiver.address, timeout=10) as mta:
        mta.ehlo()
        mta.mail("<>")
        mta.rcpt(path)
        assert mta.data(b"x\r\n" * SIZE_LIMIT)[0] == 552
        assert mta.noop()[0] == 250
    assert not Report.objects.exists()


def test_a_mail_without_end_is_cut_off(
    receiver: BounceReceiver, path: str
) -> None:
    with smtplib.SMTP(*receiver.address, timeout=10) as mta:
        mta.ehlo()
        mta.mail("<>")
        mta.rcpt(path)
        assert mta.docmd("DATA")[0] == 354
        assert mta.sock is not None
        with pytest.raises(OSError, match="reset|[Bb]roken pipe"):  # noqa: PT012
            while True:
                mta.sock.sendall(b"x" * 65_536)
        mta.close()
    bring(receiver, path)  # and the receiver is well


# --- the database away ------------------------------------------------------


@contextmanager
def database_gone() -> Iterator[None]:
    """New connections fail, as with a database that was stopped."""
    config = connections.databases["default"]
    there = dict(config)
    if connection.vendor == "sqlite":
        config["NAME"] = "/nonexistent/portal.sqlite3"
    else:
        config["PORT"] = "9"
    try:
        yield
    finally:
        config.update(there)


@contextmanager
def reports_locked() -> Iterator[None]:
    """Nobody can write a report, as with a database that hangs."""
    config = connection.settings_dict
    if connection.vendor == "sqlite":
        other = sqlite3.connect(config["NAME"], isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")
            other.close()
    else:
        with psycopg.connect(
            dbname=config["NAME"],
            user=config["USER"],
            password=config["PASSWORD"],
            host=config["HOST"],
            port=config["PORT"],
        ) as locking:
            locking.execute("LOCK TABLE conversations_report")
            yield


def test_without_a_database_it_asks_to_come_again(
    receiver: BounceReceiver, path: str
) -> None:
    with database_gone(), pytest.raises(smtplib.SMTPRecipientsRefused) as error:
        bring(receiver, path)
    assert refusal(error).startswith("451 4.3.0")

    bring(receiver, path)  # as every MTA does
    record_report(Report.objects.get().pk)
    assert Delivery.objects.get().state == "bounced"


def test_a_report_that_cannot_be_stored_in_time_comes_again_and_counts_once(
    receiver: BounceReceiver,
    delivery: Delivery,
    path: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(handler, "DATABASE_PATIENCE", 0.5)
    with reports_locked(), smtplib.SMTP(*receiver.address, timeout=10) as mta:
        mta.ehlo()
        mta.mail("<>")
        mta.rcpt(path)
        code, words = mta.data(BOUNCE)
        assert (code, words[:5]) == (451, b"4.3.0")

    monkeypatch.setattr(handler, "DATABASE_PATIENCE", 20)
    bring(receiver, path)
    record_report(Report.objects.get().pk)
    delivery.refresh_from_db()
    assert delivery.state == "bounced"
    assert delivery.events.count() == 1


def test_a_fault_of_ours_asks_to_come_again(
    receiver: BounceReceiver, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*args: object) -> Report:
        raise ArithmeticError

    monkeypatch.setattr(handler, "receive_report", stumble)
    with pytest.raises(smtplib.SMTPDataError) as error:
        bring(receiver, path)
    assert error.value.smtp_code == 451


def test_a_queue_that_hangs_keeps_nobody_waiting(
    receiver: BounceReceiver, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()
    monkeypatch.setattr(handler, "announce_report", lambda report: goes_on.wait(30))
    began = time.monotonic()
    bring(receiver, path)
    bring(receiver, path, BOUNCE + b"another")
    assert time.monotonic() - began < 10
    goes_on.set()
    assert Report.objects.count() == 2


# --- LMTP -------------------------------------------------------------------


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


# --- time and room ----------------------------------------------------------


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
        said = trickle(slow, b"x\r\n")
    assert b"354" in said
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


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def _can_bring(receiver: BounceReceiver, path: str) -> bool:
    try:
        bring(receiver, path)
    except (smtplib.SMTPException, OSError):
        return False
    return True


# --- start and stop ---------------------------------------------------------


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
    begun, store = threading.Event(), handler.receive_report

    def slowly(token: str, raw: bytes, source: str) -> Report:
        begun.set()
        time.sleep(0.2)
        return store(token, raw, source)

    monkeypatch.setattr(handler, "receive_report", slowly)
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

"""What a client may not do to the receiver, octet by octet."""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import Callable
from itertools import repeat
from pathlib import Path

import pytest
from django.conf import settings

from channels.return_path import new_token, return_path
from conversations.bounces import sessions
from conversations.bounces.receiver import BounceReceiver
from conversations.models import Delivery, Report
from tests.conversations.bounces.conftest import BOUNCE, SIZE_LIMIT, Start, bring
from tests.conversations.bounces.raw_client import RawClient
from tests.peers.postfix import write_certificate

pytestmark = pytest.mark.django_db(transaction=True)

MAIL = b"Subject: Undelivered\r\n\r\nText.\r\n"


def kept() -> bytes:
    return bytes(Report.objects.get().raw)


# --- where a mail ends ------------------------------------------------------

FALSE_ENDS = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r\n.\r",
    b"\r.\r\n",
    b"\n.\r",
    b"\r\r\n.\r\r\n",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
]


@pytest.mark.parametrize("end", FALSE_ENDS)
def test_only_crlf_dot_crlf_ends_a_mail_so_that_none_is_smuggled_in_another(
    receiver: BounceReceiver, path: str, end: bytes
) -> None:
    smuggled = b"MAIL FROM:<>\r\nRCPT TO:<%s>\r\nDATA\r\nX: y\r\n" % path.encode()
    with RawClient(receiver.address) as mta:
        mta.begin_mail(path)
        mta.send(MAIL + end + smuggled + b"\r\n.\r\n")
        assert mta.reply().startswith("250")
        assert mta.ask("NOOP").startswith("250")  # and nothing else was answered
    # One mail, with what was to be smuggled inside it: a dot that begins a line is the
    # only octet that the protocol takes away.
    assert kept() == MAIL + end.replace(b"\r\n.", b"\r\n") + smuggled + b"\r\n"


def test_bare_cr_and_lf_in_a_bounce_are_kept_as_they_came(
    receiver: BounceReceiver, path: str
) -> None:
    raw = b"Subject: \rodd\n\r\n\r\nlone\rcr, lone\nlf, \0\r\n"
    with RawClient(receiver.address) as mta:
        mta.begin_mail(path)
        mta.send(raw + b".\r\n")
        assert mta.reply().startswith("250")
    assert kept() == raw


def test_an_end_that_comes_octet_by_octet_is_an_end(
    receiver: BounceReceiver, path: str
) -> None:
    with RawClient(receiver.address) as mta:
        mta.begin_mail(path)
        for octet in b"..dot\r\n..\r\n.\r\n":
            mta.send(bytes([octet]))
        assert mta.reply().startswith("250")
    assert kept() == b".dot\r\n.\r\n"


def test_a_mail_without_a_single_line_ends_too(
    receiver: BounceReceiver, path: str
) -> None:
    with RawClient(receiver.address) as mta:
        mta.begin_mail(path)
        mta.send(b".\r\n")
        assert mta.reply().startswith("250")
    assert kept() == b""


# --- pipelining -------------------------------------------------------------


def test_commands_sent_together_are_answered_each_in_order(
    receiver: BounceReceiver, path: str
) -> None:
    forged = return_path(new_token(), settings.BOUNCE_DOMAIN)
    with RawClient(receiver.address, hello="") as mta:
        assert "PIPELINING" in mta.ask("EHLO mx.test")
        for number in range(2):
            mta.send(
                f"MAIL FROM:<>\r\nRCPT TO:<{forged}>\r\nRCPT TO:<{path}>\r\n"
                "NOPE\r\nDATA\r\n".encode()
            )
            assert mta.replies(5) == ["250", "550", "250", "500", "354"]
            # After the mail the next commands may come at once (RFC 2920, 3.1).
            mta.send(b"%d" % number + MAIL + b".\r\nRSET\r\n")
            assert mta.replies(2) == ["250", "250"]
        mta.send(b"NOOP\r\nQUIT\r\n")
        assert mta.replies(2) == ["250", "221"]
    assert Report.objects.count() == 2


def test_data_without_a_good_recipient_is_refused_when_sent_with_the_others(
    receiver: BounceReceiver, delivery: Delivery
) -> None:
    forged = return_path(new_token(), settings.BOUNCE_DOMAIN)
    with RawClient(receiver.address) as mta:
        mta.send(f"MAIL FROM:<>\r\nRCPT TO:<{forged}>\r\nDATA\r\n".encode())
        assert mta.replies(3) == ["250", "550", "503"]
        assert mta.ask("NOOP").startswith("250")


@pytest.mark.parametrize("known", [True, False])
def test_a_mail_that_comes_before_its_354_is_refused_and_not_read_as_commands(
    receiver: BounceReceiver, path: str, known: bool
) -> None:
    to = path if known else return_path(new_token(), settings.BOUNCE_DOMAIN)
    body = f"NOOP\r\nMAIL FROM:<>\r\nRCPT TO:<{path}>\r\nDATA\r\nx\r\n.\r\n"
    with RawClient(receiver.address) as mta:
        mta.send(f"MAIL FROM:<>\r\nRCPT TO:<{to}>\r\nDATA\r\n{body}.\r\n".encode())
        assert mta.replies(2) == ["250", "250" if known else "550"]
        assert mta.reply().startswith("554 5.5.0")
        assert mta.reply() == ""
    assert not Report.objects.exists()


# --- commands ---------------------------------------------------------------


@pytest.mark.parametrize(
    "octets",
    [
        b"NOOP\n",
        b"NOOP\r\r\n",
        b"NOOP\rNOOP\r\n",
        b"NOOP\0\r\n",
        b"\0\r\n",
        b"\n",
        b"MAIL FROM:<>\nRCPT TO:<x>\r\n",
        b"VRFY a\r250 OK\r\n",
    ],
)
def test_a_command_with_a_stray_cr_lf_or_nul_is_refused(
    receiver: BounceReceiver, path: str, octets: bytes
) -> None:
    with RawClient(receiver.address) as mta:
        mta.send(octets + b"NOOP\r\n")
        assert mta.reply().startswith("500 5.5.2")
        assert mta.reply() == ""
    bring(receiver, path)


@pytest.mark.parametrize("length", [1025, 5_000, 200_000])
def test_a_command_line_that_is_too_long_is_refused_and_the_next_is_read(
    receiver: BounceReceiver, length: int
) -> None:
    with RawClient(receiver.address) as mta:
        assert mta.ask("NOOP " + "x" * length).startswith("500")
        assert mta.ask("MAIL FROM:<" + "x" * length + "@x.test>").startswith("500")
        assert mta.ask("NOOP").startswith("250")


def test_a_command_without_end_is_cut_off(receiver: BounceReceiver, path: str) -> None:
    with (
        RawClient(receiver.address) as mta,
        pytest.raises(OSError, match=r"reset|[Bb]roken pipe"),
    ):
        deque(map(mta.send, repeat(b"x" * 65_536)), maxlen=0)
    bring(receiver, path)


@pytest.mark.parametrize("command", ["AUTH PLAIN AHgAeA==", "AUTH LOGIN"])
def test_nobody_signs_in_here(receiver: BounceReceiver, command: str) -> None:
    with RawClient(receiver.address, hello="") as mta:
        assert "AUTH" not in mta.ask("EHLO mx.test")
        assert mta.ask(command)[0] == "5"


# --- size -------------------------------------------------------------------


def test_a_mail_much_bigger_than_announced_is_refused(
    receiver: BounceReceiver, path: str
) -> None:
    with RawClient(receiver.address) as mta:
        mta.begin_mail(path, " SIZE=1000")
        mta.send(b"x" * 10_000 + b"\r\n.\r\n")
        assert mta.reply().startswith("552")
        mta.begin_mail(path, " SIZE=1000")  # and the connection is good
        mta.send(b"x" * 1500 + b"\r\n.\r\n")  # somewhat bigger: they count differently
        assert mta.reply().startswith("250")
    assert len(kept()) == 1502


@pytest.mark.parametrize("size", [str(SIZE_LIMIT + 1), "9" * 400])
def test_a_mail_announced_too_big_is_refused_at_mail(
    receiver: BounceReceiver, size: str
) -> None:
    with RawClient(receiver.address) as mta:
        assert mta.ask(f"MAIL FROM:<> SIZE={size}").startswith("552")


@pytest.mark.parametrize("size", ["", "-1", "x", "²", "1e3"])
def test_a_size_that_is_none_is_refused(receiver: BounceReceiver, size: str) -> None:
    with RawClient(receiver.address) as mta:
        assert mta.ask(f"MAIL FROM:<> SIZE={size}")[0] in "45"
        assert mta.ask("NOOP").startswith("250")


# --- STARTTLS ---------------------------------------------------------------


@pytest.fixture
def secured(start_receiver: Start, tmp_path: Path) -> Callable[..., BounceReceiver]:
    def start(**terms: bool) -> BounceReceiver:
        key, chain = tmp_path / "key.pem", tmp_path / "chain.pem"
        write_certificate(key_and_chain=key, chain=chain)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(key)
        return start_receiver(tls=context, **terms)

    return start


def encrypt(mta: RawClient) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    mta.sock = context.wrap_socket(mta.sock)


def test_without_a_certificate_starttls_is_neither_offered_nor_taken(
    receiver: BounceReceiver,
) -> None:
    with RawClient(receiver.address, hello="") as mta:
        assert "STARTTLS" not in mta.ask("EHLO mx.test")
        assert mta.ask("STARTTLS").startswith("454")


def test_a_bounce_comes_over_tls(
    secured: Callable[..., BounceReceiver], path: str
) -> None:
    with RawClient(secured().address, hello="") as mta:
        assert "STARTTLS" in mta.ask("EHLO mx.test")
        assert mta.ask("STARTTLS").startswith("220")
        encrypt(mta)
        offered = mta.ask("EHLO mx.test")
        assert "STARTTLS" not in offered
        assert "AUTH" not in offered
        mta.begin_mail(path)
        mta.send(BOUNCE + b"\r\n.\r\n")
        assert mta.reply().startswith("250")
        assert mta.ask("QUIT").startswith("221")
    assert kept() == BOUNCE + b"\r\n"


def test_where_tls_is_required_nothing_is_taken_without(
    secured: Callable[..., BounceReceiver], path: str
) -> None:
    """As when somebody in between strips STARTTLS from what we offer."""
    with RawClient(secured(tls_required=True).address) as mta:
        assert mta.ask("MAIL FROM:<>").startswith("530")
        assert mta.ask(f"RCPT TO:<{path}>").startswith("530")
        assert mta.ask("DATA").startswith("530")
        assert mta.ask("STARTTLS").startswith("220")
        encrypt(mta)
        assert mta.ask("EHLO mx.test").startswith("250")
        mta.begin_mail(path)
        mta.send(MAIL + b".\r\n")
        assert mta.reply().startswith("250")


def test_what_was_said_before_tls_is_forgotten(
    secured: Callable[..., BounceReceiver], path: str
) -> None:
    with RawClient(secured().address) as mta:
        assert mta.ask("MAIL FROM:<>").startswith("250")
        assert mta.ask(f"RCPT TO:<{path}>").startswith("250")
        assert mta.ask("STARTTLS").startswith("220")
        encrypt(mta)
        assert mta.ask("DATA").startswith("503")
        assert mta.ask("MAIL FROM:<>").startswith("503")  # EHLO first
        assert mta.ask("EHLO mx.test").startswith("250")
        assert mta.ask("DATA").startswith("503")


def test_commands_injected_before_the_handshake_are_not_obeyed_after_it(
    secured: Callable[..., BounceReceiver], path: str
) -> None:
    """CVE-2011-0411: somebody in between adds them in clear to the client's STARTTLS."""
    injected = f"EHLO evil.test\r\nMAIL FROM:<>\r\nRCPT TO:<{path}>\r\n"
    with RawClient(secured().address) as mta:
        mta.send(f"STARTTLS\r\n{injected}".encode())
        assert mta.reply().startswith("220")
        encrypt(mta)
        # No answer to them comes first, and no command has had an effect.
        assert mta.ask("NOOP").startswith("250")
        assert mta.ask("DATA").startswith("503")


def test_a_handshake_that_is_none_ends_the_connection(
    secured: Callable[..., BounceReceiver], path: str
) -> None:
    receiver = secured()
    with RawClient(receiver.address) as mta:
        assert mta.ask("STARTTLS").startswith("220")
        mta.send(f"MAIL FROM:<>\r\nRCPT TO:<{path}>\r\n".encode())
        assert not mta.reply().startswith("250")
    bring(receiver, path)


def test_a_handshake_that_never_comes_is_not_waited_for(
    secured: Callable[..., BounceReceiver], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "IDLE_LIMIT", 0.3)
    with RawClient(secured().address) as mta:
        assert mta.ask("STARTTLS").startswith("220")
        assert mta.sock.recv(4096) == b""

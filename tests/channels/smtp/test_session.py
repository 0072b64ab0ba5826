"""The SMTP client against a server that answers, refuses, and hangs up on cue."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from channels.smtp.server import Security, SmtpServer
from channels.transports import (
    OutgoingEmail,
    TransportError,
    Verdict,
    transport_class,
)
from tests.peers.postfix import write_certificate
from tests.peers.scripted_smtp import HANG_UP, ScriptedSmtp

EMAIL = OutgoingEmail(
    envelope_sender="b0@bounce.portal.test",
    recipient="anna@customer.test",
    content=b"Subject: Hello\r\n\r\nFirst line.\r\n.starts with a dot\r\n",
)

PIPELINING = b"250-far.test\r\n250-PIPELINING\r\n250 8BITMIME"


def portal(server: ScriptedSmtp):  # type: ignore[no-untyped-def]
    settings = {"PORTAL_RELAY_URL": server.url, "PORTAL_DOMAIN": "portal.test"}
    return transport_class("portal")(settings, {})


def error_of(**replies: bytes) -> tuple[TransportError, ScriptedSmtp]:
    with (
        ScriptedSmtp(**replies) as server,
        portal(server) as transport,
        pytest.raises(TransportError) as caught,
    ):
        transport.send(EMAIL)
    return caught.value, server


def test_a_message_arrives_with_its_envelope_and_its_dots() -> None:
    with ScriptedSmtp() as server, portal(server) as transport:
        receipt = transport.send(EMAIL)
    assert receipt.words == "2.0.0 taken"
    assert receipt.code == 250
    assert b"MAIL FROM:<b0@bounce.portal.test> BODY=8BITMIME" in server.commands
    assert b"RCPT TO:<anna@customer.test>" in server.commands
    assert server.messages == [EMAIL.content.replace(b"\r\n.s", b"\r\n..s")]


def test_one_connection_serves_many_messages() -> None:
    with ScriptedSmtp() as server, portal(server) as transport:
        for _ in range(3):
            transport.send(EMAIL)
    assert server.connections == 1
    assert len(server.messages) == 3


@pytest.mark.parametrize(
    ("replies", "verdict", "code", "enhanced"),
    [
        ({"banner": b"554 5.7.1 go away"}, Verdict.CHANNEL_DOWN, 554, "5.7.1"),
        ({"banner": b"421 4.3.2 busy"}, Verdict.CHANNEL_DOWN, 421, "4.3.2"),
        ({"banner": HANG_UP}, Verdict.CHANNEL_DOWN, None, ""),
        ({"MAIL": b"550 5.7.1 not you"}, Verdict.REFUSED, 550, "5.7.1"),
        ({"MAIL": b"451 4.3.0 later"}, Verdict.NOT_NOW, 451, "4.3.0"),
        ({"RCPT": b"550 5.1.1 no such user"}, Verdict.REFUSED, 550, "5.1.1"),
        ({"RCPT": b"450 4.7.1 greylisted"}, Verdict.NOT_NOW, 450, "4.7.1"),
        ({"RCPT": b"421 4.3.2 closing"}, Verdict.NOT_NOW, 421, "4.3.2"),
        ({"RCPT": HANG_UP}, Verdict.NOT_NOW, None, ""),
        ({"DATA": b"554 5.5.1 no"}, Verdict.REFUSED, 554, "5.5.1"),
        ({"DATA": HANG_UP}, Verdict.NOT_NOW, None, ""),
        ({"content": b"554 5.6.0 spam"}, Verdict.REFUSED, 554, "5.6.0"),
        ({"content": b"452 4.3.1 full"}, Verdict.NOT_NOW, 452, "4.3.1"),
        ({"content": HANG_UP}, Verdict.UNKNOWN, None, ""),
        ({"content": b"nonsense"}, Verdict.UNKNOWN, None, ""),
    ],
)
def test_what_went_wrong_decides_what_may_be_done(
    replies: dict[str, bytes], verdict: Verdict, code: int | None, enhanced: str
) -> None:
    error, _ = error_of(**replies)
    assert (error.verdict, error.code, error.enhanced) == (verdict, code, enhanced)
    assert error.words
    assert error.remote == "127.0.0.1"


def test_a_connection_that_dies_in_the_middle_of_the_data_sent_nothing() -> None:
    long = OutgoingEmail(
        envelope_sender=EMAIL.envelope_sender,
        recipient=EMAIL.recipient,
        content=b"x" * 70 + b"\r\n" + b"line\r\n" * 2_000_000,
    )
    with (
        ScriptedSmtp(mid_content=HANG_UP) as server,
        portal(server) as transport,
        pytest.raises(TransportError) as caught,
    ):
        transport.send(long)
    assert caught.value.verdict is Verdict.NOT_NOW
    assert server.messages == []


def test_nothing_is_ever_sent_again_by_the_transport_itself() -> None:
    _, server = error_of(content=HANG_UP)
    assert len(server.messages) == 1
    assert server.connections == 1


def test_after_a_refusal_the_same_connection_takes_the_next_message() -> None:
    def by_recipient(line: bytes) -> bytes:
        return b"550 5.1.1 unknown" if b"nobody" in line else b"250 2.1.5 ok"

    nobody = OutgoingEmail(
        envelope_sender="b1@bounce.portal.test",
        recipient="nobody@customer.test",
        content=EMAIL.content,
    )
    with ScriptedSmtp(RCPT=by_recipient) as server, portal(server) as transport:
        with pytest.raises(TransportError):
            transport.send(nobody)
        transport.send(EMAIL)
    assert server.connections == 1
    assert len(server.messages) == 1


def test_after_a_lost_connection_the_next_message_gets_a_new_one() -> None:
    hang_up_once = iter([HANG_UP, b"250 2.1.5 ok"])
    with (
        ScriptedSmtp(RCPT=lambda line: next(hang_up_once)) as server,
        portal(server) as transport,
    ):
        with pytest.raises(TransportError):
            transport.send(EMAIL)
        transport.send(EMAIL)
    assert server.connections == 2
    assert len(server.messages) == 1


GOODBYES = [b"421 4.7.0 enough for one connection", HANG_UP]


@pytest.mark.parametrize("goodbye", GOODBYES, ids=["it says so", "it hangs up"])
@pytest.mark.parametrize("pipelines", [False, True])
def test_a_server_that_ends_connections_after_so_many_messages_delays_none(
    goodbye: bytes, pipelines: bool
) -> None:
    fine, greeting = b"250 2.1.0 ok", {"EHLO": PIPELINING} if pipelines else {}
    each = iter([fine, fine, goodbye, fine, fine, goodbye, fine])
    with (
        ScriptedSmtp(MAIL=lambda line: next(each), **greeting) as server,
        portal(server) as transport,
    ):
        answers = list(transport.send_all([EMAIL] * 5))
    assert [getattr(answer, "code", None) for answer in answers] == [250] * 5
    assert len(server.messages) == 5
    assert server.connections == 3


def answers_to_two(**replies: list[bytes]) -> tuple[TransportError, ScriptedSmtp]:
    """Send two messages to a server that gives these replies in turn; the first is
    taken. Return what becomes of the second."""

    def in_turn(these: list[bytes]) -> Callable[[bytes], bytes]:
        each = iter(these)
        return lambda line: next(each)

    with (
        ScriptedSmtp(
            **{verb: in_turn(these) for verb, these in replies.items()}
        ) as server,
        portal(server) as transport,
    ):
        first, second = transport.send_all([EMAIL] * 2)
    assert not isinstance(first, TransportError)
    assert isinstance(second, TransportError)
    return second, server


@pytest.mark.parametrize("goodbye", GOODBYES, ids=["it says so", "it hangs up"])
def test_a_server_that_ends_the_new_connection_too_is_believed(goodbye: bytes) -> None:
    error, server = answers_to_two(MAIL=[b"250 2.1.0 ok", goodbye, goodbye])
    assert error.verdict is Verdict.NOT_NOW
    assert server.connections == 2


def test_a_server_that_is_gone_after_its_goodbye_is_left_to_its_words() -> None:
    """Another relay may take what it did not."""
    error, _ = answers_to_two(
        MAIL=[b"250 2.1.0 ok", b"421 4.3.2 restarting"],
        banner=[b"220 far.test ESMTP", b"421 4.3.2 not yet"],
    )
    assert (error.verdict, error.words) == (Verdict.NOT_NOW, "4.3.2 restarting")


def test_a_server_that_names_a_time_is_left_alone_until_then() -> None:
    error, server = answers_to_two(
        MAIL=[b"250 2.1.0 ok", b"421 4.7.0 try again in 600 seconds"]
    )
    assert error.wait == timedelta(seconds=600)
    assert server.connections == 1


def test_what_a_server_says_of_the_recipient_is_no_end_of_its_connection() -> None:
    _, server = answers_to_two(
        RCPT=[b"250 2.1.5 ok", b"421 4.7.0 too much for customer.test"]
    )
    assert server.connections == 1


def test_nobody_listening_means_the_channel_is_down() -> None:
    with ScriptedSmtp() as server:
        url = server.url
    settings = {"PORTAL_RELAY_URL": url, "PORTAL_DOMAIN": "portal.test"}
    with (
        transport_class("portal")(settings, {}) as transport,
        pytest.raises(TransportError, match="refused") as caught,
    ):
        transport.send(EMAIL)
    assert caught.value.verdict is Verdict.CHANNEL_DOWN


def test_an_international_local_part_asks_for_smtputf8() -> None:
    email = OutgoingEmail(
        envelope_sender="b2@bounce.portal.test",
        recipient="jürgen@customer.test",
        content=EMAIL.content,
    )
    with ScriptedSmtp() as server, portal(server) as transport:
        transport.send(email)
        transport.send(EMAIL)
    assert (
        b"MAIL FROM:<b2@bounce.portal.test> BODY=8BITMIME SMTPUTF8" in server.commands
    )
    assert "RCPT TO:<jürgen@customer.test>".encode() in server.commands


def test_an_international_header_asks_for_smtputf8_and_a_body_does_not() -> None:
    def email(content: str) -> OutgoingEmail:
        return OutgoingEmail(
            envelope_sender=EMAIL.envelope_sender,
            recipient=EMAIL.recipient,
            content=content.encode(),
        )

    with ScriptedSmtp() as server, portal(server) as transport:
        transport.send(email("Subject: Hello\r\n\r\nGrüße\r\n"))
        transport.send(email("From: jürgen@acme.test\r\n\r\nText\r\n"))
    asked = [b"SMTPUTF8" in line for line in server.commands if b"FROM" in line]
    assert asked == [False, True]


def test_without_smtputf8_it_is_refused_and_nothing_is_sent() -> None:
    email = OutgoingEmail(
        envelope_sender="b2@bounce.portal.test",
        recipient="jürgen@customer.test",
        content=EMAIL.content,
    )
    with (
        ScriptedSmtp(EHLO=b"250 far.test") as server,
        portal(server) as transport,
        pytest.raises(TransportError, match="SMTPUTF8") as caught,
    ):
        transport.send(email)
    assert caught.value.verdict is Verdict.REFUSED
    assert server.messages == []


def test_a_server_that_pipelines_is_sent_the_envelope_at_once() -> None:
    with ScriptedSmtp(EHLO=PIPELINING) as server, portal(server) as transport:
        for _ in range(3):
            transport.send(EMAIL)
    assert server.connections == 1
    assert server.messages == [EMAIL.content.replace(b"\r\n.s", b"\r\n..s")] * 3


@pytest.mark.parametrize(
    ("replies", "verdict", "code"),
    [
        ({"MAIL": b"550 5.7.1 not you", "DATA": b"503 no"}, Verdict.REFUSED, 550),
        ({"RCPT": b"550 5.1.1 unknown", "DATA": b"554 no"}, Verdict.REFUSED, 550),
        ({"RCPT": b"451 4.7.1 later", "DATA": b"554 no"}, Verdict.NOT_NOW, 451),
        ({"DATA": b"451 4.3.0 later"}, Verdict.NOT_NOW, 451),
        ({"MAIL": HANG_UP}, Verdict.NOT_NOW, None),
        ({"RCPT": HANG_UP}, Verdict.NOT_NOW, None),
        ({"DATA": HANG_UP}, Verdict.NOT_NOW, None),
        ({"MAIL": b"421 4.3.2 busy"}, Verdict.NOT_NOW, 421),
        ({"content": HANG_UP}, Verdict.UNKNOWN, None),
        ({"content": b"452 4.3.1 full"}, Verdict.NOT_NOW, 452),
    ],
)
def test_with_pipelining_each_answer_means_what_it_means_without(
    replies: dict[str, bytes], verdict: Verdict, code: int | None
) -> None:
    error, server = error_of(EHLO=PIPELINING, **replies)
    assert (error.verdict, error.code) == (verdict, code)
    assert server.messages == [] or "content" in replies


def test_a_server_that_refuses_the_recipient_and_wants_the_message_gets_none() -> None:
    with (
        ScriptedSmtp(EHLO=PIPELINING, RCPT=b"550 5.1.1 unknown") as server,
        portal(server) as transport,
    ):
        for _ in range(2):
            with pytest.raises(TransportError, match="unknown"):
                transport.send(EMAIL)
    assert server.messages == []
    assert server.connections == 2


@pytest.mark.parametrize("address", ["a@b.test>\r\nRCPT TO:<c@d.test", "a>b@c.test"])
def test_an_address_cannot_add_a_command(address: str) -> None:
    for sender, recipient in (("b@portal.test", address), (address, "a@b.test")):
        email = OutgoingEmail(
            envelope_sender=sender, recipient=recipient, content=EMAIL.content
        )
        with (
            ScriptedSmtp() as server,
            portal(server) as transport,
            pytest.raises(TransportError) as caught,
        ):
            transport.send(email)
        assert caught.value.verdict is Verdict.REFUSED
        assert not any(b"c@d.test" in command for command in server.commands)


def test_hostile_replies_are_cut_and_free_of_nul() -> None:
    error, _ = error_of(RCPT=b"550-" + b"A" * 400 + b"\x00\r\n550 5.1.1 end")
    assert "\x00" not in error.words
    assert len(error.words) <= 2000


def test_a_relay_url_is_read_with_its_parts() -> None:
    server = SmtpServer.from_url("smtps://me:p%40ss@mail.test?ca=/etc/ca.pem")
    assert server == SmtpServer(
        host="mail.test",
        port=465,
        security=Security.TLS,
        user="me",
        password="p@ss",
        ca="/etc/ca.pem",
    )
    assert "p@ss" not in repr(server)


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "http://mail.test",
        "smtp://",
        "smtp://mail.test:notaport",
        "smtp://mail.test:99999",
        "smtp://mail.test/path",
        "smtp://mail.test?verify=no",
        "smtp://[::1",
    ],
)
def test_a_relay_url_that_cannot_be_used_is_refused_in_words(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        SmtpServer.from_url(url)


@pytest.mark.parametrize("user", ["", "alice:secret@"])
@pytest.mark.parametrize(("code", "enhanced"), [(421, "4.3.2"), (451, "4.3.0")])
def test_a_server_that_greets_nobody_after_starttls_is_down(
    user: str, code: int, enhanced: str, tmp_path: Path
) -> None:
    """Not broken, which rests until a person comes; and no mail is refused for it."""
    key, chain = tmp_path / "key.pem", tmp_path / "chain.pem"
    write_certificate(key_and_chain=key, chain=chain)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(key)
    greetings = iter(
        [b"250-far.test\r\n250 STARTTLS", b"%d %s busy" % (code, enhanced.encode())]
    )
    with ScriptedSmtp(
        tls,
        EHLO=lambda line: next(greetings),
        MAIL=b"503 5.5.1 say hello first",
    ) as server:
        url = server.url.replace("smtp://", f"smtp+starttls://{user}")
        settings = {
            "PORTAL_RELAY_URL": f"{url}?ca={chain}",
            "PORTAL_DOMAIN": "portal.test",
        }
        with (
            transport_class("portal")(settings, {}) as transport,
            pytest.raises(TransportError) as caught,
        ):
            transport.send(EMAIL)
    error = caught.value
    assert (error.verdict, error.code) == (Verdict.CHANNEL_DOWN, code)
    assert error.words == f"{enhanced} busy"

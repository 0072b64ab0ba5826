"""What a server is told to sign in stays between the two of us."""

from __future__ import annotations

import base64
import smtplib
from collections.abc import Callable

import pytest

from channels.smtp.server import SmtpServer
from channels.smtp.session import SmtpSession
from channels.smtp.sign_in import sign_in
from channels.transports import TransportError, Verdict
from tests.peers.scripted_smtp import ScriptedSmtp

USER, PASSWORD = "alice@acme.test", "hunter2 + ünder"
Echo = Callable[[bytes], bytes]


def offering(mechanism: str) -> bytes:
    return f"250-far.test\r\n250 AUTH {mechanism}".encode()


def said(server: ScriptedSmtp, password: str = PASSWORD) -> str:
    """Its words when it does not let us in."""
    port = int(server.url.rpartition(":")[2])
    with smtplib.SMTP("127.0.0.1", port, local_hostname="portal.test") as smtp:
        smtp.ehlo()
        with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
            sign_in(smtp, USER, password, encrypted=True)
    return str(refused.value.smtp_error)


def decoded(line: bytes) -> bytes:
    return base64.b64decode(line.split()[-1])


@pytest.mark.parametrize(
    "echo",
    [
        lambda line: b'500 unrecognized: "' + line.strip() + b'"',
        lambda line: b"500 unrecognized: " + line.strip()[:30],
        lambda line: b"500 unrecognized: ..." + line.strip()[-20:],
        lambda line: b"500 UNRECOGNIZED: " + line.strip().upper(),
        lambda line: b"535 no such " + decoded(line).replace(b"\0", b":"),
        lambda line: b"535 " + ascii(decoded(line)).encode(),
        lambda line: b"535-no\r\n535 " + decoded(line).rpartition(b"\0")[2],
    ],
)
def test_a_server_that_repeats_what_it_was_told_is_not_quoted(echo: Echo) -> None:
    with ScriptedSmtp(EHLO=offering("PLAIN"), AUTH=echo) as server:
        words = said(server, "hunter2+under")
    assert "***" in words
    secret = base64.b64encode(f"\0{USER}\0hunter2+under".encode()).decode()
    assert "hunter2" not in words
    for at in range(0, len(secret) - 8, 4):
        assert secret[at : at + 8].lower() not in words.lower()


def test_nor_is_one_that_asks_for_the_two_one_by_one() -> None:
    told = base64.b64encode(PASSWORD.encode())
    user, password = (base64.b64encode(each.encode())[:4] for each in (USER, PASSWORD))
    replies: dict[str, bytes | Echo] = {
        "AUTH": b"334 VXNlcm5hbWU6",
        user.decode().upper(): b"334 UGFzc3dvcmQ6",
        password.decode().upper(): lambda line: b"535 wrong: " + line.strip(),
    }
    with ScriptedSmtp(EHLO=offering("LOGIN"), **replies) as server:
        words = said(server)
        assert told in server.commands
    assert words == "wrong: ***"


def test_what_does_not_repeat_it_is_quoted_as_it_is() -> None:
    refusal = (
        b"535-5.7.8 Username and Password not accepted. For more information, go to"
    )
    refusal += b"\r\n535 5.7.8  https://support.google.com/mail/?p=BadCredentials x12"
    with ScriptedSmtp(EHLO=offering("PLAIN"), AUTH=refusal) as server:
        for password in (PASSWORD, "a", ""):
            assert said(server, password) == (
                "5.7.8 Username and Password not accepted. For more information, go to\n"
                "5.7.8  https://support.google.com/mail/?p=BadCredentials x12"
            )


def test_the_error_of_the_channel_tells_what_was_left() -> None:
    """Its words are kept: in the log, on the timeline, beside the channel."""
    digests: list[bytes] = []

    def echo(line: bytes) -> bytes:
        digests.append(line.strip())
        return b"535 5.7.8 no: " + line.strip()

    challenge = b"334 " + base64.b64encode(b"<1@far.test>")
    verb = base64.b64encode(USER.encode())[:4].decode().upper()
    replies: dict[str, bytes | Echo] = {"AUTH": challenge, verb: echo}
    with ScriptedSmtp(EHLO=offering("CRAM-MD5"), **replies) as far:
        server = SmtpServer.from_url(far.url.replace("//", "//alice%40acme.test:pw@"))
        with pytest.raises(TransportError) as refused:
            SmtpSession(server, helo="portal.test").open()
    assert digests
    assert refused.value.words == "5.7.8 no: ***"
    assert refused.value.verdict is Verdict.CHANNEL_BROKEN
    assert refused.value.enhanced == "5.7.8"

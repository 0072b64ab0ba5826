"""The SMTP client side (RFC 5321) that transports share.

Built on smtplib's single commands instead of its `sendmail`, because only the
command that failed tells whether the message may have been taken.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from enum import Enum, auto
from typing import Any, NoReturn, TypeVar

from channels.egress import EgressRefusedError
from channels.transports._base import (
    OutgoingEmail,
    Receipt,
    TransportError,
    Verdict,
)
from channels.transports._smtp_server import Security, SmtpServer

T = TypeVar("T")

COMMAND_TIMEOUT = 20.0  # seconds, for connecting and for each reply
# The server may be scanning the message; hanging up now would leave it in doubt.
FINAL_REPLY_TIMEOUT = 120.0
MAX_WORDS = 2000  # of a reply that is kept; hostile servers may send megabytes

_ENHANCED = re.compile(r"^\s*([245]\.\d{1,3}\.\d{1,3})(?=\s|$)")
_WAIT = re.compile(
    r"(?:again|retry|wait)\D{0,20}(\d{1,5})\s*(second|minute|hour)", re.IGNORECASE
)


class Stage(Enum):
    """How far a conversation had come."""

    NAME = auto()
    CONNECTION = auto()
    TLS = auto()
    SIGN_IN = auto()
    SENDER = auto()
    RECIPIENT = auto()
    CONTENT = auto()  # up to and without the final dot
    FINAL_DOT = auto()  # the server may have the whole message


# What an answer means, by stage; rows are tried in order, a row without codes
# holds for any, None is no answer at all.
ANSWERS: list[tuple[set[Stage], range | set[int | None] | None, Verdict]] = [
    ({Stage.SIGN_IN}, range(500, 600), Verdict.CHANNEL_BROKEN),
    (
        {Stage.NAME, Stage.CONNECTION, Stage.TLS, Stage.SIGN_IN},
        None,
        Verdict.CHANNEL_DOWN,
    ),
    # "Authentication required": for this server we are nobody.
    ({Stage.SENDER, Stage.RECIPIENT}, {530}, Verdict.CHANNEL_BROKEN),
    ({Stage.FINAL_DOT}, {None}, Verdict.UNKNOWN),
    (set(Stage), range(500, 600), Verdict.REFUSED),
    (set(Stage), None, Verdict.NOT_NOW),
]


def verdict_of(stage: Stage, code: int | None) -> Verdict:
    return next(
        verdict
        for stages, codes, verdict in ANSWERS
        if stage in stages and (codes is None or code in codes)
    )


class SmtpSession:
    """One conversation with one server, opened on first use, kept for many messages.

    `look_up` turns the host's name into the addresses to connect to, and raises
    OSError if there is none; by default any address will do.
    """

    def __init__(
        self,
        server: SmtpServer,
        *,
        helo: str,
        look_up: Callable[[str, int], Sequence[str]] | None = None,
    ) -> None:
        self.server = server
        self.helo = helo
        self._look_up = look_up or (lambda host, port: [host])
        self._smtp: smtplib.SMTP | None = None

    def send(self, email: OutgoingEmail) -> Receipt:
        """Send one message; raise TransportError, after which the session can go on."""
        if self._smtp is None:
            for _ in self.connect():
                pass
        try:
            return self._transaction(email)
        except TransportError as error:
            # Between transactions again, or not at all.
            if error.verdict is Verdict.UNKNOWN or error.code in {None, 421}:
                self.close()
            else:
                self._reset()
            raise

    def close(self) -> None:
        smtp, self._smtp = self._smtp, None
        if smtp is None:
            return
        try:
            if smtp.sock is not None:
                smtp.sock.settimeout(2)
            smtp.quit()
        except (OSError, smtplib.SMTPException):
            smtp.close()

    # --- connecting ---------------------------------------------------------

    def connect(self) -> Iterator[tuple[Stage, str]]:
        """Connect stage by stage; yield each one done with a detail of it.

        Raises TransportError at the first that fails; nothing was sent.
        """
        addresses = self._stage(
            Stage.NAME, lambda: self._look_up(self.server.host, self.server.port)
        )
        yield Stage.NAME, ", ".join(addresses)
        banner = self._stage(Stage.CONNECTION, lambda: self._open(addresses))
        yield Stage.CONNECTION, banner
        if self.server.security is not Security.NONE:
            yield Stage.TLS, self._stage(Stage.TLS, self._secure)
        if self.server.user:
            yield Stage.SIGN_IN, self._stage(Stage.SIGN_IN, self._sign_in)

    def try_sender(self, address: str) -> str:
        """Return what the server says to mail from `address`; nothing is sent."""
        reply = self._command(Stage.SENDER, lambda: self._open_smtp.mail(address), 250)
        self._reset()
        return _text(reply[1])

    def _open(self, addresses: Sequence[str]) -> str:
        """Connect to the first address that answers; the name is for TLS only."""
        smtp = smtplib.SMTP(local_hostname=self.helo, timeout=COMMAND_TIMEOUT)
        smtp._host = self.server.host  # type: ignore[attr-defined]
        sock = _first_to_answer(addresses, self.server.port)
        # The final dot is a write of its own; Nagle would hold it for 40 ms.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.server.security is Security.TLS:
            sock = self._tls().wrap_socket(sock, server_hostname=self.server.host)
        smtp.sock = sock
        self._smtp = smtp
        code, words = smtp.getreply()
        if code != 220:
            self._fail(Stage.CONNECTION, code, words)
        smtp.ehlo_or_helo_if_needed()
        return _text(words)

    def _secure(self) -> str:
        smtp = self._open_smtp
        if self.server.security is Security.STARTTLS:
            smtp.starttls(context=self._tls())
            smtp.ehlo()
        assert isinstance(smtp.sock, ssl.SSLSocket)
        return smtp.sock.version() or ""

    def _sign_in(self) -> str:
        """Sign in once, with the best mechanism offered; never in clear."""
        smtp = self._open_smtp
        smtp.user, smtp.password = self.server.user, self.server.password
        offered = set(smtp.esmtp_features.get("auth", "").upper().split())
        encrypted = self.server.security is not Security.NONE
        mechanisms: dict[str, tuple[Any, bool]] = {
            "PLAIN": (smtp.auth_plain, encrypted),
            "LOGIN": (smtp.auth_login, encrypted),
            "CRAM-MD5": (smtp.auth_cram_md5, True),
        }
        for name, (answer, safe) in mechanisms.items():
            if name in offered and safe:
                smtp.auth(name, answer)
                return name
        raise self._error(
            Stage.SIGN_IN,
            504,
            "The server offers no way to sign in that is safe here.",
        )

    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(
            cafile=self.server.ca or None, cadata=self.server.ca_text or None
        )

    @property
    def _open_smtp(self) -> smtplib.SMTP:
        assert self._smtp is not None
        return self._smtp

    def _stage(self, stage: Stage, work: Callable[[], T]) -> T:
        """Do the work of a stage; whatever breaks becomes a TransportError."""
        try:
            return work()
        except TransportError:
            self.close()
            raise
        except smtplib.SMTPResponseException as error:
            self.close()
            raise self._error(stage, error.smtp_code, error.smtp_error) from error
        except (OSError, smtplib.SMTPException, ValueError) as error:
            self.close()
            raise self._error(stage, None, _explain(error)) from error

    # --- one transaction ----------------------------------------------------

    def _transaction(self, email: OutgoingEmail) -> Receipt:
        smtp = self._open_smtp
        options = self._mail_options(email)
        self._command(
            Stage.SENDER, lambda: smtp.mail(email.envelope_sender, options), 250
        )
        self._command(Stage.RECIPIENT, lambda: smtp.rcpt(email.recipient), 250)
        self._command(Stage.CONTENT, lambda: smtp.docmd("DATA"), 354)
        # Until the final dot has been written the server cannot have taken it.
        self._guarded(Stage.CONTENT, lambda: smtp.send(_dot_stuffed(email.content)))
        code, words = self._guarded(Stage.FINAL_DOT, self._final_reply)
        if code != 250:
            # Not a reply at all is -1, smtplib's for nonsense.
            self._fail(Stage.FINAL_DOT, code if code >= 200 else None, words)
        return Receipt(words=_text(words), code=code, remote=self.server.host)

    def _mail_options(self, email: OutgoingEmail) -> list[str]:
        smtp = self._open_smtp
        options = []
        if smtp.has_extn("size"):
            options.append(f"SIZE={len(email.content)}")
        if smtp.has_extn("8bitmime"):
            options.append("BODY=8BITMIME")
        if not (email.recipient + email.envelope_sender).isascii():
            if not smtp.has_extn("smtputf8"):
                self._fail(
                    Stage.RECIPIENT,
                    553,
                    "5.6.7 The sending server cannot take addresses with "
                    "international characters before the @ (no SMTPUTF8).",
                )
            options.append("SMTPUTF8")
            # smtplib encodes commands with this; "ascii" unless told otherwise.
            smtp.command_encoding = "utf-8"
        return options

    def _final_reply(self) -> tuple[int, bytes]:
        smtp = self._open_smtp
        assert smtp.sock is not None
        smtp.sock.settimeout(FINAL_REPLY_TIMEOUT)
        smtp.send(b".\r\n")
        reply = smtp.getreply()
        smtp.sock.settimeout(COMMAND_TIMEOUT)
        return reply

    def _command(
        self, stage: Stage, command: Callable[[], tuple[int, bytes]], expect: int
    ) -> tuple[int, bytes]:
        reply = self._guarded(stage, command)
        if reply[0] // 10 != expect // 10:
            self._fail(stage, *reply)
        return reply

    def _guarded(self, stage: Stage, command: Callable[[], T]) -> T:
        try:
            return command()
        except (OSError, smtplib.SMTPException) as error:
            raise self._error(stage, None, _explain(error)) from error

    def _reset(self) -> None:
        """Get ready for the next transaction, or for the next connection."""
        with suppress(OSError, smtplib.SMTPException):
            self._open_smtp.command_encoding = "ascii"
            if self._open_smtp.rset()[0] == 250:
                return
        self.close()

    # --- errors -------------------------------------------------------------

    def _fail(self, stage: Stage, code: int | None, words: bytes | str) -> NoReturn:
        raise self._error(stage, code, words)

    def _error(
        self, stage: Stage, code: int | None, words: bytes | str
    ) -> TransportError:
        text = _text(words)
        enhanced = _ENHANCED.match(text)
        return TransportError(
            text,
            verdict_of(stage, code),
            code=code,
            enhanced=enhanced[1] if enhanced else "",
            remote=self.server.host,
            wait=requested_wait(text),
            stage=stage.name.lower(),
        )


def requested_wait(words: str) -> timedelta | None:
    """Return the pause in "try again in N seconds", if the server asks for one."""
    match = _WAIT.search(words[:MAX_WORDS])
    if not match:
        return None
    return timedelta(**{f"{match[2].lower()}s": int(match[1])})


def _first_to_answer(addresses: Sequence[str], port: int) -> socket.socket:
    *others, last = addresses
    for address in others:
        with suppress(OSError):
            return socket.create_connection((address, port), COMMAND_TIMEOUT)
    return socket.create_connection((last, port), COMMAND_TIMEOUT)


def _dot_stuffed(content: bytes) -> bytes:
    """RFC 5321 section 4.5.2, and the line end that the final dot stands after."""
    content = re.sub(rb"(?m)^\.", b"..", content)
    return content if content.endswith(b"\r\n") else content + b"\r\n"


def _text(words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}")[:MAX_WORDS]


def _explain(error: Exception) -> str:
    """Say what broke, in words for the timeline: the other side said nothing."""
    for kind, sentence in _EXPLANATIONS.items():
        if isinstance(error, kind):
            return sentence.format(error=error)
    return f"The connection failed: {error}"


_EXPLANATIONS: dict[type[Exception], str] = {
    EgressRefusedError: "{error}",
    ssl.SSLCertVerificationError: "Its certificate is not trusted: {error}",
    ssl.SSLError: "The TLS handshake failed: {error}",
    socket.gaierror: "Its name cannot be resolved.",
    ConnectionRefusedError: "Nothing answers there: the connection was refused.",
    TimeoutError: "It did not answer in time.",
    smtplib.SMTPServerDisconnected: "It closed the connection.",
    ConnectionError: "The connection was lost.",
    smtplib.SMTPNotSupportedError: "It does not offer what is needed: {error}",
}

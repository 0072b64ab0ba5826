"""The SMTP client side (RFC 5321) that transports share.

Built on smtplib's single commands instead of its `sendmail`, because only the
command that failed tells whether the message may have been taken.
"""

from __future__ import annotations

import math
import re
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import NoReturn, TypeVar

from channels.calling import first_to_answer
from channels.smtp.answers import Stage, error_of, explain, is_goodbye, text_of
from channels.smtp.client import SmtpClient
from channels.smtp.server import Security, SmtpServer
from channels.smtp.sign_in import sign_in
from channels.transports import (
    OutgoingEmail,
    Receipt,
    TransportError,
    Verdict,
)

T = TypeVar("T")

# Enhanced codes that speak of the recipient (RFC 3463, 3.2), not of the sender.
ABOUT_THE_RECIPIENT = {"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"}
CONNECT_TIMEOUT = 10.0  # seconds, for all of the host's addresses together
COMMAND_TIMEOUT = 20.0  # for each reply
NOOP_TIMEOUT = 5.0
# For the end of a connection to be no answer to the next message: to connect again after
# longer could take more than PATIENCE.
GOODBYE_WITHIN = 5.0
# For the whole message to be taken: more for a long one, which a line of a megabit or
# two is to carry, but less than a lease allows for.
CONTENT_TIMEOUT = 60.0
CONTENT_PACE = 100_000  # bytes for which it is a second longer
LONGEST_CONTENT_TIMEOUT = 180.0
# The server may be scanning the message; hanging up now would leave it in doubt.
FINAL_REPLY_TIMEOUT = 120.0
# The longest that one message may take, if every step of it is as slow as it may be.
PATIENCE = timedelta(
    seconds=14 * COMMAND_TIMEOUT + LONGEST_CONTENT_TIMEOUT + FINAL_REPLY_TIMEOUT
)
END = b"\r\n.\r\n"
_BREAKS = re.compile(r"[\r\n\0<>]")  # would end the command, or the path in it

# MAIL, RCPT and DATA, with which a message begins: the stage of each, and the reply to
# it that lets the next step follow.
ENVELOPE = ((Stage.SENDER, 250), (Stage.RECIPIENT, 250), (Stage.CONTENT, 354))


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
        self._smtp: SmtpClient | None = None
        self._has_served = False  # this connection, a message
        self.ends = math.inf  # by the monotonic clock; see SmtpClient
        self.is_lost = False  # the other side did not answer, or said goodbye
        # Whose envelope has been sent, and not yet its content.
        self._announced: OutgoingEmail | None = None

    def send(self, email: OutgoingEmail) -> Receipt:
        """Send one message; raise TransportError, after which the session can go on."""
        (answer,) = self.send_all([email])
        if isinstance(answer, TransportError):
            raise answer
        return answer

    def send_all(
        self, emails: Iterable[OutgoingEmail]
    ) -> Generator[Receipt | TransportError]:
        """Send one after the other; see `Transport.send_all`.

        Where the server lets commands come in groups, the next message's envelope goes
        with the end of the one before it (RFC 2920, 3.1): one write and one wait for
        each message. Ends early when the connection has gone.
        """
        waiting = iter(emails)
        email = next(waiting, None)
        try:
            while email is not None:
                following: OutgoingEmail | None = None
                try:
                    self._begin(email)
                    if self._open_smtp.pipelines:
                        following = next(waiting, None)
                    yield self._finish(email, following)
                except TransportError as error:
                    self._recover(error)
                    yield error
                if not self.is_open:
                    return
                email = following or next(waiting, None)
        except Exception:
            self.hang_up()  # whatever it was, it came in the middle of a message
            raise
        finally:
            if self._announced is not None:
                self.hang_up()  # it waits for a message that is not to be sent now

    def open(self) -> None:
        """Connect, unless it is done; raise TransportError, nothing was sent."""
        if self._smtp is None:
            self.is_lost = True  # until it is connected
            self._has_served = False
            for _ in self.connect():
                pass
            self.is_lost = False

    @property
    def is_open(self) -> bool:
        return self._smtp is not None

    def answers(self) -> bool:
        """Whether the other side is still there; if it says nothing, it is lost."""
        smtp = self._open_smtp
        try:
            smtp.send(b"NOOP\r\n", within=NOOP_TIMEOUT)
            return smtp.getreply(within=NOOP_TIMEOUT)[0] == 250
        except TimeoutError:
            self.is_lost = True
            self.hang_up()
        except (OSError, smtplib.SMTPException):
            pass  # it has merely closed a connection that was idle for long
        return False

    def close(self, within: float = 2.0) -> None:
        """Say goodbye, and wait so many seconds for it to be heard."""
        smtp, self._smtp = self._smtp, None
        if smtp is None:
            return
        with suppress(OSError, smtplib.SMTPException):
            smtp.send(b"QUIT\r\n", within=within)
            smtp.getreply(within=within)
        smtp.close()

    def hang_up(self) -> None:
        """Say nothing more: in the middle of a message it would be read as content."""
        smtp, self._smtp, self._announced = self._smtp, None, None
        if smtp is not None:
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
        """Return what the server says to mail from `address` to itself; nothing is sent.

        Many servers judge the sender only when they hear of a recipient. One that
        merely does not know that recipient has let the sender pass.
        """
        mail, rcpt = self._mail_and_rcpt(address, address, self._mail_options(address))
        self._send(Stage.SENDER, mail)
        self._expect(Stage.SENDER, 250)
        self._send(Stage.SENDER, rcpt)
        code, words = self._reply(Stage.SENDER)
        error = self._error(Stage.SENDER, code, words)
        refused = error.code is None or error.code >= 500
        if refused and error.enhanced not in ABOUT_THE_RECIPIENT:
            raise error
        self._reset()
        return error.words

    def _open(self, addresses: Sequence[str]) -> str:
        """Connect to the first address that answers; the name is for TLS only."""
        sock = first_to_answer(addresses, self.server.port, within=CONNECT_TIMEOUT)
        # The final dot is a write of its own; Nagle would hold it for 40 ms.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._smtp = SmtpClient(
            sock,
            host=self.server.host,
            helo=self.helo,
            timeout=COMMAND_TIMEOUT,
            stays_plain=self.server.security is Security.NONE,
        )
        self._smtp.ends = self.ends
        if self.server.security is Security.TLS:
            return ""  # it greets once the connection is encrypted
        return self._greeted()

    def _greeted(self) -> str:
        smtp = self._open_smtp
        code, words = smtp.getreply()
        if code != 220:
            self._fail(Stage.CONNECTION, code, words)
        smtp.ehlo_or_helo_if_needed()
        return text_of(words)

    def _secure(self) -> str:
        smtp = self._open_smtp
        if self.server.security is Security.STARTTLS:
            smtp.starttls(context=self._tls())
            code, words = smtp.ehlo()
            if code // 100 != 2:
                self._fail(Stage.TLS, code, words)
        else:
            assert smtp.sock is not None
            smtp.sock = self._tls().wrap_socket(
                smtp.sock, server_hostname=self.server.host
            )
            self._greeted()
        assert isinstance(smtp.sock, ssl.SSLSocket)
        return smtp.sock.version() or ""

    def _sign_in(self) -> str:
        encrypted = self.server.security is not Security.NONE
        return sign_in(
            self._open_smtp,
            self.server.user,
            self.server.password,
            encrypted=encrypted,
        )

    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(
            cafile=self.server.ca or None, cadata=self.server.ca_text or None
        )

    @property
    def _open_smtp(self) -> SmtpClient:
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
            raise self._error(stage, None, explain(error)) from error

    # --- one transaction ----------------------------------------------------

    def _begin(self, email: OutgoingEmail) -> None:
        """Announce a message; return if that is taken.

        Some servers end a connection after so many messages. That says nothing of the
        next one, of which they have heard no more than MAIL: it goes over a new
        connection.
        """
        begun = time.monotonic()
        try:
            self._announce(email)
        except TransportError as error:
            soon = time.monotonic() - begun < GOODBYE_WITHIN
            if not (soon and self._has_served and is_goodbye(error)):
                raise
            self._recover(error)
            try:
                self.open()
            except TransportError:
                raise error from None  # its own words; another relay may be there
            self._announce(email)

    def _announce(self, email: OutgoingEmail) -> None:
        """Send MAIL, RCPT and DATA, unless they have gone; return if all are taken."""
        self.open()
        if self._announced is email:
            self._announced = None
            self._read_replies()
            return
        commands = self._envelope(email)
        if self._open_smtp.pipelines:
            self._send(Stage.SENDER, b"".join(commands))
            self._read_replies()
            return
        for command, (stage, expect) in zip(commands, ENVELOPE, strict=True):
            self._send(stage, command)
            self._expect(stage, expect)

    def _finish(self, email: OutgoingEmail, following: OutgoingEmail | None) -> Receipt:
        """Send the message and the envelope of the following; hear whether it is taken."""
        then = b""
        if following is not None:
            with suppress(TransportError):  # told when its turn comes
                then = b"".join(self._envelope(following))
        self._write(_dot_stuffed(email.content), then)
        self._announced = following if then else None
        code, words = self._reply(Stage.FINAL_DOT, within=FINAL_REPLY_TIMEOUT)
        self._has_served = True
        if code // 100 != 2:
            self._fail(Stage.FINAL_DOT, code, words)
        return Receipt(words=text_of(words), code=code, remote=self.server.host)

    def _recover(self, error: TransportError) -> None:
        """After an error get ready for the next message, or end the connection."""
        self.is_lost = error.code is None or error.code == 421
        if error.code is None:
            self.hang_up()
        elif error.verdict is Verdict.UNKNOWN or error.code == 421:
            self._announced = None
            self.close()
        elif self._smtp is not None and self._announced is None:
            self._reset()

    def _envelope(self, email: OutgoingEmail) -> list[bytes]:
        """Return MAIL, RCPT and DATA, in the order of ENVELOPE."""
        head = "" if email.content.isascii() else _head(email.content)
        sender, recipient = email.envelope_sender, email.recipient
        options = self._mail_options(sender, recipient, head)
        if self._open_smtp.has_extn("size"):
            options.append(f"SIZE={len(email.content)}")
        return [*self._mail_and_rcpt(sender, recipient, options), b"DATA\r\n"]

    def _mail_and_rcpt(
        self, sender: str, recipient: str, options: list[str]
    ) -> tuple[bytes, bytes]:
        if _BREAKS.search(sender) or _BREAKS.search(recipient):
            self._fail(Stage.RECIPIENT, 553, "5.1.3 This is no address.")
        mail = " ".join([f"MAIL FROM:<{sender}>", *options])
        return f"{mail}\r\n".encode(), f"RCPT TO:<{recipient}>\r\n".encode()

    def _read_replies(self) -> None:
        """Read what the server says to an envelope, all of it; raise the first bad one."""
        refused: TransportError | None = None
        for stage, expect in ENVELOPE:
            try:
                self._expect(stage, expect)
            except TransportError as error:
                refused = refused or error
                if error.code is None or error.code == 421:
                    break  # no other reply will come
            else:
                if refused is not None and stage is Stage.CONTENT:
                    # It waits for the message, though it has refused whom it is for.
                    self.hang_up()
        if refused is not None:
            raise refused

    def _write(self, content: bytes, then: bytes) -> None:
        """Write a message with its final dot, and `then` the next one's envelope.

        As long as the dot is not out, the message cannot have been taken.
        """
        smtp = self._open_smtp
        try:
            smtp.send(content + then, within=_content_timeout(len(content)))
        except (OSError, smtplib.SMTPException) as error:
            dot = smtp.unsent < len(END) + len(then)
            stage = Stage.FINAL_DOT if dot else Stage.CONTENT
            raise self._error(stage, None, explain(error)) from error

    def _mail_options(self, *texts: str) -> list[str]:
        smtp = self._open_smtp
        options = []
        if smtp.has_extn("8bitmime"):
            options.append("BODY=8BITMIME")
        if not "".join(texts).isascii():
            if not smtp.has_extn("smtputf8"):
                self._fail(
                    Stage.RECIPIENT,
                    553,
                    "5.6.7 The sending server cannot take addresses with "
                    "international characters before the @ (no SMTPUTF8).",
                )
            options.append("SMTPUTF8")
        return options

    def _expect(self, stage: Stage, expected: int) -> None:
        code, words = self._reply(stage)
        if code // 10 != expected // 10:
            self._fail(stage, code, words)

    def _send(self, stage: Stage, commands: bytes) -> None:
        try:
            self._open_smtp.send(commands)
        except (OSError, smtplib.SMTPException) as error:
            raise self._error(stage, None, explain(error)) from error

    def _reply(
        self, stage: Stage, within: float = COMMAND_TIMEOUT
    ) -> tuple[int, bytes]:
        try:
            return self._open_smtp.getreply(within)
        except (OSError, smtplib.SMTPException) as error:
            raise self._error(stage, None, explain(error)) from error

    def _reset(self) -> None:
        """Get ready for the next transaction, or for the next connection."""
        with suppress(OSError, smtplib.SMTPException):
            if self._open_smtp.rset()[0] == 250:
                return
        self.close()

    # --- errors -------------------------------------------------------------

    def _fail(self, stage: Stage, code: int | None, words: bytes | str) -> NoReturn:
        raise self._error(stage, code, words)

    def _error(
        self, stage: Stage, code: int | None, words: bytes | str
    ) -> TransportError:
        return error_of(stage, code, words, remote=self.server.host)


def _head(content: bytes) -> str:
    """The headers: one that is not ASCII asks for SMTPUTF8 (RFC 6532), a body does not."""
    return content.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")


def _content_timeout(length: int) -> float:
    return min(CONTENT_TIMEOUT + length / CONTENT_PACE, LONGEST_CONTENT_TIMEOUT)


_BEFORE_DOT = re.compile(rb"\n\.")


def _dot_stuffed(content: bytes) -> bytes:
    """RFC 5321 section 4.5.2, with the final dot."""
    # A third of the time that bytes.replace takes.
    content = b"\n..".join(_BEFORE_DOT.split(content))
    if content.startswith(b"."):
        content = b"." + content
    return content + (END[2:] if content.endswith(b"\r\n") else END)

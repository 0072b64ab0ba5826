from __future__ import annotations

from collections.abc import Iterator, Sequence
from email.utils import parseaddr
from smtplib import SMTPException
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import sanitize_address

from channels.smtp.relays import connect, let_go, servers_from
from channels.smtp.session import SmtpSession
from channels.transports import OutgoingEmail, TransportError


class RelayEmailBackend(BaseEmailBackend):
    """Django's own mail (verification, password reset, digests) by the Portal's relays.

    They are read when mail is sent, not when Django starts: in practice mode there is
    a port only then. What goes wrong is an SMTPException, as with Django's backend.
    """

    def __init__(self, fail_silently: bool = False, **kwargs: Any) -> None:  # noqa: FBT001, FBT002 - Django's signature
        super().__init__(fail_silently=fail_silently)
        self._session: SmtpSession | None = None

    def open(self) -> bool:
        """Connect to a relay; return False if that had been done before."""
        if self._session is not None:
            return False
        try:
            relays = servers_from(settings.PORTAL_RELAY_URL)
            self._session = connect(relays, settings.PORTAL_DOMAIN)
        except (TransportError, ValueError) as error:  # none is set, or wrongly
            raise SMTPException(str(error)) from error
        return True

    def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()  # the next mail may be hours away
            let_go(session)

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        opened = False
        try:
            opened = self.open()
            for message in email_messages:
                self._send(message)
        except OSError:
            if not self.fail_silently:
                raise
            return 0
        finally:
            if opened:
                self.close()
        return len(email_messages)

    def _send(self, message: EmailMessage) -> None:
        assert self._session is not None
        try:
            for email in _as_sent(message):
                self._session.send(email)
        except (TransportError, ValueError) as error:
            raise SMTPException(str(error)) from error


def _as_sent(message: EmailMessage) -> Iterator[OutgoingEmail]:
    """Yield a mail for each recipient; ValueError if an address or header is none."""
    encoding = message.encoding or settings.DEFAULT_CHARSET
    sender, *recipients = (
        parseaddr(sanitize_address(address, encoding))[1]
        for address in (message.from_email, *message.recipients())
    )
    content: bytes = message.message().as_bytes(linesep="\r\n")  # type: ignore[call-arg]
    for recipient in recipients:
        yield OutgoingEmail(
            envelope_sender=sender, recipient=recipient, content=content
        )

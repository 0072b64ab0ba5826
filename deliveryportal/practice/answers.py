"""What the outside world sends back later: bounces and complaints. Bytes, pure.

An answer depends on nothing but the mail it answers. One that is sent again,
because the first sending ended in doubt, is the same to the byte and counts once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import partial

# A longer mail comes back by its headers alone, as most servers do it.
RETURNED_WHOLE = 64 * 1024
TRIES_FOR = timedelta(days=2)  # as long as it says that it goes on after a delay

Fields = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenMail:
    """A mail the outside world took and now answers."""

    id: str  # unique and ASCII: it becomes the answer's Message-ID and boundary
    return_path: str
    recipient: str
    content: bytes
    at: datetime

    @property
    def shown_recipient(self) -> str:
        """In ASCII: what is not, in the `utf-8-addr-xtext` of RFC 6533."""
        return "".join(
            c if c.isascii() else f"\\x{{{ord(c):X}}}" for c in self.recipient
        )

    @property
    def final_recipient(self) -> str:
        address_type = "rfc822" if self.recipient.isascii() else "utf-8"
        return f"{address_type}; {self.shown_recipient}"

    @property
    def host(self) -> str:
        return f"mx.{self.shown_recipient.rpartition('@')[2]}"


def bounce(mail: TakenMail, *, status: str, words: str) -> bytes:
    """Say that `mail` did not arrive (RFC 3464). `words` are the server's own."""
    words = words.format(recipient=mail.shown_recipient)
    about_server = {
        "Reporting-MTA": f"dns; {mail.host}",
        "Arrival-Date": format_datetime(mail.at),
    }
    about_recipient = {
        "Final-Recipient": mail.final_recipient,
        "Action": "failed",
        "Status": status,
        "Diagnostic-Code": f"smtp; {words}",
    }
    return _report(
        mail,
        report_type="delivery-status",
        sender=f"Mail Delivery System <MAILER-DAEMON@{mail.host}>",
        subject="Undelivered Mail Returned to Sender",
        text=(
            f"This is the mail system at host {mail.host}.\n\n"
            "Your message could not be delivered to this recipient:\n\n"
            f"<{mail.shown_recipient}>: {words}\n"
        ),
        groups=[about_server, about_recipient],
    )


def delay(mail: TakenMail) -> bytes:
    """Say that `mail` has not arrived yet, and that one goes on trying (RFC 3464)."""
    until = format_datetime(mail.at + TRIES_FOR)
    words = f"connect to mailbox.{mail.host}: Connection timed out"
    return _report(
        mail,
        report_type="delivery-status",
        sender=f"Mail Delivery System <MAILER-DAEMON@{mail.host}>",
        subject="Delayed Mail (still being retried)",
        text=(
            f"This is the mail system at host {mail.host}.\n\n"
            "Your message could not be delivered yet. It will be retried until "
            f"{until}.\n\n<{mail.shown_recipient}>: {words}\n"
        ),
        groups=[
            {"Reporting-MTA": f"dns; {mail.host}"},
            {
                "Final-Recipient": mail.final_recipient,
                "Action": "delayed",
                "Status": "4.4.1",
                "Diagnostic-Code": f"smtp; {words}",
                "Will-Retry-Until": until,
            },
        ],
    )


def complaint(mail: TakenMail) -> bytes:
    """Say that the recipient marked `mail` as spam (RFC 5965)."""
    return _report(
        mail,
        report_type="feedback-report",
        sender=f"Complaints <feedback@{mail.host}>",
        subject="Email complaint",
        text=(
            f"This is an abuse report for a message received at {mail.host}.\n"
            "The recipient marked it as spam.\n"
        ),
        groups=[
            {
                "Feedback-Type": "abuse",
                "User-Agent": "PracticeRelay/1.0",
                "Version": "1",
                "Original-Mail-From": f"<{mail.return_path}>",
                "Original-Rcpt-To": f"<{mail.shown_recipient}>",
                "Arrival-Date": format_datetime(mail.at),
            }
        ],
    )


ANSWERS: dict[str, Callable[[TakenMail], bytes]] = {
    "late-unknown": partial(
        bounce,
        status="5.1.1",
        words="550 5.1.1 <{recipient}>: Recipient address rejected: User unknown",
    ),
    "late-bounce": partial(
        bounce,
        status="5.2.2",
        words="552 5.2.2 <{recipient}>: Mailbox full: user is over quota",
    ),
    "delay": delay,
    "complaint": complaint,
}


def _report(
    mail: TakenMail,
    *,
    report_type: str,
    sender: str,
    subject: str,
    text: str,
    groups: list[Fields],
) -> bytes:
    """Put a `multipart/report` together (RFC 6522): for people, for machines, the mail.

    By hand, not with `email`: what is returned must stay as it was, to the byte.
    """
    boundary = f"=_{mail.id}"
    head = _fields(
        {
            "From": sender,
            "To": f"<{mail.return_path}>",
            "Subject": subject,
            "Date": format_datetime(mail.at),
            "Message-ID": f"<{mail.id}@{mail.host}>",
            "Auto-Submitted": "auto-replied",
            "MIME-Version": "1.0",
            "Content-Type": (
                f'multipart/report; report-type={report_type};\n boundary="{boundary}"'
            ),
            "Content-Transfer-Encoding": "8bit",
        }
    )
    returned_type, returned = _returned(mail.content)
    parts = [
        ("text/plain; charset=us-ascii", _wire(text)),
        (f"message/{report_type}", b"\r\n".join(_fields(group) for group in groups)),
        (returned_type, returned),
    ]
    body = b"".join(
        _wire(f"\n--{boundary}\nContent-Type: {kind}\n\n") + content
        for kind, content in parts
    )
    return head + body + _wire(f"\n--{boundary}--\n")


def _returned(content: bytes) -> tuple[str, bytes]:
    if len(content) <= RETURNED_WHOLE:
        return "message/rfc822\nContent-Transfer-Encoding: 8bit", content
    headers = content.partition(b"\r\n\r\n")[0][:RETURNED_WHOLE]
    return "text/rfc822-headers\nContent-Transfer-Encoding: 8bit", headers + b"\r\n"


def _fields(fields: Fields) -> bytes:
    return _wire("".join(f"{name}: {value}\n" for name, value in fields.items()))


def _wire(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode("ascii")

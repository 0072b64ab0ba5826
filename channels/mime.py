"""Letter → RFC 5322 bytes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email import message_from_string, policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What a recipient is to read. Addresses in wire form (domain in A-labels)."""

    from_name: str
    from_address: str
    to_name: str
    to_address: str
    subject: str
    text: str
    message_id: str
    date: datetime
    references: str = ""  # Message-IDs of the thread before it, oldest first


def to_bytes(letter: Letter) -> bytes:
    """Return the message with CRLF line ends; 7-bit unless an address is not ASCII.

    Raises ValueError if a header holds a line end: nothing may add headers.
    """
    if any("=?" in text for text in (letter.from_name, letter.to_name, letter.subject)):
        raise ValueError("encoded words would be decoded, line ends in them too")
    international = not (letter.from_address + letter.to_address).isascii()
    message = EmailMessage(policy.SMTPUTF8 if international else policy.SMTP)
    message["From"] = _address(letter.from_name, letter.from_address)
    message["To"] = _address(letter.to_name, letter.to_address)
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(letter.date)
    message["Message-ID"] = letter.message_id
    if letter.references:
        message["In-Reply-To"] = letter.references.split()[-1]
        message["References"] = letter.references
    message.set_content(letter.text, cte="quoted-printable")
    # Long lines are allowed (RFC 5322, 2.1.1), and Python breaks what it has to fold:
    # Message-IDs become encoded words, a quoted name loses its quotes.
    content = message.as_bytes(policy=message.policy.clone(max_line_length=998))
    _check(content, message, letter)
    return content


def _check(content: bytes, message: EmailMessage, letter: Letter) -> None:
    """Raise ValueError unless exactly these headers, and this sender, are in it."""
    written = message_from_string(content.decode(), policy=message.policy)
    senders = [each.addr_spec for each in written["From"].addresses]
    if written.keys() != message.keys() or senders != [letter.from_address]:
        raise ValueError("a header is not what it was meant to be")


def _address(name: str, address: str) -> Address:
    local_part, _, domain = address.rpartition("@")
    return Address(display_name=name, username=local_part, domain=domain)

"""The same letter to some people, as a test writes it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from channels.addresses import Address
from channels.models import EmailIdentity
from conversations.composing import Enclosed, Wording, write_to_each
from conversations.models import Message


def write(
    *,
    identity: EmailIdentity,
    recipients: Sequence[Address],
    subject: str,
    body: str,
    submission: UUID | None = None,
    follows: Message | None = None,
) -> list[Message]:
    wording = Wording(subject=subject, body=body)
    return write_to_each(
        identity=identity,
        letters=[(address, wording) for address in recipients],
        enclosed=Enclosed(follows=follows),
        submission=submission,
    )

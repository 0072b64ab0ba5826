"""Taking mail in: committed before the sender hears that it was taken."""

from __future__ import annotations

import logging

from django.conf import settings
from django.utils.timezone import now

from channels.return_path import token_of
from deliveryportal.practice.manners import manner_of
from deliveryportal.practice.models import PracticeMail
from deliveryportal.practice.reading import from_and_subject, read_letter

logger = logging.getLogger("deliveryportal.practice")

SHOWN = 500  # characters of a header in the list
LOGGED_LINES = 50


def file_mail(*, sender: str, recipients: list[str], content: bytes) -> str:
    """Commit one row per recipient; return the id of the first.

    `sender` is the return path, empty for `<>`. Raises the database's errors.
    """
    token = token_of(sender, settings.BOUNCE_DOMAIN) or ""
    header_from, header_subject = from_and_subject(content)
    mails = PracticeMail.objects.bulk_create(
        _owing_answer(
            PracticeMail(
                envelope_sender=sender,
                envelope_recipient=recipient,
                return_token=token,
                header_from=header_from[:SHOWN],
                header_subject=header_subject[:SHOWN],
                raw=content,
                received_at=now(),
            )
        )
        for recipient in recipients
    )
    if not token:
        _show_in_log(recipients, content)
    return str(mails[0].uuid)


def _owing_answer(mail: PracticeMail) -> PracticeMail:
    manner = manner_of(mail.envelope_recipient)
    # Mail from the null sender is never answered (RFC 5321, section 4.5.5), and
    # our own return paths are all ASCII.
    if manner.answer and mail.envelope_sender and mail.envelope_sender.isascii():
        mail.answer = manner.answer
        mail.answer_due = mail.received_at + manner.answer_after
    return mail


def _show_in_log(recipients: list[str], content: bytes) -> None:
    """Show account mail where it was started: who is signed out sees no page.

    Line by line, so that a link in it can be copied.
    """
    lines = [line for line in read_letter(content).text.splitlines() if line.strip()]
    for line in lines[:LOGGED_LINES]:
        logger.info("Account mail to %s: %s", ", ".join(recipients), line)

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from email.parser import BytesHeaderParser
from typing import Any, NoReturn

from django import db
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from channels.return_path import token_of
from conversations.bounces.addresses import STRAY, is_ours
from conversations.bounces.receiving import (
    announce_reports,
    receive_report,
    token_is_known,
)

logger = logging.getLogger(__name__)

# What an MTA understands: <sysexits.h>.
BAD_MAIL = 65
UNKNOWN_RECIPIENT = 67
TRY_LATER = 75


class Command(BaseCommand):
    help = (
        "Takes one bounce on standard input, for an MTA's pipe. The return path it came "
        "to is --recipient, else what the MTA says in the environment "
        "(ORIGINAL_RECIPIENT, RECIPIENT) or in the mail (Delivered-To, X-Original-To). "
        "One of our domain without a valid return path is kept for the admin. "
        "Exit codes are those of sysexits.h: 65, 67 or 75, where 75 means try again."
    )
    # A misconfiguration must not make an MTA bounce a bounce.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--recipient", metavar="ADDRESS", help="The return path it came to."
        )

    def handle(self, *args: Any, recipient: str | None, **options: Any) -> None:
        raw = sys.stdin.buffer.read(settings.BOUNCE_SIZE_LIMIT + 1)
        if not raw.strip():
            self._leave(BAD_MAIL, "There is no mail on standard input.")
        if len(raw) > settings.BOUNCE_SIZE_LIMIT:
            self._leave(
                BAD_MAIL, f"The mail is larger than {settings.BOUNCE_SIZE_LIMIT} bytes."
            )
        try:
            self._ingest([recipient] if recipient else list(named_recipients(raw)), raw)
        except db.Error:
            self._leave(TRY_LATER, "The database does not answer. Try again later.")
        except Exception:  # any other exit code would make the MTA give the bounce up
            logger.exception("A report cannot be stored")
            self._leave(TRY_LATER, "The report cannot be stored. Try again later.")

    def _ingest(self, recipients: list[str], raw: bytes) -> None:
        for recipient in recipients:
            token = token_of(recipient, settings.BOUNCE_DOMAIN)
            if token and token_is_known(token):
                announce_reports([receive_report(token, raw, "pipe").pk])
                return
        ours = [each for each in recipients if is_ours(each, settings.BOUNCE_DOMAIN)]
        if recipients and not ours:
            self._leave(
                UNKNOWN_RECIPIENT, f"No such return path here: {recipients[0]!a}."
            )
        # The MTA has taken it; nobody could be told any more. The admin looks at it.
        announce_reports([receive_report(STRAY, raw, "pipe").pk])

    def _leave(self, code: int, sentence: str) -> NoReturn:
        self.stderr.write(sentence)
        raise SystemExit(code)


def named_recipients(raw: bytes) -> Iterator[str]:
    """Yield the addresses that the MTA says the mail came to, the surest first."""
    for variable in ("ORIGINAL_RECIPIENT", "RECIPIENT"):
        if address := os.environ.get(variable):
            yield address
    headers = BytesHeaderParser().parsebytes(raw[:100_000])
    for name in ("Delivered-To", "X-Original-To"):
        for value in headers.get_all(name, []):
            yield str(value).strip()

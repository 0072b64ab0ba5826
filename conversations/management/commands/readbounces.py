from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from conversations.bounces.dsn import Kind, ReadReport, read_reports

# As other programs call them.
KINDS: dict[Kind, str] = {
    "auth_report": "report",
    "relayed": "delivered",
    "other": "none",
}


class Command(BaseCommand):
    help = (
        "Reads mails as bounces and prints what each says: one line of JSON for each "
        "mail and recipient. Changes nothing and needs no database."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "paths",
            nargs="+",
            type=Path,
            metavar="PATH",
            help="A file with one mail, or a folder: all files in it.",
        )

    def handle(self, *args: Any, paths: list[Path], **options: Any) -> None:
        for path in paths:
            if not path.exists():
                raise CommandError(f"There is no {path}.")
            for file in files_in(path):
                for report in read_reports(file.read_bytes()):
                    self.stdout.write(json.dumps(line_for(file, report)))


def files_in(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(file for file in path.rglob("*") if file.is_file())
    else:
        yield path


def line_for(file: Path, report: ReadReport) -> dict[str, Any]:
    return {
        "file": str(file),
        "recipient": report.final_recipient,
        "kind": KINDS.get(report.kind, report.kind),
        "reason": report.reason,
        "hard": report.hard,
        "status": report.enhanced_code,
        "replycode": str(report.reply_code or ""),
        "messageid": report.original_message_id,
        "diagnostic": report.diagnostic,
        "reporting_mta": report.reporting_mta,
        "remote_mta": report.remote_mta,
        "evidence": report.evidence,
    }

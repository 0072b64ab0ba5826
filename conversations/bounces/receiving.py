"""Taking reports in: whether their addresses are ours, and keeping them as they came."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from django.db import connection, models

from channels.announcing import announce
from conversations.bounces.digest import digest_of
from conversations.models import Delivery, Report
from conversations.tasks import read_reports

logger = logging.getLogger(__name__)

GIVEN = {"uuid", "return_token", "digest", "raw", "received_at", "source"}
OCTETS_AT_ONCE = 16 * 1024 * 1024  # in one transaction, however many wait


@dataclass(frozen=True, slots=True)
class Arrival:
    """A mail, with the return paths it came to. `source` is smtp, lmtp or pipe."""

    tokens: tuple[str, ...]
    raw: bytes
    source: str

    def reports(self) -> Iterator[Report]:
        digest = digest_of(self.raw)
        for token in self.tokens:
            yield Report(
                return_token=token, digest=digest, raw=self.raw, source=self.source
            )


def known_tokens(tokens: Iterable[str]) -> set[str]:
    """Return those that are about deliveries that still exist."""
    return set(
        Delivery.objects.filter(return_token__in=tokens).values_list(
            "return_token", flat=True
        )
    )


def token_is_known(token: str) -> bool:
    return token in known_tokens([token])


def receive_report(token: str, raw: bytes, source: str) -> Report:
    """Keep one report; the same mail to the same return path is kept once.

    Outside a transaction it is committed on return.
    """
    report, _ = Report.objects.defer("raw").get_or_create(
        return_token=token,
        digest=digest_of(raw),
        defaults={"raw": raw, "source": source},
    )
    return report


def receive(arrivals: Sequence[Arrival]) -> list[list[UUID] | Exception]:
    """Keep all of them and commit; the same mail to the same path is kept once.

    Returns for each the ids of its reports, or why it could not be kept. One that
    cannot takes nobody with it: those it came with are then tried one by one.
    """
    return [
        answer for group in _by_size(arrivals) for answer in _receive_or_split(group)
    ]


def announce_report(report: Report) -> None:
    """Have it read soon. If the queue is away, the sweeper finds it unread."""
    announce(read_reports, report.pk)


def announce_reports(uuids: Sequence[UUID]) -> None:
    """Have them read soon, by one worker. If the queue is away, the sweeper finds them.

    Those that had been there already are not announced again.
    """
    pks = Report.objects.filter(uuid__in=uuids, state=Report.State.UNREAD)
    if found := pks.order_by("pk").values_list("pk", flat=True):
        announce(read_reports, *found)


def _receive_or_split(arrivals: Sequence[Arrival]) -> list[list[UUID] | Exception]:
    try:
        return [*_keep(arrivals)]
    except Exception as error:
        if len(arrivals) == 1 or not connection.is_usable():
            return [error] * len(arrivals)
        return [
            answer for arrival in arrivals for answer in _receive_or_split([arrival])
        ]


def _keep(arrivals: Sequence[Arrival]) -> list[list[UUID]]:
    kept = [list(arrival.reports()) for arrival in arrivals]
    reports = [report for its_own in kept for report in its_own]
    # In one order everywhere: two receivers with the same reports wait for each other
    # in turn, and never both at once.
    reports.sort(key=lambda report: (report.return_token, report.digest))
    _insert(reports)
    logger.info("%s reports received", len(reports))
    return [[report.uuid for report in its_own] for its_own in kept]


def _insert(reports: Sequence[Report]) -> None:
    """Commit them by one statement, and pass over those that are there.

    `bulk_create` would make three trips to the database and take twice the time.
    """
    into, row, given = _insertion()
    values = [
        field.get_db_prep_save(getattr(report, field.attname), connection)
        for report in reports
        for field in given
    ]
    rows = ", ".join([row] * len(reports))
    with connection.cursor() as cursor:
        cursor.execute(f"{into} VALUES {rows} ON CONFLICT DO NOTHING", values)


@cache
def _insertion() -> tuple[str, str, list[models.Field[Any, Any]]]:
    """Return the SQL up to VALUES, the SQL of one row, and the fields it asks for.

    What nobody has read yet stands in the row as its default.
    """
    quote = connection.ops.quote_name
    fields = [
        field for field in Report._meta.local_concrete_fields if not field.primary_key
    ]
    columns = ", ".join(quote(str(field.column)) for field in fields)
    given = [field for field in fields if field.attname in GIVEN]
    row = ", ".join(
        "%s" if field in given else _literal(field.get_default()) for field in fields
    )
    return f"INSERT INTO {quote(Report._meta.db_table)} ({columns})", f"({row})", given


def _literal(default: object) -> str:
    return "NULL" if default is None else f"'{default}'"


def _by_size(arrivals: Sequence[Arrival]) -> Iterator[list[Arrival]]:
    group: list[Arrival] = []
    octets = 0
    for arrival in arrivals:
        size = len(arrival.raw) * len(arrival.tokens)
        if group and octets + size > OCTETS_AT_ONCE:
            yield group
            group, octets = [], 0
        group.append(arrival)
        octets += size
    if group:
        yield group

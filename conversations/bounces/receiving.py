"""Taking reports in: whether their addresses are ours, and keeping them as they came."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from uuid import uuid4

from django.db import connection
from django.utils.timezone import now

from channels.announcing import announce
from conversations.bounces.digest import digest_of
from conversations.bounces.keeping import Kept, Key, Row, keep
from conversations.models import Delivery, Report
from conversations.tasks import read_reports

logger = logging.getLogger(__name__)

OCTETS_AT_ONCE = 16 * 1024 * 1024  # in one transaction, however many wait


@dataclass(frozen=True, slots=True)
class Arrival:
    """A mail, with the return paths it came to. `source` is smtp, lmtp or pipe."""

    tokens: tuple[str, ...]
    raw: bytes
    source: str

    def rows(self) -> Iterator[Row]:
        digest = digest_of(self.raw)
        for token in self.tokens:
            yield Row(uuid4(), token, digest, self.raw, now(), self.source)


def known_tokens(tokens: Sequence[str]) -> set[str]:
    """Return those that are about deliveries that still exist.

    Asked for each mail: the ORM would take longer than the database.
    """
    quote, places = connection.ops.quote_name, ", ".join(["%s"] * len(tokens))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT return_token FROM {quote(Delivery._meta.db_table)} "  # noqa: S608
            f"WHERE return_token IN ({places})",
            tokens,
        )
        return {token for (token,) in cursor.fetchall()}


def token_is_known(token: str) -> bool:
    return token in known_tokens([token])


def receive_report(token: str, raw: bytes, source: str) -> Report:
    """Keep one report; the same mail to the same return path is kept once.

    Outside a transaction it is committed on return.
    """
    report, is_new = Report.objects.defer("raw").get_or_create(
        return_token=token,
        digest=digest_of(raw),
        defaults={"raw": raw, "source": source},
    )
    if is_new:
        about = Delivery.objects.filter(return_token=token)
        _log([Kept(report.pk, about.values_list("pk", flat=True).first())])
    return report


def receive(arrivals: Sequence[Arrival]) -> list[list[int] | Exception]:
    """Keep all of them and commit; the same mail to the same path is kept once.

    Returns for each the ids of its new reports, or why it could not be kept. One that
    cannot takes nobody with it: those it came with are then tried one by one.
    """
    return [
        answer for group in _by_size(arrivals) for answer in _receive_or_split(group)
    ]


def announce_reports(pks: Sequence[int]) -> None:
    """Have them read soon, by one worker. If the queue is away, the sweeper finds them."""
    if pks:
        announce(read_reports, *pks)


def _receive_or_split(arrivals: Sequence[Arrival]) -> list[list[int] | Exception]:
    try:
        return [*_keep(arrivals)]
    except Exception as error:
        if len(arrivals) == 1 or not connection.is_usable():
            return [error] * len(arrivals)
        return [
            answer for arrival in arrivals for answer in _receive_or_split([arrival])
        ]


def _keep(arrivals: Sequence[Arrival]) -> list[list[int]]:
    rows = [list(arrival.rows()) for arrival in arrivals]
    # In one order everywhere: two receivers with the same reports wait for each other
    # in turn, and never both at once.
    new = keep(sorted(chain.from_iterable(rows), key=_key))
    _log(new.values())
    return [
        [kept.report for row in its_own if (kept := new.pop(_key(row), None))]
        for its_own in rows
    ]


def _log(reports: Iterable[Kept]) -> None:
    """Tell whoever runs it that they have come, and to which delivery's return path."""
    if not logger.isEnabledFor(logging.INFO):
        return
    for report, delivery in reports:
        logger.info(
            "Report %s received, for delivery %s",
            report,
            delivery or "unknown",
            extra={"report": report, "delivery": delivery},
        )


def _key(row: Row) -> Key:
    return row.return_token, row.digest


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

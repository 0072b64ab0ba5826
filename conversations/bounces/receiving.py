"""Taking reports in: whether their return paths exist, and keeping the raw mails."""

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

OCTETS_AT_ONCE = 16 * 1024 * 1024  # the most in one transaction, except one big mail


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
    """Return the tokens whose deliveries still exist.

    Raw SQL, because it runs for each mail: the ORM would take longer than the database.
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
    """Keep all arrivals and commit; the same mail to the same path is kept once.

    Return for each the ids of its new reports, or the exception why it was not kept. If
    a group fails because of one arrival, its arrivals are tried one by one.
    """
    return [
        answer for group in _by_size(arrivals) for answer in _receive_or_split(group)
    ]


def announce_reports(pks: Sequence[int]) -> None:
    """Announce the reports to one worker; else the sweeper finds them later."""
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
    # Sorted, so that two receivers with the same reports cannot deadlock.
    new = keep(sorted(chain.from_iterable(rows), key=_key))
    _log(new.values())
    return [
        [kept.report for row in its_own if (kept := new.pop(_key(row), None))]
        for its_own in rows
    ]


def _log(reports: Iterable[Kept]) -> None:
    """Log for the operator that reports have come, and for which deliveries."""
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

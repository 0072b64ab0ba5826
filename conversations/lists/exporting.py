"""A list as a CSV file, row by row: however long it is, little of it is in memory."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from django.db.models import Case, OuterRef, Q, Subquery, Value, When

from channels.transports import all_transports
from conversations.bounces.reasons import REASONS
from conversations.models import DeliveryEvent
from conversations.models.delivery_queryset import DeliveryQuerySet
from conversations.models.state import FAILURES, STATUS, State, Triage

AT_A_TIME = 2000
HEAD = [
    "Person",
    "Name",
    "Subject",
    "Member",
    "Channel",
    "Identity",
    "Status",
    "Reason",
    "Remote words",
    "Triage",
    "Looked after by",
    "Note",
    "Date",
    "Archived",
]
# Where a spreadsheet may take text from outside for a formula: one of these begins a
# cell, or follows what divides cells in some languages, such as a semicolon.
SIGNS = "=+@\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}-"
FORMULA = re.compile(rf"(\A|[;\t\r\n])(?=[{SIGNS}])|\A(?=[\t\r\n])")
COLUMNS = (
    "recipient",
    "recipient_name",
    "subject",
    "sender__name",
    "channel_kind",
    "from_address",
    "state",
    "reason",
    "remote_words",
    "triage",
    "triage_owner__name",
    "note",
    "state_since",
    "archived_at",
)


class _Line:
    """A file for `csv.writer` that returns each line instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def csv_lines(deliveries: DeliveryQuerySet, zone: ZoneInfo) -> Iterator[str]:
    """Yield the file line by line, after a byte order mark, so that Excel reads UTF-8.

    `zone` is the user's: by the time the lines are read, the request is over and with
    it the active time zone.
    """
    write = csv.writer(_Line()).writerow
    yield "\ufeff" + write(HEAD)
    found = (
        deliveries.annotate(note=_last_decision())
        .order_by("-state_since", "-pk")
        .values_list(*COLUMNS)
    )
    for row in found.iterator(chunk_size=AT_A_TIME):
        yield write([_harmless(cell) for cell in _in_words(zone, *row)])


def _last_decision() -> Case:
    """The note of the last decision on the timeline; none if triage is open."""
    decided = DeliveryEvent.objects.filter(
        delivery=OuterRef("pk"), kind=DeliveryEvent.Kind.TRIAGED
    )
    last = Subquery(decided.order_by("-at", "-pk").values("note")[:1])
    return Case(When(~Q(triage=Triage.OPEN), then=last), default=Value(""))


def _in_words(zone: ZoneInfo, *row: object) -> Iterator[str]:
    cells = dict(zip(COLUMNS, row, strict=True))
    kind = str(cells["channel_kind"])
    transport = all_transports().get(kind)
    cells["channel_kind"] = transport.traits.label if transport else kind
    status = State(str(cells["state"]))
    if status == State.ACCEPTED and transport:
        cells["state"] = transport.traits.accepted_label
    else:
        cells["state"] = STATUS[status][0] if status in STATUS else status.label
    reason = REASONS.get(str(cells["reason"]))
    cells["reason"] = reason.title if reason else cells["reason"]
    # Only failures have a triage.
    cells["triage"] = Triage(str(cells["triage"])).label if status in FAILURES else ""
    for key in ("state_since", "archived_at"):
        at = cells[key]
        cells[key] = at.astimezone(zone).isoformat(" ", "seconds") if at else ""  # type: ignore[attr-defined]
    return ("" if cell is None else str(cell) for cell in cells.values())


def _harmless(cell: str) -> str:
    return FORMULA.sub(r"\1'", cell)

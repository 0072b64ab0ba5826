"""Triggers that note as `CauseChange`s which open failures come and go, by any writer.

They are made after each `migrate`, and not in a migration: SQLite drops a table's
triggers whenever Django rebuilds the table to alter it. All is counted anew then, which
also mends a tally that was tampered with.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import connections, transaction

from conversations.models import CauseChange, CauseTally, Delivery
from conversations.models.state import FAILURES, State, Triage

TABLE = Delivery._meta.db_table
CHANGES = CauseChange._meta.db_table
TALLY = CauseTally._meta.db_table


def _is_open(row: str) -> str:
    """The condition of the index conv_delivery_cause, on NEW, OLD or the table."""
    states = ", ".join(f"'{state}'" for state in FAILURES)
    return f"{row}.state IN ({states}) AND {row}.triage = '{Triage.OPEN}'"


def _note(row: str, number: int) -> str:
    return (
        f"INSERT INTO {CHANGES} (team_id, cause, number) "  # noqa: S608
        f"VALUES ({row}.team_id, COALESCE({row}.cause, ''), {number});"
    )


COME, GONE = _note("NEW", 1), _note("OLD", -1)
OTHER = (
    "(OLD.team_id <> NEW.team_id OR COALESCE(OLD.cause, '') <> COALESCE(NEW.cause, ''))"
)
# The columns that decide whether a failure is open, and its cause.
UPDATE = "UPDATE OF state, triage, team_id, reason, channel_id, recipient_wire"
# Name, event, condition, what is noted.
TRIGGERS = (
    ("come", "INSERT", _is_open("NEW"), COME),
    ("gone", "DELETE", _is_open("OLD"), GONE),
    (
        "opened",
        UPDATE,
        f"{_is_open('NEW')} AND (NOT ({_is_open('OLD')}) OR {OTHER})",
        COME,
    ),
    (
        "closed",
        UPDATE,
        f"{_is_open('OLD')} AND (NOT ({_is_open('NEW')}) OR {OTHER})",
        GONE,
    ),
)
# What is asked first, if not all of the condition: PostgreSQL parses that anew for each
# INSERT, which nearly always is of mail that waits.
FIRST = {"INSERT": f"NEW.state <> '{State.QUEUED}'"}
NAMES = tuple(f"conv_cause_{name}" for name, *_ in TRIGGERS)

MAKE: dict[str, tuple[str, ...]] = {
    "sqlite": (
        "DROP TRIGGER IF EXISTS {name}",
        "CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW WHEN {condition} "
        "BEGIN {note} END",
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql "
        "AS $$ BEGIN IF {condition} THEN {note} END IF; RETURN NULL; END $$",
        "CREATE OR REPLACE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW "
        "WHEN ({when}) EXECUTE FUNCTION {name}()",
    ),
}
DROP = {
    "sqlite": "DROP TRIGGER IF EXISTS {name}",
    "postgresql": "DROP TRIGGER IF EXISTS {name} ON {table}",
}
# Writes only tallies that are wrong: usually none.
COUNT_ALL = (
    f"DELETE FROM {CHANGES}",  # noqa: S608
    f"""
    INSERT INTO {TALLY} AS tally (team_id, cause, number)
    SELECT team_id, cause, SUM(number) FROM (
        SELECT team_id, COALESCE(cause, '') AS cause, 1 AS number FROM {TABLE}
        WHERE {_is_open(TABLE)}
        UNION ALL SELECT team_id, cause, 0 FROM {TALLY}
    ) AS found
    GROUP BY team_id, cause ORDER BY team_id, cause
    ON CONFLICT (team_id, cause) DO UPDATE SET number = excluded.number
    WHERE tally.number <> excluded.number
    """,  # noqa: S608
)


def ensure(using: str, **kwargs: Any) -> None:
    """Make the triggers and count all. Waits for transactions that are writing."""
    connection = connections[using]
    with transaction.atomic(using), connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        if TABLE not in tables:
            return  # only other apps were migrated
        if CHANGES not in tables:  # back to an older state
            for name in NAMES:
                cursor.execute(DROP[connection.vendor].format(name=name, table=TABLE))
            return
        for statement in (*_make(connection.vendor), *COUNT_ALL):
            cursor.execute(statement)


def _make(vendor: str) -> Iterator[str]:
    for name, (_, event, condition, note) in zip(NAMES, TRIGGERS, strict=True):
        for statement in MAKE[vendor]:
            yield statement.format(
                name=name,
                event=event,
                table=TABLE,
                condition=condition,
                when=FIRST.get(event, condition),
                note=note,
            )

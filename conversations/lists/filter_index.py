"""What PostgreSQL needs for quick lists beside the indexes of the models.

Extended statistics tell it that a sender belongs to one team, and how common words are.
Without them it would read a team's whole history for the first page of one member's.

One GIN index serves search and filters of Failed deliveries in any combination. It
needs the extensions pg_trgm and btree_gin, which a database user without privileges may
not create. Without the index everything works, only rare matches take longer to find.
So it is not part of a migration, which could fail, but is made after any `migrate` that
finds it missing.
"""

from __future__ import annotations

import sys
from typing import Any

from django.db import DatabaseError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from conversations.models import Delivery

STATISTICS = """
    CREATE STATISTICS IF NOT EXISTS conv_delivery_whose (dependencies)
    ON team_id, sender_id, from_address, channel_id, channel_kind, tracked
    FROM conversations_delivery;
    CREATE STATISTICS IF NOT EXISTS conv_delivery_sought
    ON (UPPER(recipient || ' ' || subject)) FROM conversations_delivery
"""
NAME = "conv_failed_filtered"
# The UPPER(…) must be the expression of models.sought. fastupdate would let writers
# append to a pending list, which every search then has to read through.
DEFINITION = f"""
    CREATE INDEX {NAME} ON conversations_delivery
    USING gin (
        team_id, sender_id, state, channel_kind, reason, triage,
        (UPPER(recipient || ' ' || subject)) gin_trgm_ops
    )
    WITH (fastupdate = off)
    WHERE archived_at IS NULL
    AND state IN ('failed', 'bounced', 'complained', 'unconfirmed')
"""
FORMER = "conv_failed_sought"  # on the words alone
HINT = (
    "Search and filters of Failed deliveries have no index, and will be slow in a big "
    "team: the database user may not create the extensions pg_trgm and btree_gin. Let a "
    "superuser run CREATE EXTENSION pg_trgm; CREATE EXTENSION btree_gin; in this "
    "database, then run manage.py migrate again.\n"
)


def ensure(using: str = "default", **kwargs: Any) -> None:
    """Make the missing statistics and index; say so if that is not allowed."""
    connection = connections[using]
    if connection.vendor != "postgresql" or not _wanted(connection):
        return
    with connection.cursor() as cursor:
        cursor.execute(STATISTICS)
    try:
        with transaction.atomic(using), connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            cursor.execute("CREATE EXTENSION IF NOT EXISTS btree_gin")
    except DatabaseError:
        sys.stderr.write(HINT)
        return
    with connection.cursor() as cursor:
        cursor.execute(DEFINITION)
        cursor.execute(f"DROP INDEX IF EXISTS {FORMER}")


def _wanted(connection: BaseDatabaseWrapper) -> bool:
    with connection.cursor() as cursor:
        table = Delivery._meta.db_table
        if table not in connection.introspection.table_names(cursor):
            return False  # only other apps were migrated
        return NAME not in connection.introspection.get_constraints(cursor, table)

"""What PostgreSQL needs for quick lists beside the indexes of the models.

It is told that a sender is of one team, and how common words are, or it would read
a team's whole history for the first page of one member's.

The text search in Failed deliveries has an index of its own. It needs PostgreSQL's extension pg_trgm, which a database user without privileges may
not create. Then everything works, searches only take longer; so the index is no part
of a migration that could fail, but is made after any `migrate` that finds it missing.
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
NAME = "conv_failed_sought"
# On the very expression of models.sought. Without fastupdate, which spares writers
# the sorting in and has every search read what is not sorted in yet.
DEFINITION = f"""
    CREATE INDEX {NAME} ON conversations_delivery
    USING gin ((UPPER(recipient || ' ' || subject)) gin_trgm_ops)
    WITH (fastupdate = off)
    WHERE archived_at IS NULL
    AND state IN ('failed', 'bounced', 'complained', 'unconfirmed')
"""
HINT = (
    "Text search in Failed deliveries has no index, and will be slow in a big team: the "
    "database user may not create the extension pg_trgm. Let a superuser run CREATE "
    "EXTENSION pg_trgm; in this database, then run manage.py migrate again.\n"
)


def ensure(using: str = "default", **kwargs: Any) -> None:
    """Make what is missing and can be made; else say what that means."""
    connection = connections[using]
    if connection.vendor != "postgresql" or not _wanted(connection):
        return
    with connection.cursor() as cursor:
        cursor.execute(STATISTICS)
    try:
        with transaction.atomic(using), connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except DatabaseError:
        sys.stderr.write(HINT)
        return
    with connection.cursor() as cursor:
        cursor.execute(DEFINITION)


def _wanted(connection: BaseDatabaseWrapper) -> bool:
    with connection.cursor() as cursor:
        table = Delivery._meta.db_table
        if table not in connection.introspection.table_names(cursor):
            return False  # only other apps were migrated
        return NAME not in connection.introspection.get_constraints(cursor, table)

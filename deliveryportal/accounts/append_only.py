"""The database itself refuses to change or delete what is in the audit log.

After each `migrate`, and not in a migration: SQLite drops a table's triggers whenever
Django makes it anew for another column.
"""

from __future__ import annotations

from typing import Any

from django.db import connections

TABLE = "accounts_auditentry"
WORDS = "the audit log cannot be changed"

# Per kind of database.
FORBID: dict[str, tuple[str, ...]] = {
    "sqlite": tuple(
        f"CREATE TRIGGER IF NOT EXISTS {TABLE}_no_{what} BEFORE {what} ON {TABLE} "
        f"BEGIN SELECT RAISE(ABORT, '{WORDS}'); END"
        for what in ("update", "delete")
    ),
    "postgresql": (
        f"CREATE OR REPLACE FUNCTION {TABLE}_refuse() RETURNS trigger LANGUAGE plpgsql "
        f"AS $$ BEGIN RAISE EXCEPTION '{WORDS}'; END $$",
        f"CREATE OR REPLACE TRIGGER {TABLE}_no_change BEFORE UPDATE OR DELETE "
        f"ON {TABLE} FOR EACH ROW EXECUTE FUNCTION {TABLE}_refuse()",
        # TRUNCATE fires no trigger of a row.
        f"CREATE OR REPLACE TRIGGER {TABLE}_no_emptying BEFORE TRUNCATE "
        f"ON {TABLE} EXECUTE FUNCTION {TABLE}_refuse()",
    ),
}


def forbid_changes(using: str, **kwargs: Any) -> None:
    connection = connections[using]
    with connection.cursor() as cursor:
        # Not there yet, where an older state is migrated to.
        if TABLE not in connection.introspection.table_names(cursor):
            return
        for statement in FORBID[connection.vendor]:
            cursor.execute(statement)

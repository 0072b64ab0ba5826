"""What the indexes of the lists take beside the table; those of sending are not theirs."""

from __future__ import annotations

import json
import sys

import django

django.setup()

from django.db import connection  # noqa: E402

from conversations.lists import filter_index  # noqa: E402
from conversations.models.list_indexes import LIST_INDEXES  # noqa: E402

OF_FAILURES = ("conv_delivery_cause", "conv_open_sender")
OF_CAUSES = ("conv_cause_worst", "conv_cause_once")


def sizes() -> dict[str, object]:
    names = [
        *(each.name for each in LIST_INDEXES),
        filter_index.NAME,
        *OF_FAILURES,
        *OF_CAUSES,
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, pg_relation_size(oid) FROM pg_class "
            "WHERE relname = ANY(%s) ORDER BY 2 DESC",
            [names],
        )
        found = dict(cursor.fetchall())
        cursor.execute("SELECT pg_table_size('conversations_delivery')")
        [(table,)] = cursor.fetchall()
    missing = set(names) - found.keys()
    assert not missing, missing
    return {"table": table, "indexes": found}


if __name__ == "__main__":
    sys.stdout.write(f"\n{json.dumps(sizes())}\n")

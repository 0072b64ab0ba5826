"""What the sweepers gave up, and under which lease: the database itself writes it down.

A lease is one worker thread's, and what is given up under it was in its hand.
"""

from __future__ import annotations

from collections import defaultdict

from django.db import connection

from conversations.models import DeliveryEvent

# In this table, whatever happens to whoever changed the delivery.
TABLE = "CREATE TABLE chaos_unconfirmed (recipient text, lease text)"
WHEN = "OLD.state = 'handing_over' AND NEW.state = 'unconfirmed'"
NOTE = "INSERT INTO chaos_unconfirmed VALUES (OLD.recipient, OLD.lease);"
TRIGGER = {
    "sqlite": [
        f"CREATE TRIGGER chaos AFTER UPDATE OF state ON conversations_delivery "
        f"WHEN {WHEN} BEGIN {NOTE} END"
    ],
    "postgresql": [
        f"CREATE FUNCTION chaos() RETURNS trigger LANGUAGE plpgsql "
        f"AS $$ BEGIN {NOTE} RETURN NULL; END $$",
        f"CREATE TRIGGER chaos AFTER UPDATE OF state ON conversations_delivery "
        f"FOR EACH ROW WHEN ({WHEN}) EXECUTE FUNCTION chaos()",
    ],
}


def begin_to_note() -> None:
    with connection.cursor() as cursor:
        for statement in (TABLE, *TRIGGER[connection.vendor]):
            cursor.execute(statement)


def given_up() -> dict[str, list[str]]:
    """Return the recipients of what sweepers gave up, for each lease."""
    by_sweepers = set(
        DeliveryEvent.objects.filter(
            kind=DeliveryEvent.Kind.UNCONFIRMED, note__startswith="The worker stopped"
        ).values_list("delivery__recipient", flat=True)
    )
    found: dict[str, list[str]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute("SELECT recipient, lease FROM chaos_unconfirmed")
        for recipient, lease in cursor.fetchall():
            if recipient in by_sweepers:
                found[lease].append(recipient)
    return found

"""Millions of deliveries, made by the database itself in a few statements.

200 teams of ten; the first of them has a fifth of all mail, so that it has a 1,000th
page of failures. A tenth has failed, spread over a year.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.db.backends.utils import CursorWrapper  # noqa: E402
from django.db.models import Model  # noqa: E402
from django.utils.timezone import now  # noqa: E402

from channels.models import Channel, EmailIdentity  # noqa: E402
from channels.transports import all_transports  # noqa: E402
from conversations.bounces.reasons import REASONS  # noqa: E402
from conversations.models import Conversation, Delivery, Message  # noqa: E402
from conversations.watching import cause_triggers  # noqa: E402
from deliveryportal.accounts.models import Team, User  # noqa: E402

TEAMS, MEMBERS = 200, 10
YEAR = 365 * 24 * 3600
WORDS: dict[str, list[str]] = {
    "given": [
        "Anna",
        "Ben",
        "Carla",
        "Dmitri",
        "Emma",
        "Felix",
        "Gina",
        "Hugo",
        "Iris",
        "Jonas",
        "Kim",
        "Lena",
        "Marco",
        "Nadia",
        "Oscar",
        "Paula",
        "Quentin",
        "Rosa",
        "Stefan",
        "Tara",
        "Umar",
        "Vera",
        "Wim",
        "Xenia",
        "Yara",
        "Zeno",
    ],
    "family": [
        "Smith",
        "Jones",
        "Mueller",
        "Garcia",
        "Rossi",
        "Novak",
        "Silva",
        "Tanaka",
        "Dubois",
        "Jensen",
        "Kowalski",
        "Haas",
        "Brown",
        "Weber",
        "Martin",
        "Lopez",
        "Moretti",
        "Svoboda",
        "Costa",
        "Sato",
    ],
    "firm": [
        "acme",
        "globex",
        "initech",
        "umbrella",
        "hooli",
        "stark",
        "wayne",
        "wonka",
        "tyrell",
        "cyberdyne",
        "soylent",
        "aperture",
        "monarch",
        "oscorp",
        "massive",
        "nakatomi",
        "virtucon",
        "zorg",
    ],
    "topic": [
        "Your offer for the new quarter",
        "Follow-up on our call",
        "Proposal and next steps",
        "Introduction to the team",
        "Contract renewal",
        "Pricing, as discussed",
        "A short question",
        "Invitation to our webinar",
    ],
    "detail": ["", " (draft)", " (final)", ": numbers inside", " before Friday"],
    "reason": [key for key in REASONS if key not in {"complaint", "unconfirmed"}],
}
REFUSED = "550 5.1.1 <{}>: Recipient address rejected: User unknown in local table"
TAKEN = "250 2.0.0 OK  1795445529 d2e1a72fcca58-724de4e1a2fsi123456 - gsmtp "


def fill(rows: int) -> None:
    """Fill an empty, migrated database."""
    with _without_indexes(), transaction.atomic():
        _people()
        _words()
        _mail(rows)
    cause_triggers.ensure("default")  # they were asleep
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if _postgres() else "ANALYZE")


def _postgres() -> bool:
    return connection.vendor == "postgresql"


def _people() -> None:
    teams = Team.objects.bulk_create(Team(name=f"Team {n}") for n in range(TEAMS))
    users = User.objects.bulk_create(
        User(
            email=f"user{n}@team{n // MEMBERS}.example",
            name=f"{WORDS['given'][n % 26]} {WORDS['family'][n % 20]}",
            team=teams[n // MEMBERS],
            role=User.Role.MEMBER if n % MEMBERS else User.Role.MANAGER,
        )
        for n in range(TEAMS * MEMBERS)
    )
    EmailIdentity.objects.bulk_create(
        EmailIdentity(
            owner=user,
            address=user.email,
            display_name=user.name,
            is_default=True,
            verified_at=now(),
        )
        for user in users
    )
    everybodys = Channel.objects.default()
    own = [kind for kind in all_transports() if kind != everybodys.kind]
    Channel.objects.bulk_create(
        Channel(kind=kind, owner=user, credentials={}) for user in users for kind in own
    )
    Conversation.objects.bulk_create(
        Conversation(owner=user, person_address="person@customer.example")
        for user in users
    )


def _words() -> None:
    with connection.cursor() as cursor:
        if _postgres():
            cursor.execute("SELECT setseed(0.5)")  # the same mail in each run
        for name, words in WORDS.items():
            cursor.execute(f"CREATE TEMPORARY TABLE b_{name} (i integer, word text)")
            cursor.executemany(
                f"INSERT INTO b_{name} VALUES (%s, %s)", list(enumerate(words))
            )
        cursor.execute(
            "CREATE TEMPORARY TABLE b_user AS SELECT u.id, u.team_id, u.email, u.name, "
            "c.id AS conversation_id, e.id AS identity_id, row_number() OVER (ORDER BY u.id) - 1 AS i "
            "FROM accounts_user u "
            "JOIN conversations_conversation c ON c.owner_id = u.id "
            "JOIN channels_emailidentity e ON e.owner_id = u.id"
        )
        cursor.execute(
            "CREATE TEMPORARY TABLE b_channel AS "
            "SELECT id, kind, owner_id FROM channels_channel"
        )


def _mail(rows: int) -> None:
    kinds = list(all_transports())
    tracked = [
        kind
        for kind, transport in all_transports().items()
        if transport.traits.records_bounces
    ]
    dice = {word: len(words) for word, words in WORDS.items()}
    dice |= {"team": 5, "member": MEMBERS, "other": (TEAMS - 1) * MEMBERS}
    dice |= {"state": 1000, "kind": 100, "triage": 100, "archived": 100}
    thrown = ", ".join(f"{_die(sides)} AS d_{name}" for name, sides in dice.items())
    words = " ".join(f"JOIN b_{each} ON b_{each}.i = d_{each}" for each in WORDS)
    given = {
        "id": "n",
        "uuid": _uuid(),
        "sender_id": "sender_id",
        "team_id": "team_id",
        "from_address": "email",
        "subject": "subject",
    }
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMPORARY TABLE b_dice AS SELECT n, {thrown} {_series(rows)}"
        )
        cursor.execute(
            f"""
            CREATE TEMPORARY TABLE b_mail AS
            SELECT n, {_at(rows)} AS at, d_triage, d_archived, u.id AS sender_id,
                u.team_id, u.email, u.name, u.conversation_id, u.identity_id, state, kind,
                lower(b_given.word || '.' || b_family.word) || n %% 997 || '@'
                    || b_firm.word || n %% 499 || '.example' AS recipient,
                b_given.word || ' ' || b_family.word AS person,
                b_topic.word || b_detail.word AS subject,
                CASE state WHEN 'complained' THEN 'complaint'
                    WHEN 'unconfirmed' THEN 'unconfirmed'
                    WHEN 'failed' THEN b_reason.word
                    WHEN 'bounced' THEN b_reason.word ELSE '' END AS reason
            FROM (
                SELECT b_dice.*,
                    CASE d_team WHEN 0 THEN d_member ELSE {MEMBERS} + d_other END AS who,
                    CASE WHEN d_state < 50 THEN 'failed' WHEN d_state < 90 THEN 'bounced'
                        WHEN d_state < 95 THEN 'complained'
                        WHEN d_state < 100 THEN 'unconfirmed'
                        WHEN d_state < 110 THEN 'queued' ELSE 'accepted' END AS state,
                    CASE WHEN d_kind < 80 OR d_state BETWEEN 50 AND 94 THEN '{kinds[0]}'
                        WHEN d_kind < 92 THEN '{kinds[1]}' ELSE '{kinds[-1]}' END AS kind
                FROM b_dice
            ) AS thrown
            JOIN b_user u ON u.i = who {words}
            """,
            [],
        )
        _insert(
            cursor,
            Message,
            given
            | {
                "conversation_id": "conversation_id",
                "identity_id": "identity_id",
                "from_name": "name",
                "body": "'Hello ' || person || ', this is what we talked about.'",
                "message_id": "'<' || n || '@portal.example>'",
                "written_at": "at",
            },
            "b_mail",
        )
        _insert(
            cursor,
            Delivery,
            given
            | {
                "message_id": "n",
                "recipient": "recipient",
                "recipient_wire": "recipient",
                "recipient_name": "person",
                "channel_id": "c.id",
                "channel_kind": "b_mail.kind",
                "tracked": f"b_mail.kind IN ({', '.join(map(repr, tracked))})",
                "return_token": _token(),
                "state": "state",
                "state_since": "at",
                "not_before": "at",
                "created_at": "at",
                "reason": "reason",
                "remote_words": f"CASE WHEN reason <> '' THEN replace('{REFUSED}', '{{}}',"
                f" recipient) WHEN state = 'accepted' THEN '{TAKEN}' || n ELSE '' END",
                "triage": "CASE WHEN reason = '' OR d_triage < 55 THEN 'open' "
                "WHEN d_triage < 90 THEN 'resolved' WHEN d_triage < 98 THEN 'waiting' "
                "ELSE 'lost' END",
                "archived_at": "CASE WHEN state = 'accepted' AND d_archived < 5 THEN at END",
            },
            "b_mail JOIN b_channel c ON c.kind = b_mail.kind "
            "AND (c.owner_id = sender_id OR c.owner_id IS NULL)",
        )


def _insert(
    cursor: CursorWrapper, model: type[Model], given: dict[str, str], source: str
) -> None:
    """Insert a row for each of the source; what is not given has the model's default."""
    columns, defaults = dict(given), []
    for field in model._meta.concrete_fields:
        name = field.column or ""
        if name not in given and not field.null and not field.generated:
            columns[name] = "%s"
            defaults.append(field.get_db_prep_save(field.get_default(), connection))
    names = ", ".join(f'"{name}"' for name in columns)
    cursor.execute(
        f"INSERT INTO {model._meta.db_table} ({names}) "
        f"SELECT {', '.join(columns.values())} FROM {source} ORDER BY n",
        defaults,
    )


# --- what the two databases call differently ---------------------------------


def _series(rows: int) -> str:
    if _postgres():
        return f"FROM generate_series(1, {rows}) AS g(n)"
    return (
        "FROM (WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g "
        f"WHERE n < {rows}) SELECT n FROM g)"
    )


def _die(sides: int) -> str:
    if _postgres():
        return f"floor(random() * {sides})::int"
    return f"abs(random()) % {sides}"


def _at(rows: int) -> str:
    passed = f"n * {YEAR / rows:.6f}"
    if _postgres():
        return f"now() - interval '1 year' + {passed} * interval '1 second'"
    return (
        "strftime('%%Y-%%m-%%d %%H:%%M:%%f', "
        f"julianday('now') - 365 + {passed} / 86400.0)"
    )


def _token() -> str:
    return "md5(n::text)" if _postgres() else "lower(hex(randomblob(16)))"


def _uuid() -> str:
    return "lpad(to_hex(n), 32, '0')::uuid" if _postgres() else "printf('%%032x', n)"


@contextmanager
def _without_indexes() -> Iterator[None]:
    """On PostgreSQL, load first and index then: a third of the time."""
    if not _postgres():
        yield
        return
    tables = f"('{Message._meta.db_table}', '{Delivery._meta.db_table}')"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) "
            "FROM pg_constraint WHERE contype = 'u' AND conrelid IN "
            f"(SELECT oid FROM pg_class WHERE relname IN {tables})"
        )
        unique = cursor.fetchall()
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes "
            f"WHERE tablename IN {tables} AND indexname NOT IN "
            "(SELECT conname FROM pg_constraint)"
        )
        indexes = cursor.fetchall()
        for table, name, _ in unique:
            cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
        for name, _ in indexes:
            cursor.execute(f'DROP INDEX "{name}"')
        # Nor is each foreign key looked up: they are right by construction.
        cursor.execute("SET session_replication_role = replica")
        yield
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("SET maintenance_work_mem = '512MB'")
        for table, name, definition in unique:
            cursor.execute(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}')
        for _, definition in indexes:
            cursor.execute(definition)


def main(rows: str) -> None:
    call_command("migrate", verbosity=0)
    if not Delivery.objects.exists():
        fill(int(rows))


if __name__ == "__main__":
    main(*sys.argv[1:])

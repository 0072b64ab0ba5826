from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.http import QueryDict

from conversations.lists import filter_index
from conversations.lists.browsing import Browsing
from conversations.lists.filtering import Filter
from conversations.models import Delivery
from deliveryportal.accounts.models import User

pytestmark = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="only PostgreSQL has trigrams"
)


def run(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def others() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname FROM pg_indexes WHERE tablename = %s AND indexname <> %s "
            "AND indexname NOT IN (SELECT conname FROM pg_constraint)",
            [Delivery._meta.db_table, filter_index.NAME],
        )
        return [f'"{name}"' for (name,) in cursor.fetchall()]


def test_all_that_a_list_is_narrowed_by_is_asked_of_one_index(bob: User) -> None:
    query = QueryDict(f"q=anna+offer&channel=gmail&reason=mailbox_full&member={bob.pk}")
    browsing = Browsing.of(bob, "failed", query)
    assert browsing
    [part] = browsing.parts
    # In a table of nothing any other index would do.
    run("SET LOCAL enable_seqscan = off", f"DROP INDEX {', '.join(others())}")
    plan = part.rows.explain()
    [asked] = [line for line in plan.splitlines() if "Index Cond" in line]
    for column in ("team_id", "sender_id", "channel_kind", "reason", "ANNA", "OFFER"):
        assert column in asked


def test_without_the_privilege_it_says_what_to_do_and_goes_on(
    alice: User, capsys: pytest.CaptureFixture[str]
) -> None:
    role = f"nobody_{uuid4().hex}"
    run(
        "DROP EXTENSION pg_trgm CASCADE",
        "DROP EXTENSION btree_gin CASCADE",
        f"CREATE ROLE {role}",
        f"GRANT ALL ON SCHEMA public TO {role}",
        f"ALTER TABLE conversations_delivery OWNER TO {role}",
        f"SET ROLE {role}",
    )
    filter_index.ensure()
    run("RESET ROLE")
    assert "CREATE EXTENSION pg_trgm" in capsys.readouterr().err
    search = Filter.from_query(QueryDict("q=anna"), alice)
    assert not search.apply(Delivery.objects.all()).exists()


def test_the_next_migrate_makes_what_was_missing(
    db: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with transaction.atomic():
        run("DROP EXTENSION pg_trgm CASCADE")
        filter_index.ensure()
        filter_index.ensure()
        found = connection.introspection.get_constraints(
            connection.cursor(), Delivery._meta.db_table
        )
    assert filter_index.NAME in found
    assert capsys.readouterr().err == ""

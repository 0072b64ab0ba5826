from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.db.transaction import TransactionManagementError
from django.db.utils import OperationalError
from django.test.utils import CaptureQueriesContext

from channels.database.prepared import prepared
from deliveryportal.accounts.models import User

TWICE = "INSERT INTO accounts_user SELECT * FROM accounts_user WHERE id = %s"


def test_rows_are_returned_if_there_can_be_any(alice: User) -> None:
    found = "SELECT email, id FROM accounts_user WHERE id = %s"
    assert prepared(found, [alice.pk]) == [(alice.email, alice.pk)]
    named = "SELECT email FROM accounts_user WHERE id = %(pk)s"
    assert prepared(named, {"pk": 0}) == []
    assert prepared("DELETE FROM accounts_user WHERE id = %s", [0]) == []


def test_its_errors_are_those_of_djangos_cursors(alice: User) -> None:
    with pytest.raises((ProgrammingError, OperationalError)), transaction.atomic():
        prepared("SELECT nothing FROM nowhere")
    with pytest.raises(IntegrityError), transaction.atomic():
        prepared(TWICE, [alice.pk])


def test_nothing_is_run_in_a_transaction_that_has_failed(db: None) -> None:
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(TransactionManagementError):
            prepared("SELECT 1")


def test_who_logs_statements_or_counts_them_knows_of_it(db: None) -> None:
    heard: list[str] = []

    def hear(execute: Any, statement: str, *args: Any) -> Any:
        heard.append(statement)
        return execute(statement, *args)

    with connection.execute_wrapper(hear):
        assert prepared("SELECT 1") == [(1,)]
    assert heard == ["SELECT 1"]
    with CaptureQueriesContext(connection) as asked:
        assert prepared("SELECT 2") == [(2,)]
    assert len(asked.captured_queries) == 1

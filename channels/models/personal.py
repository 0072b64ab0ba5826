"""What every page asks for its visitor, put into words once.

Django takes ten times as long to write such a query as the database to answer it, and
writes the same for all who are of one role, but for their keys.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, TypeVar

from django.core.exceptions import EmptyResultSet
from django.db import DEFAULT_DB_ALIAS
from django.db.models import Model, QuerySet

from channels.models.reading import Columns, read
from deliveryportal.accounts.models import User

M = TypeVar("M", bound=Model)
Theirs = Callable[[User], QuerySet[M]]

# In place of somebody's keys; no other parameter is like them.
ME, MY_TEAM = -1, -2


class Words(NamedTuple):
    sql: str
    parameters: tuple[Any, ...]
    columns: Columns

    def of(self, user: User) -> tuple[Any, ...]:
        """The parameters, with the keys of that person."""
        keys = {ME: user.pk, MY_TEAM: user.team_id}
        return tuple(keys.get(each, each) for each in self.parameters)


def found_for(user: User, theirs: Theirs[M]) -> list[M]:
    """What the query finds for them. It may ask who they are by key, team and role only,
    and select no more than fields of its own model."""
    model, words = _words(theirs, user.role)
    return read(model, words.sql, words.of(user), words.columns) if words else []


@cache
def _words(theirs: Theirs[M], role: str) -> tuple[type[M], Words | None]:
    rows = theirs(User(pk=ME, team_id=MY_TEAM, role=role))
    compiler = rows.query.get_compiler(DEFAULT_DB_ALIAS)
    try:
        sql, parameters = compiler.as_sql()
    except EmptyResultSet:
        return rows.model, None
    columns = Columns.of(column for column, *_ in compiler.select)
    return rows.model, Words(sql, tuple(parameters), columns)

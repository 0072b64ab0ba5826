"""What every page asks for its visitor, as SQL that is made once for each role.

Django takes ten times as long to make the SQL of such a query as the database to answer
it, and makes the same for all people of one role, but for their keys.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias, TypeVar

from django.core.exceptions import EmptyResultSet
from django.db import DEFAULT_DB_ALIAS
from django.db.models import Model, QuerySet

from channels.database.reading import Columns, read
from deliveryportal.accounts.models import User

M = TypeVar("M", bound=Model)
# Makes a query for somebody, of whom it may use the key, the team and the role only.
Theirs: TypeAlias = Callable[[User], QuerySet[M]]
Clause: TypeAlias = tuple[str, tuple[Any, ...]]  # SQL, and its parameters

# Stand for somebody's keys in the SQL that is kept; no other parameter is negative.
ME, MY_TEAM = -1, -2


def found_for(user: User, theirs: Theirs[M]) -> list[M]:
    """Return what the query finds for them. It selects fields of its own model only."""
    model, words, columns = _reading(theirs, user.role)
    return read(model, *_said_by(user, words), columns) if words else []


def words_for(
    user: User, theirs: Theirs[M], write: Callable[[QuerySet[M]], Clause]
) -> Clause:
    """Return the SQL that `write` makes of the query, with their keys in it."""
    return _said_by(user, _written(theirs, write, user.role))


def _said_by(user: User, words: Clause) -> Clause:
    keys = {ME: user.pk, MY_TEAM: user.team_id}
    sql, parameters = words
    return sql, tuple(keys.get(each, each) for each in parameters)


def _somebody(role: str) -> User:
    return User(pk=ME, team_id=MY_TEAM, role=role)


@cache
def _written(
    theirs: Theirs[M], write: Callable[[QuerySet[M]], Clause], role: str
) -> Clause:
    return write(theirs(_somebody(role)))


@cache
def _reading(theirs: Theirs[M], role: str) -> tuple[type[M], Clause | None, Columns]:
    rows = theirs(_somebody(role))
    compiler = rows.query.get_compiler(DEFAULT_DB_ALIAS)
    try:
        sql, parameters = compiler.as_sql()
    except EmptyResultSet:  # nobody of that role has any
        return rows.model, None, Columns.of([])
    columns = Columns.of(column for column, *_ in compiler.select)
    return rows.model, (sql, tuple(parameters)), columns

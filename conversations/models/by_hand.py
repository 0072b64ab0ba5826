"""SQL written by hand, for what happens to every mail that is written or sent.

Django takes longer to build such a statement than the database to run it, and its
UPDATE does not return which rows it changed. A list of ids or rows, however long, is
one parameter: a JSON text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache, partial
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias

from django.db import connection, models, transaction

from channels.database.prepared import Sql, moment, on_postgresql, prepared
from channels.database.quick_rows import QuickRowsModel

Field: TypeAlias = "models.Field[Any, Any]"


def update_returning(
    model: type[models.Model],
    ids: Iterable[int],
    *,
    guards: Mapping[str, Any],
    changes: Mapping[str, Any],
    skip_locked: bool = False,
    telling: Rows | None = None,
) -> set[int]:
    """Apply `changes` to the rows of `ids` that meet all `guards`; return their ids.

    In `changes` an Sql over the old values gives a new one, in `guards` it is a whole
    condition. With `skip_locked`, rows that another transaction has locked are left out
    (PostgreSQL). `telling` are rows with a `delivery_id`, such as events: those that
    point to a changed row are inserted in the same transaction.
    """
    statement, parameters = _updating(model, ids, guards, changes, skip_locked)
    if telling is None:
        return _ids(statement, parameters)
    if on_postgresql() and telling.are_few:
        statement = _and_telling(statement, telling.model, telling.columns)
        return _ids(statement, [*parameters, telling.in_json])
    with transaction.atomic(savepoint=False):
        moved = _ids(statement, parameters)
        insert(telling.about(moved))
    return moved


def update_provided(
    provided: Sql,
    model: type[models.Model],
    ids: Iterable[int],
    *,
    guards: Mapping[str, Any],
    changes: Mapping[str, Any],
) -> set[int] | None:
    """The same, rows that are locked left out, in one piece with another UPDATE.

    If `provided` changes no row, nothing is changed and this returns None. PostgreSQL
    is asked once for both.
    """
    if on_postgresql():
        guards = {**guards, "id": Sql("EXISTS (SELECT FROM provided)")}
        statement, parameters = _updating(model, ids, guards, changes, True)  # noqa: FBT003
        statement = (
            f"WITH provided AS ({provided.text} RETURNING id), "  # noqa: S608
            f"moved AS ({statement}) "
            "SELECT id FROM moved UNION ALL SELECT NULL FROM provided"
        )
        found: set[int | None] = _ids(statement, [*provided.parameters, *parameters])
        return {pk for pk in found if pk is not None} if None in found else None
    with transaction.atomic(savepoint=False):
        if not prepared(f"{provided.text} RETURNING id", provided.parameters):
            return None
        return update_returning(model, ids, guards=guards, changes=changes)


def _updating(
    model: type[models.Model],
    ids: Iterable[int],
    guards: Mapping[str, Any],
    changes: Mapping[str, Any],
    skip_locked: bool,  # noqa: FBT001
) -> tuple[str, list[Any]]:
    new, held = (
        {n: v if isinstance(v, Sql) else Sql("", (v,)) for n, v in terms.items()}
        for terms in (changes, guards)
    )
    statement = _update(
        model,
        tuple((name, sql.text) for name, sql in new.items()),
        tuple((name, sql.text) for name, sql in held.items()),
        skip_locked,
        connection.vendor,
    )
    values = [
        value for sql in (*new.values(), *held.values()) for value in sql.parameters
    ]
    return statement, [*map(moment, values), json.dumps(list(ids))]


def insert_about(
    told: Rows, model: type[models.Model], guards: Mapping[str, Any]
) -> bool:
    """Insert `told`, rows that point to rows of `model` by their `delivery_id`.

    Insert nothing and return False unless all of these rows of `model` meet the guards.
    PostgreSQL locks them FOR KEY SHARE until the commit: nobody can delete them or
    SELECT them FOR UPDATE meanwhile.
    """
    at, guarded = told.names.index(TELLS_OF), tuple(guards)
    parameters = [*map(moment, guards.values())]
    if on_postgresql() and len(told.values) == 1:
        # The usual case: two statements would take three times as long.
        [row] = told.adapted
        statement = _about_one(model, guarded, told.model, told.columns)
        return bool(_ids(statement, [*row, *parameters, row[at]]))
    ids = [row[at] for row in told.values]
    with transaction.atomic(savepoint=False):
        statement = f"SELECT id {_locked(model, guarded, among(ID))}"
        if len(_ids(statement, [*parameters, json.dumps(ids)])) < len(ids):
            return False
        insert(told)
    return True


@cache
def _about_one(
    model: type[models.Model],
    guarded: tuple[str, ...],
    telling: type[models.Model],
    columns: tuple[str, ...],
) -> str:
    values = ", ".join(["%s"] * len(columns))
    return (
        f"INSERT INTO {_into(telling, columns)} "
        f"SELECT {values} {_locked(model, guarded, '= %s')} RETURNING id"
    )


def _locked(model: type[models.Model], guarded: tuple[str, ...], wanted: str) -> str:
    held = _guards(model, tuple((name, "") for name in guarded))
    # SQLite needs no lock: it has one writer at a time.
    lock = " FOR KEY SHARE" if on_postgresql() else ""
    return f'FROM "{model._meta.db_table}" WHERE {held} AND id {wanted}{lock}'


@cache
def _and_telling(
    statement: str, model: type[models.Model], columns: tuple[str, ...]
) -> str:
    return (
        f"WITH moved AS ({statement}), "  # noqa: S608
        f"told AS (INSERT INTO {_into(model, columns)} {_selecting(model, columns)} "
        f"WHERE {TELLS_OF} IN (SELECT id FROM moved)) SELECT id FROM moved"
    )


def _ids(statement: str, parameters: list[Any]) -> set[Any]:
    return {pk for (pk,) in prepared(statement, parameters)}


@cache
def _update(
    model: type[models.Model],
    new: tuple[tuple[str, str], ...],
    held: tuple[tuple[str, str], ...],
    skip_locked: bool,  # noqa: FBT001
    vendor: str,
) -> str:
    """The UPDATE for these (field, SQL or "") pairs. Few combinations occur: cached."""
    table = model._meta.db_table
    changes = ", ".join(f"{_column(model, name)} = {sql or '%s'}" for name, sql in new)
    guards = _guards(model, held)
    wanted = f"id {among(ID)}"
    if skip_locked and vendor == "postgresql":
        # ARRAY() runs the subquery once; in a join it would lock its rows again and
        # again. What is locked stays where it is, so it need not be looked up again.
        wanted = (
            f'ctid = ANY(ARRAY(SELECT ctid FROM "{table}" WHERE {wanted} '  # noqa: S608
            "FOR NO KEY UPDATE SKIP LOCKED))"
        )
    # Only names of tables and columns, and our own SQL, are put into it.
    return f'UPDATE "{table}" SET {changes} WHERE {guards} AND {wanted} RETURNING id'  # noqa: S608


def _guards(model: type[models.Model], held: tuple[tuple[str, str], ...]) -> str:
    return " AND ".join(sql or f"{_column(model, name)} = %s" for name, sql in held)


def _column(model: type[models.Model], name: str) -> str:
    return f'"{model._meta.get_field(name).column}"'  # type: ignore[union-attr]


# The column by which event rows point to their delivery, and the most rows to send as
# a JSON parameter instead of by COPY.
TELLS_OF = "delivery_id"
FEW = 12


class Rows(NamedTuple):
    """Rows to insert into a table: attribute names, values as instances hold them."""

    model: type[models.Model]
    names: tuple[str, ...]
    values: Sequence[Sequence[Any]]

    @classmethod
    def of_new(cls, instances: Sequence[models.Model]) -> Rows:
        """The rows of new instances with ids; marks the instances as saved."""
        model = type(instances[0])
        names = _names(model)
        for each in instances:
            each._state.adding, each._state.db = False, connection.alias
        return cls(model, names, list(map(attrgetter(*names), instances)))

    @classmethod
    def alike(
        cls,
        model: type[QuickRowsModel],
        names: tuple[str, ...],
        values: Iterable[tuple[Any, ...]],
        **common: Any,
    ) -> Rows:
        """New rows that differ in `names` only and share `common` and the defaults.

        Columns that would be NULL are left out.
        """
        rest = {
            name: value
            for name, value in {**model.blank(), **common}.items()
            if value is not None and name not in names
        }
        others = tuple(rest.values())
        return cls(model, (*names, *rest), [(*row, *others) for row in values])

    @property
    def columns(self) -> tuple[str, ...]:
        return _columns(self.model, self.names)

    @property
    def are_few(self) -> bool:
        """Whether they cost less as parameters of one statement than as a COPY."""
        return len(self.values) <= FEW

    def about(self, ids: set[int]) -> Rows:
        """The rows that point to one of these deliveries."""
        at = self.names.index(TELLS_OF)
        return self._replace(values=[row for row in self.values if row[at] in ids])

    @property
    def in_json(self) -> str:
        """The rows as one parameter: see `_selecting`."""
        columns = self.columns
        return _ENCODE([dict(zip(columns, row, strict=True)) for row in self.values])

    @property
    def adapted(self) -> Iterable[Sequence[Any]]:
        """The rows with values adapted for the database driver."""
        otherwise = _otherwise(self.model, self.names)
        return (_adapted(row, otherwise) for row in self.values)


def _into(model: type[models.Model], columns: tuple[str, ...]) -> str:
    return f'"{model._meta.db_table}" ({_quoted(columns)})'


def _selecting(model: type[models.Model], columns: tuple[str, ...]) -> str:
    """A SELECT of rows out of one JSON parameter (PostgreSQL)."""
    return (
        f"SELECT {_quoted(columns)} FROM "  # noqa: S608
        f'json_populate_recordset(NULL::"{model._meta.db_table}", %s::json)'
    )


def new_ids(
    wanted: Mapping[type[models.Model], int], *, known: Sql | None = None
) -> tuple[dict[type[models.Model], list[int]], list[tuple[int | None, str]]]:
    """Take ids for new rows, so that rows pointing to them can be sent with them.

    Return the ids by model, and the rows that `known` finds in the same trip: it
    selects the id of an existing row, or NULL, and a text.
    """
    if not on_postgresql():
        return _next_ids(wanted, known)
    statement = _taking(tuple(wanted), known.text if known else "")
    parameters = [*wanted.values(), *(known.parameters if known else ())]
    rows: Iterator[Any] = iter(prepared(statement, parameters))
    new = {
        model: [pk for pk, _ in islice(rows, number)]
        for model, number in wanted.items()
    }
    return new, list(rows)


@cache
def _taking(wanted: tuple[type[models.Model], ...], known: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_serial_sequence(value, 'id') "
            "FROM json_array_elements_text(%s::json)",
            [json.dumps([model._meta.db_table for model in wanted])],
        )
        # As a subquery, the number does not change the plan: one plan serves all.
        each = [
            f"SELECT nextval('{sequence}'), NULL FROM generate_series(1, (SELECT %s::int))"  # noqa: S608
            for (sequence,) in cursor.fetchall()
        ]
    return " UNION ALL ".join([*each, known] if known else each)


def _next_ids(
    wanted: Mapping[type[models.Model], int], known: Sql | None
) -> tuple[dict[type[models.Model], list[int]], list[tuple[int | None, str]]]:
    """Count on from the last ids (SQLite). Safe only inside `in_one_piece`."""
    last: dict[str, int] = dict(prepared("SELECT name, seq FROM sqlite_sequence"))
    new = {}
    for model, number in wanted.items():
        first = last.get(model._meta.db_table, 0) + 1
        new[model] = list(range(first, first + number))
    return new, prepared(*known) if known else []


def in_one_piece() -> AbstractContextManager[bool | None]:
    """Open a transaction around taking new ids and inserting their rows, if needed.

    On PostgreSQL, outside a transaction, none is needed: sequences give the ids, and
    `insert` is one statement. Then this yields True, and each statement commits and
    frees its locks at once. Otherwise it opens a transaction or savepoint and yields
    None.
    """
    alone = on_postgresql() and not connection.in_atomic_block
    return nullcontext(True) if alone else transaction.atomic()  # noqa: FBT003


def insert(*several: Rows) -> None:
    """Insert into the tables in this order: few rows in one statement, many by COPY."""
    filled = [rows for rows in several if rows.values]
    if not filled:
        return
    if on_postgresql() and all(rows.are_few for rows in filled):
        tables = tuple((rows.model, rows.columns) for rows in filled)
        prepared(_inserting(tables), [rows.in_json for rows in filled])
        return
    fill = _FILL[connection.vendor]
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        for rows in filled:
            fill(cursor, rows)


@cache
def _inserting(
    tables: tuple[tuple[type[models.Model], tuple[str, ...]], ...],
) -> str:
    *before, last = (
        f"INSERT INTO {_into(model, columns)} {_selecting(model, columns)}"
        for model, columns in tables
    )
    named = ", ".join(f"t{at} AS ({each})" for at, each in enumerate(before))
    return f"WITH {named} {last}" if before else last


def _copy(cursor: Any, rows: Rows) -> None:
    statement = f"COPY {_into(rows.model, rows.columns)} FROM STDIN"
    with connection.wrap_database_errors, cursor.copy(statement) as copy:
        for row in rows.adapted:
            copy.write_row(row)


def _insert_each(cursor: Any, rows: Rows, else_: str = "") -> None:
    places = ", ".join(["%s"] * len(rows.columns))
    statement = f"INSERT INTO {_into(rows.model, rows.columns)} VALUES ({places})"  # noqa: S608
    cursor.executemany(statement + else_, rows.adapted)


_FILL = {"sqlite": _insert_each, "postgresql": _copy}


def insert_or_change(rows: Rows, unique: tuple[str, ...], *changes: str) -> None:
    """Insert a few rows; where a row has this `unique` key, set `changes` in it."""
    new = ", ".join(f'"{name}" = excluded."{name}"' for name in changes)
    else_ = f" ON CONFLICT ({_quoted(unique)}) DO UPDATE SET {new}"
    if on_postgresql():
        statement = _inserting(((rows.model, rows.columns),))
        prepared(statement + else_, [rows.in_json])
    else:
        with transaction.atomic(savepoint=False), connection.cursor() as cursor:
            _insert_each(cursor, rows, else_)


def _quoted(columns: tuple[str, ...]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


@cache
def _names(model: type[models.Model]) -> tuple[str, ...]:
    fields = model._meta.concrete_fields
    return tuple(each.attname for each in fields if not each.generated)


@cache
def _columns(model: type[models.Model], names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(each.column) for each in _fields(model, names))


@cache
def _otherwise(
    model: type[models.Model], names: tuple[str, ...]
) -> list[tuple[int, Callable[[Any], Any]]]:
    """The positions of values to convert for the driver, each with a converter."""
    adapters = _ADAPTERS[connection.vendor]
    return [
        (at, partial(adapter, field))
        for at, field in enumerate(_fields(model, names))
        for kind, adapter in adapters.items()
        if isinstance(field, kind)
    ]


def _fields(model: type[models.Model], names: tuple[str, ...]) -> list[Field]:
    by_name = {each.attname: each for each in model._meta.concrete_fields}
    return [by_name[name] for name in names]


def _adapted(
    row: Sequence[Any], otherwise: list[tuple[int, Callable[[Any], Any]]]
) -> Sequence[Any]:
    if not otherwise:
        return row
    found = list(row)
    for at, adapt in otherwise:
        found[at] = adapt(found[at])
    return found


# Values that JSON has no type for become texts, which the database converts back.
_ENCODE = json.JSONEncoder(default=str).encode


def _prepared(field: Field, value: Any) -> Any:
    return field.get_db_prep_save(value, connection)


_ADAPTERS: dict[str, dict[type[Field], Callable[[Field, Any], Any]]] = {
    "sqlite": dict.fromkeys(
        (models.UUIDField, models.DateTimeField, models.JSONField), _prepared
    ),
    "postgresql": {models.JSONField: lambda _, value: _ENCODE(value)},
}


def among(each: str) -> str:
    """SQL for `IN (…)` or `= ANY(…)` over a JSON array, which is the one parameter.

    `each` is an expression over `value`, an element as text, such as `ID`. PostgreSQL
    builds the array once and can look its elements up in an index.
    """
    if not on_postgresql():
        return f"IN (SELECT {each} FROM json_each(%s))"  # noqa: S608
    return f"= ANY(ARRAY(SELECT {each} FROM json_array_elements_text(%s::json)))"  # noqa: S608


ID = "CAST(value AS bigint)"

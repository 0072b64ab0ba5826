"""One text for a list of people: reading the list, and filling in the text. Pure."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from html import escape, unescape
from typing import NamedTuple

from channels.addresses import Address, AddressError, parse_address, told

FIELD = re.compile(r"\{\{\s*([^{}\n]{1,60}?)\s*\}\}")
# In HTML a field lies in one text or one attribute: across their ends it would take the
# quotes of attributes away, and with them what sanitising has made sure of.
FIELD_IN_HTML = re.compile(r"\{\{\s*([^{}\n<>\"]{1,60}?)\s*\}\}")
# What was meant to be a field, in a text from which all valid fields are removed.
MALFORMED = re.compile(r"\{\{[^\S\n]*\w[^\n]{0,30}")
NAMED = 5  # people without a value who are named; the others are counted
NAMES = {"name", "first_name", "last_name"}  # known from a name before the address
ADDRESS_COLUMNS = ("email", "e_mail", "email_address", "e_mail_address", "address")


class MergeError(ValueError):
    """The list cannot be merged; the arguments are sentences that say why."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on the list, with their values by field."""

    address: Address
    fields: Mapping[str, str] = field(default_factory=dict)


class Row(NamedTuple):
    """One entry of the list as it is written there."""

    line: int
    address: str
    columns: Mapping[str, str]


def person(address: Address, columns: Mapping[str, str] | None = None) -> Person:
    """A person with the fields that the address gives; those of columns come first."""
    first, _, last = " ".join(address.name.split()).partition(" ")
    known = {
        "name": address.name,
        "first_name": first,
        "last_name": last,
        "email": address.shown,
    }
    said = {name: value for name, value in (columns or {}).items() if value}
    return Person(address, dict.fromkeys(columns or {}, "") | known | said)


def key_of(name: str) -> str:
    """The key of a field: `First name`, `first-name` and `FIRST_NAME` are the same."""
    return re.sub(r"[\W_]+", "_", name.strip().casefold()).strip("_")


# --- the list -----------------------------------------------------------------


def read_people(text: str) -> list[Person]:
    """Read lines of `Anna <anna@example.com>`, or a table with a line of headings.

    The table's columns are divided by tabs, semicolons or commas, as spreadsheets
    copy and save them. Raises MergeError that names the lines.
    """
    return _each_once(_rows(text))


def readable_people(text: str) -> Iterator[Person]:
    """Read the valid entries of a list being written, perhaps with duplicates."""
    try:
        for row in _rows(text):
            with suppress(AddressError):
                yield _person(row.address, row.columns)
    except MergeError:  # a broken table: the rows before that count
        return


def told_differently(people: str, *texts: str) -> str:
    """Name people for whom the list has different values of fields used in the texts.

    Empty if there are none. The first entry of each person is the one that counts.
    """
    asked = {key_of(name) for name in fields_in(*texts)} - {"email"}
    first: dict[str, Person] = {}
    found: dict[str, Person] = {}
    for row in _rows(people):
        each = _person(row.address, row.columns)
        key = each.address.wire.casefold()
        before = first.setdefault(key, each).fields
        if any(before.get(name) != each.fields.get(name) for name in asked):
            found[key] = each
    return _naming(list(found.values()))


def _rows(text: str) -> Iterator[Row]:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").strip("\n").split("\n")
    headings, divider = _headings(lines[0])
    return _table(lines, headings, divider) if headings else _plain(lines)


def _headings(line: str) -> tuple[list[str], str]:
    """The columns' keys and their divider, if the first line is one of headings."""
    if "@" in line:
        return [], ""
    divider = next((each for each in "\t;," if each in line), ",")
    names = [key_of(name) for name in next(csv.reader([line], delimiter=divider))]
    return (names, divider) if any(n in ADDRESS_COLUMNS for n in names) else ([], "")


def _table(lines: list[str], names: list[str], divider: str) -> Iterator[Row]:
    at = next(names.index(each) for each in ADDRESS_COLUMNS if each in names)
    rows = csv.reader((f"{line}\n" for line in lines), delimiter=divider)
    next(rows)
    try:
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            cells = [" ".join(cell.split()) for cell in row] + [""] * len(names)
            columns = dict(zip(names, cells, strict=False))
            columns.pop("", None)
            yield Row(rows.line_num, cells[at], columns)
    except csv.Error as error:
        raise MergeError(
            f"Line {rows.line_num} is no row of a table: {error}"
        ) from None


def _plain(lines: list[str]) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if line.strip(" \t,;"):
            yield Row(number, line.strip(" \t,;"), {})


def _each_once(rows: Iterable[Row]) -> list[Person]:
    found: dict[str, Person] = {}
    wrong = []
    for row in rows:
        try:
            each = _person(row.address, row.columns)
        except AddressError as error:
            wrong.append(f"Line {row.line} of the list: {error}")
        else:
            found.setdefault(each.address.wire.casefold(), each)
    if wrong:
        raise MergeError(*told(wrong))
    if not found:
        raise MergeError("There is nobody on this list.")
    return list(found.values())


def _person(written: str, columns: Mapping[str, str]) -> Person:
    address = parse_address(written)
    if not columns:
        return person(address)
    name = columns.get("name") or " ".join(
        filter(None, (columns.get("first_name"), columns.get("last_name")))
    )
    named = address.named(name or address.name)
    return person(named, {**columns, "email": address.shown})


# --- the text -----------------------------------------------------------------


def fields_in(*texts: str) -> list[str]:
    """The fields used in the texts, as written, each once."""
    return list(dict.fromkeys(name for text in texts for name in FIELD.findall(text)))


def problems(people: Sequence[Person], *texts: str) -> list[str]:
    """Say which fields nobody has, who lacks a value, and what is a malformed field.

    With any of these, nothing may be sent.
    """
    known = dict.fromkeys(name for each in people for name in each.fields)
    found = [
        f"“{meant}” is no field: one is written as in {{{{first_name}}}}. Correct it or "
        "take it out."
        for meant in _malformed(*texts)
    ]
    for name in fields_in(*texts):
        if key_of(name) not in known:
            choice = ", ".join(f"{{{{{each}}}}}" for each in known)
            found.append(
                f"Nobody has a “{name}”. Known fields: {choice}. Use one of them, or "
                "give the list of people a column with this heading."
            )
            continue
        lacking = [each for each in people if not each.fields.get(key_of(name))]
        if lacking:
            found.append(
                f"No “{name}” is known of {_naming(lacking)}. {_remedy(name, lacking[0])}"
            )
    return found


def _malformed(*texts: str) -> list[str]:
    left = [FIELD.sub(" ", text) for text in texts]
    return [meant for text in left for meant in MALFORMED.findall(text)][:NAMED]


def _remedy(name: str, lacking: Person) -> str:
    given = (
        f"Write the name before the address, as in “First Last <{lacking.address.shown}>”, "
        "or into its column of the list"
        if key_of(name) in NAMES
        else "Fill it in on the list of people"
    )
    return f"{given}, or take {{{{{name}}}}} out of subject and text."


def broken_fields(text: str, html: str) -> list[str]:
    """Fields of the text that are broken in the HTML: half of a name is formatted."""
    whole = {key_of(unescape(name)) for name in FIELD_IN_HTML.findall(html)}
    return [name for name in fields_in(text) if key_of(name) not in whole]


def _naming(people: Sequence[Person]) -> str:
    named = ", ".join(each.address.shown for each in people[:NAMED])
    others = len(people) - NAMED
    return f"{named} and {others} more" if others > 0 else named


def filled(text: str, person: Person, *, html: bool = False) -> str:
    """Put this person's values in place of the fields."""

    def value(match: re.Match[str]) -> str:
        found = person.fields.get(key_of(unescape(match[1]) if html else match[1]))
        if found is None:
            return match[0]
        return escape(found) if html else found

    return (FIELD_IN_HTML if html else FIELD).sub(value, text)

"""Email addresses as people write them, and as they go over the wire."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from email.utils import quote
from functools import lru_cache

import idna
from django.core.validators import EmailValidator

MAX_LOCAL_PART = 64  # octets, RFC 5321 section 4.5.3.1.1
MAX_ADDRESS = 254  # octets, so that <address> fits a path of 256
MAX_NAME = 200  # characters
MOST_TOLD = 10  # sentences about what is wrong with a list


class AddressError(ValueError):
    """Not an address mail can be sent to; its sentences say why, for people."""

    def __str__(self) -> str:
        return " ".join(self.args)


@dataclass(frozen=True, slots=True)
class Address:
    """`wire` has its domain in A-labels; `shown` as people write it."""

    name: str
    shown: str
    wire: str

    @property
    def needs_smtputf8(self) -> bool:
        return not self.wire.isascii()

    def named(self, name: str) -> Address:
        """Return this address with `name` before it; raise AddressError if too long."""
        if len(name) > MAX_NAME:
            raise AddressError(
                f"The name of {self.shown} has {len(name):,} characters; {MAX_NAME} are "
                "the most. Shorten it."
            )
        return replace(self, name=name)


_validator = EmailValidator()
# Characters that a name may hold in quotes only (RFC 5322, 3.2.3).
_DIVIDES = re.compile(r'[][()<>@,:;".\\]')
# Characters at which a careless program would split a quoted local part in two.
_SPLITS = re.compile(r'[()<>@,:;"\\]')
_CONTROLS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


def mailbox(name: str, address: str) -> str:
    """Return `Anna <anna@example.com>` to be read by people.

    Not for a header, in which a name that is not ASCII is put into encoded words.
    """
    shown = f'"{quote(name)}"' if _DIVIDES.search(name) else name
    return f"{shown} <{address}>" if name else address


def parse_address(text: str) -> Address:
    """Read `anna@example.com` or `Anna <anna@example.com>`."""
    found = parse_addresses(text)
    if len(found) != 1:
        raise AddressError(f"“{text}” must be one address.")
    return found[0]


def parse_addresses(text: str) -> list[Address]:
    """Read a list of addresses separated by commas; raise AddressError.

    The error has a sentence for each that is no address, up to MOST_TOLD.
    """
    if _CONTROLS.search(text):
        raise AddressError(
            "Addresses must be on one line, without control characters. "
            "Separate several with commas."
        )
    items = [item for item in _split(text) if item.strip()]
    if not items:
        raise AddressError("Write at least one address, as in anna@example.com.")
    found, wrong = [], []
    for item in items:
        try:
            found.append(_read(item.strip()))
        except AddressError as error:
            wrong.append(str(error))
    if wrong:
        raise AddressError(*told(wrong))
    return found


def told(sentences: Sequence[str]) -> list[str]:
    """Return as many as a person reads, and how many more there are."""
    more = len(sentences) - MOST_TOLD
    rest = [f"And {more:,} more like these."] if more > 0 else []
    return [*sentences[:MOST_TOLD], *rest]


def readable_addresses(text: str) -> list[Address]:
    """Read what can be read of a list that is still being written."""
    found = []
    for item in _split(text):
        try:
            found.append(_read(item.strip()))
        except AddressError:
            continue
    return found


def wire_domain(domain: str) -> str:
    """Return a domain in its wire form: lower case, in A-labels; raise AddressError."""
    try:
        wire = _checked("", f"x@{domain}").wire
    except AddressError:
        raise AddressError(
            f"“{domain[:100]}” is not a domain mail can be sent to. "
            "Write it as in example.com."
        ) from None
    return wire.rpartition("@")[2]


def shown_domain(wire: str) -> str:
    """Return a domain as people write it, if that leads back to the same; else as is."""
    if "xn--" not in wire:
        return wire
    try:
        shown = idna.decode(wire)
        return shown if _in_a_labels(shown) == wire else wire
    except idna.IDNAError:
        return wire


def _split(text: str) -> Iterator[str]:
    """Split at commas and semicolons outside quotes."""
    item, quoted = "", False
    for character in text:
        if character == '"':
            quoted = not quoted
        if character in ",;" and not quoted:
            yield item
            item = ""
        else:
            item += character
    yield item


def _read(item: str) -> Address:
    """Read one address. Stricter than RFC 5322: what is doubtful is asked again."""
    name, bracket, address = item.rpartition("<")
    if not bracket:
        return _checked("", item)
    name = name.strip().removeprefix('"').removesuffix('"').strip()
    if not address.endswith(">") or any(c in name for c in ("<", ">", "@", '"', "=?")):
        raise AddressError(
            f"“{item[:100]}” cannot be read as an address. "
            "Write anna@example.com or Anna <anna@example.com>."
        )
    return _checked(name, address.removesuffix(">").strip())


def _checked(name: str, address: str) -> Address:
    local_part, at, domain = address.rpartition("@")
    if not at or not local_part or not domain:
        raise AddressError(
            f"“{address}” has no domain: an address looks like anna@example.com."
        )
    try:
        wire_domain = _in_a_labels(domain)
    except idna.IDNAError:
        raise AddressError(f"“{domain}” is not a domain that can exist.") from None
    if len(local_part.encode()) > MAX_LOCAL_PART:
        raise AddressError(f"The part before the @ in “{address}” is too long.")
    wire = f"{local_part}@{wire_domain}"
    if len(wire.encode()) > MAX_ADDRESS:
        raise AddressError(f"“{address[:60]}…” is too long for an address.")
    if local_part.startswith('"') and (sign := _SPLITS.search(local_part[1:-1])):
        raise AddressError(
            f"“{address}” has “{sign[0]}” in the quotes before its last @, where servers "
            "read two addresses, or another one. Ask for an address without it."
        )
    ascii_local = _NOT_ASCII.sub("x", local_part)
    if not (_validator.user_regex.match(ascii_local) and _is_valid(wire_domain)):
        raise AddressError(f"“{address}” is not an email address.")
    if not local_part.isascii() and not local_part.isprintable():
        raise AddressError(f"“{address}” has characters that cannot be shown.")
    # Written in either form, or in others still, it is one and the same to people.
    as_typed = domain.isascii() and "xn--" not in wire_domain
    shown = domain if as_typed else shown_domain(wire_domain)
    nameless = Address(name="", shown=f"{local_part}@{shown}", wire=wire)
    return nameless.named(name.strip())


# A list of thousands of people has few domains.
_once_a_domain = lru_cache(maxsize=4096)


@_once_a_domain
def _in_a_labels(domain: str) -> str:
    return idna.encode(domain, uts46=True).decode().lower()


@_once_a_domain
def _is_valid(domain: str) -> bool:
    allowed = domain in _validator.domain_allowlist
    return allowed or _validator.validate_domain_part(domain)

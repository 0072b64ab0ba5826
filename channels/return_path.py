"""The envelope sender by which a bounce finds its delivery: `b<hex>@BOUNCE_DOMAIN`.

The token belongs to one recipient and occurs nowhere in the message, and nobody can
guess it, so only a server that handled the mail can send to it. It is hex and lower
case because some servers fold case, and short enough for a local part (64 octets).
"""

from __future__ import annotations

import re
import secrets
import time

TOKEN_BYTES = 16
RANDOM_BYTES = 10  # as many as nobody guesses
_TOKEN = rf"b([0-9a-f]{{{TOKEN_BYTES * 2}}})"
_LOCAL_PART = re.compile(_TOKEN, re.IGNORECASE)
RETURN_TOKEN = re.compile(rf"(?<=b)[0-9a-f]{{{TOKEN_BYTES * 2}}}", re.IGNORECASE)
MASK = "•" * 8


def new_token() -> str:
    """Make a token: 12 hex digits of the time, in milliseconds, then random ones.

    So an index has tokens that were made together side by side, also those of thousands
    that were queued in the same second: where each lay on another page, the database
    wrote that page into its log for each.
    """
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(RANDOM_BYTES)}"


def return_path(token: str, domain: str) -> str:
    return f"b{token}@{domain}"


def token_of(address: str, domain: str) -> str | None:
    """Return the token in `address`, or None if it is no return path of ours."""
    local_part, _, address_domain = address.strip("<>").rpartition("@")
    if address_domain.casefold().rstrip(".") != domain.casefold():
        return None
    match = _LOCAL_PART.fullmatch(local_part)
    return match[1].lower() if match else None


def tokens_in(text: str, domain: str) -> set[str]:
    """Return the tokens of the return paths of ours that stand anywhere in `text`."""
    path = rf"(?<![0-9a-z]){_TOKEN}@{re.escape(domain)}(?![\w.-]*\w)"
    return {token.lower() for token in re.findall(path, text, re.IGNORECASE)}


def without_return_tokens(text: str) -> str:
    """Mask what would let its reader forge a bounce."""
    return RETURN_TOKEN.sub(MASK, text)

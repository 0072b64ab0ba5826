from __future__ import annotations

MOST_DIGITS = 9  # Python refuses to read thousands of them


def whole_number(text: str, otherwise: int) -> int:
    """The number that came in from outside, of its first digits if it is absurd."""
    return int(text[:MOST_DIGITS]) if text.isdecimal() else otherwise

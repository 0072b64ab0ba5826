"""How a text names the recipients that failed: described as data, read by a method."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice

from conversations.bounces.found import Found, Kind
from conversations.bounces.opened import ADDRESS
from conversations.bounces.texts import one_line

MAX_RECIPIENTS = 100
MAX_WORDS = 4_000  # characters about one recipient

# An address at the beginning of a line, in whatever brackets, perhaps before words.
LINE = rf"^[>\s]{{0,3}}[ \t*•·\-]{{0,12}}(?:to:[ \t]*|smtp[: ][ \t]*)?[\[<(\"']{{0,3}}(?P<address>{ADDRESS})[\])>\"']{{0,3}}(?=[ \t]*(?:$|[:;,(<\[]|\s-\s|[ \t]\S))"
# The same, and nothing but a remark in brackets, a colon or words after two blanks.
ALONE = rf"^[ \t*•·\-]{{0,12}}(?:smtp[: ][ \t]*)?[\[<(\"']{{0,3}}(?P<address>{ADDRESS})[\])>\"']{{0,3}}(?=[ \t]*(?:$|[:;,(<\[]|\.\.\. ))"
# `<address>:` as qmail and Postfix write it.
ANGLE = rf"^[ \t]{{0,4}}<(?P<address>{ADDRESS})>(?:[ \t]?\([^)\n]{{0,200}}(?:\n[^)\n]{{0,200}})?\))?:"
# An address right after the words that announce it.
NEXT = rf"[\s:：*•\-]{{0,20}}(?:smtp[: ] ?|mailto:|rfc822;)?[\[<(\"'“«]{{0,3}}(?P<address>{ADDRESS})"

# Where the next part begins, if the parts of a mail could not be separated.
_NEXT_PART = re.compile(r"\n(?:--\S.{0,100}\n)?content-", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a text names recipients.

    After one of `after` (lower case, anywhere in the text; "" is its beginning) each
    match of `entry` is a recipient, until one of `until`. The server's words about a
    recipient are between its entry and the next; with `words_before`, between the
    previous entry and the end of its own line.
    """

    name: str
    seen: str
    after: tuple[str, ...]
    entry: str = LINE
    until: tuple[str, ...] = ()
    kind: Kind = "bounce"
    words_before: bool = False
    each: bool = False  # look after every `after`, not only the first
    doubtful: bool = (
        False  # people say such things too: only if a server speaks of failure
    )
    _entry: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        flags = re.MULTILINE | re.IGNORECASE
        object.__setattr__(self, "_entry", re.compile(self.entry, flags))

    def read(self, text: str, lower: str) -> list[Found]:
        for words in self.after:
            at = lower.find(words)
            found: list[Found] = []
            while at >= 0 and len(found) < MAX_RECIPIENTS:
                start = at + len(words)
                again = self._again(text, lower, words, start) if self.each else -1
                end = again if again >= 0 else self._end(lower, start)
                found += self._entries(text, at, start, end)
                at = again
            if found:
                return found
        return []

    def _again(self, text: str, lower: str, words: str, start: int) -> int:
        """The next place of the words; for NEXT, only if an address follows them."""
        at = lower.find(words, start)
        while (
            at >= 0
            and self.entry is NEXT
            and not self._entry.match(text, at + len(words))
        ):
            at = lower.find(words, at + len(words))
        return at

    def _end(self, lower: str, start: int) -> int:
        ends = (lower.find(words, start) for words in self.until)
        return min((end for end in ends if end >= 0), default=len(lower))

    def _entries(self, text: str, intro: int, start: int, end: int) -> list[Found]:
        if self.entry is NEXT:
            entry = self._entry.match(text, start, end)
            entries = [entry] if entry else []
        else:
            entries = []
            for entry in islice(self._entry.finditer(text, start, end), MAX_RECIPIENTS):
                # The same address again is a part of the words about it.
                if not entries or entry["address"] != entries[-1]["address"]:
                    entries.append(entry)
        found = []
        for number, entry in enumerate(entries):
            if self.words_before:
                begin = (
                    _line_end(text, entries[number - 1].end(), end) if number else start
                )
                words = text[begin : _line_end(text, entry.end(), end)][-MAX_WORDS:]
            else:
                last = number + 1 == len(entries)
                stop = end if last else entries[number + 1].start()
                words = text[entry.end() : min(stop, entry.end() + MAX_WORDS)]
            found.append(
                Found(
                    kind=self.kind,
                    decided_by=f"text of {self.name}",
                    recipient=entry["address"],
                    words=one_line(_NEXT_PART.split(words, maxsplit=1)[0]).lstrip(
                        ">)]:;,. \"'"
                    ),
                    more_words=one_line(text[intro:start])
                    if start - intro < 200
                    else "",
                )
            )
        return found


def _line_end(text: str, start: int, end: int) -> int:
    at = text.find("\n", start, end)
    return at if at >= 0 else end

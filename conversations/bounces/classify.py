"""From what a server said to why the mail did not arrive: evidence → a key of REASONS.

Pure. Used for the diagnostics of bounces and for refusals on the spot alike.
Words come before codes, because codes say too little: first the phrases of single
providers, then common ones, then codes, then vague phrases. `tables` has them all.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from conversations.bounces.tables.codes import CODES, REPLY_CODES
from conversations.bounces.tables.phrases import PHRASES, PROVIDERS, VAGUE, WEAK, Row

LOOKED_AT = 2_000  # characters of a reply; what matters comes early
ANY = ""  # in place of three letters: shorter phrases (Chinese ones) are always tried
GAP = 40  # the most characters that `…` in a phrase stands for


class Classified(NamedTuple):
    reason: str  # a key of REASONS
    evidence: str  # what decided, for people: 'words “user unknown”', 'code 5.1.1'


NOTHING = Classified("unknown", "nothing that tells a reason")

# An address may say anything: full@, blocked@, spam@. So may a link, but not its path.
# Chinese and Japanese words stand beside it without a blank.
_IN_ADDRESS = r"[^\s<>()\"',;:\u2e80-\uffff]"
_ADDRESS = re.compile(rf"{_IN_ADDRESS}{{0,64}}@{_IN_ADDRESS}{{0,255}}")
# An enhanced status code, but not a part of an IP address or a version number.
_ENHANCED = re.compile(r"(?<![\w.])([245]\.\d{1,3}\.\d{1,3})(?!\.?\d)", re.ASCII)
# At the beginning, before an enhanced code or after words such as "said": elsewhere it
# is some other number.
_REPLY_CODE = re.compile(
    r"\A\W{0,5}(2[0-5][0-4]|[45][0-5]\d)(?=[ \-:]|$)|\b([245]\d\d)[ \-:]{1,2}#?(?=[245]\.\d)"
    r"|\b(?:said|returned|was|with|error|responded|response)\W{1,4}([245]\d\d)(?=[ \-:])",
    re.ASCII | re.IGNORECASE,
)
# What Exim writes before the words of the other server. It says nothing of the reason.
_HEARD = re.compile(
    r"smtp error from remote mail(?: server|er) after [^:<]{1,80}(?::\s{0,3}<[^:]{0,80})?:"
)
_OF_A_PART = re.compile(
    r"content-(?:type|transfer-encoding|disposition|description): {0,9}[^\s;]{0,80}"
)
# In a long reply the codes are repeated in each line, so in the middle of a phrase.
_REPEATED = re.compile(
    r"\b[245]\d\d-(?:[245]\.\d{1,3}\.\d{1,3})?|(?<=\s)[245]\.\d\.\d{1,3}(?=\s)"
)


def classify(*, code: int | None, enhanced: str, words: str) -> Classified:
    """Say why, from a reply code, an enhanced code and a server's words.

    Each may be missing; codes that stand only in the words are found there.
    """
    return classify_texts([words], code=code, enhanced=enhanced)


def classify_texts(
    texts: list[str], *, code: int | None = None, enhanced: str = "", vague: str = ""
) -> Classified:
    """Say why, from several texts, the most telling first.

    `vague` is a text that may be about somebody else: it is read last.
    """
    said = [text[:LOOKED_AT] for text in texts if text]
    plain = [plain_words(text) for text in said]
    for text in plain:
        if found := _TELLING.first_in(text):
            return found
    for candidate in (enhanced, *map(enhanced_in, said)):
        if found := _by_enhanced(candidate):
            return found
    for number in (code, *map(reply_code_in, said)):
        if found := _by_reply_code(number):
            return found
    for text in plain:
        if found := _VAGUE.first_in(text):
            return found
    if vague:
        vague = plain_words(vague[: 2 * LOOKED_AT])
        return _TELLING_ANYWHERE.first_in(vague) or NOTHING
    return NOTHING


def by_words(words: str) -> Classified | None:
    """Say why, from a server's words alone; None if they do not tell."""
    return _TELLING.first_in(plain_words(words[:LOOKED_AT]))


def enhanced_in(words: str) -> str:
    """Return the first enhanced status code in `words`, or nothing."""
    found = _ENHANCED.search(words[:LOOKED_AT])
    return found[1] if found else ""


def reply_code_in(words: str) -> int | None:
    """Return the SMTP reply code that `words` begin with or name, or None."""
    found = _REPLY_CODE.search(words[:LOOKED_AT])
    return int(found[1] or found[2] or found[3]) if found else None


def says_something(enhanced: str) -> bool:
    """Whether the code leads to a reason, which 5.0.0 does not."""
    return _by_enhanced(enhanced) is not None


def plain_words(text: str) -> str:
    """Lower-case a text; drop addresses, and codes repeated within long replies."""
    text = _REPEATED.sub(" ", text.lower()).replace("’", "'")
    if "content-" in text:  # headers of MIME parts that could not be separated
        text = _OF_A_PART.sub(" ", text)
    text = " ".join(_ADDRESS.sub(" ", text).split())
    return _HEARD.sub("", text) if "smtp error from" in text else text


class _Phrase(NamedTuple):
    reason: str
    needle: str  # its longest piece: searched for first, which is quicker than a regex
    pattern: re.Pattern[str]


def _compiled(rows: tuple[Row, ...]) -> tuple[_Phrase, ...]:
    return tuple(_compile(row.reason, phrase) for row in rows for phrase in row.phrases)


def _compile(reason: str, phrase: str) -> _Phrase:
    pieces = [piece.strip() for piece in phrase.removesuffix("|").split("…")]
    gap = f".{{0,{GAP}}}?"
    pattern = gap.join(re.escape(piece) for piece in pieces)
    if pieces[0][0].isascii() and pieces[0][0].isalnum():
        pattern = r"(?<![a-z0-9])" + pattern
    if phrase.endswith("|"):
        pattern += r"(?![a-z0-9])"
    return _Phrase(reason, max(pieces, key=len), re.compile(pattern))


class _Phrases:
    """Phrases in order, indexed by three letters, so that few are tried on a text."""

    def __init__(self, rows: tuple[Row, ...]) -> None:
        self._all = _compiled(rows)
        self._by_letters: dict[str, list[int]] = {}
        for place, phrase in enumerate(self._all):
            letters = phrase.needle[:3] if len(phrase.needle) > 2 else ANY
            self._by_letters.setdefault(letters, []).append(place)

    def first_in(self, text: str) -> Classified | None:
        letters = {text[at : at + 3] for at in range(len(text) - 2)} | {ANY}
        places: list[int] = []
        for some in self._by_letters.keys() & letters:
            places += self._by_letters[some]
        for place in sorted(places):
            reason, needle, pattern = self._all[place]
            if needle in text and (found := pattern.search(text)):
                return Classified(reason, f"words “{found[0]}”")
        return None


_TELLING_ANYWHERE = _Phrases(PROVIDERS + PHRASES)
_TELLING = _Phrases(PROVIDERS + PHRASES + WEAK)
_VAGUE = _Phrases(VAGUE)


@lru_cache(maxsize=1_000)
def _by_enhanced(enhanced: str) -> Classified | None:
    if not _ENHANCED.fullmatch(enhanced):
        return None
    _digit, subject, detail = enhanced.split(".")
    for key in (enhanced, f"x.{subject}.{detail}", f"x.{subject}.x"):
        if reason := CODES.get(key):
            return Classified(reason, f"code {enhanced}")
    return None


def _by_reply_code(code: int | None) -> Classified | None:
    reason = REPLY_CODES.get(code or 0)
    return Classified(reason, f"reply {code}") if reason else None

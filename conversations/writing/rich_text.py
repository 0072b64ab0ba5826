"""Formatted text: made harmless, and converted to and from plain text. Pure."""

from __future__ import annotations

import re
from html import escape
from html.parser import HTMLParser

import nh3

from channels.whole_numbers import whole_number

SCHEMES = {"http", "https", "mailto", "tel"}
HOST = re.compile(r"([\w-]+\.)+[^\W\d_]{2,}([/?#].*)?")
ADDRESS = re.compile(r"[^\s@/?#:]+@([\w-]+\.)+[\w-]+")


def where_it_leads(tag: str, attribute: str, value: str) -> str | None:
    """Complete a link as typed; None drops it, such as a path within this portal."""
    if attribute not in {"href", "src"}:
        return value
    typed = value.strip()
    if typed.partition(":")[0].lower() in SCHEMES:
        return typed
    if tag == "a" and HOST.fullmatch(typed):
        return f"https://{typed}"
    return f"mailto:{typed}" if tag == "a" and ADDRESS.fullmatch(typed) else None


# The HTML that an email may hold: no styles, no scripts, nothing loaded but pictures.
CLEANER = nh3.Cleaner(
    tags={
        *("p", "br", "hr", "blockquote", "pre", "code", "ul", "ol", "li", "a", "img"),
        *("strong", "b", "em", "i", "u", "s", "sub", "sup"),
        *("h1", "h2", "h3", "h4", "h5", "h6"),
        *("table", "thead", "tbody", "tr", "th", "td", "div", "span"),
    },
    attributes={
        "a": {"href", "title"},
        "img": {"src", "alt", "width", "height"},
        "ol": {"start"},
        "td": {"colspan", "rowspan"},
        "th": {"colspan", "rowspan"},
    },
    url_schemes=SCHEMES,
    attribute_filter=where_it_leads,
    link_rel="noopener noreferrer",
)


def lost_links(html: str) -> list[str]:
    """The targets of links that `sanitised` removes, as they were typed."""
    reader = _Links()
    reader.feed(html)
    reader.close()
    return [each for each in reader.typed if where_it_leads("a", "href", each) is None]


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.typed: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a" and (href := dict(attrs).get("href")):
            self.typed.append(href.strip())


BLOCKS = frozenset(
    [
        "p",
        "div",
        "blockquote",
        "pre",
        "ul",
        "ol",
        "li",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "table",
        "tr",
        "hr",
    ]
)
APART = frozenset(
    [
        "p",
        "blockquote",
        "pre",
        "ul",
        "ol",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "table",
        "hr",
    ]
)


def sanitised(html: str) -> str:
    """Return harmless HTML; empty if there is nothing to see in it."""
    clean = CLEANER.clean(html.replace("\0", "")).strip()
    return clean if as_text(clean) or "<img" in clean or "<hr" in clean else ""


def as_html(text: str) -> str:
    """Plain text as paragraphs and line breaks."""
    paragraphs = re.split(r"\n{2,}", text.replace("\r\n", "\n").strip("\n"))
    return "".join(
        f"<p>{escape(paragraph, quote=False).replace(chr(10), '<br>')}</p>"
        for paragraph in paragraphs
        if paragraph
    )


def as_document(html: str) -> str:
    """The HTML part of a mail: a whole document around the text."""
    return (
        '<!DOCTYPE html>\n<html><head><meta charset="utf-8"></head>'
        f"<body>\n{html}\n</body></html>\n"
    )


def as_text(html: str) -> str:
    """The words of sanitised HTML as a person would type them."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.text()


class _Reader(HTMLParser):
    """Collects lines of plain text; each block begins a new line, with its prefixes."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = []
        self.line = ""
        self.quotes = 0
        self.lists: list[int | None] = []  # the next number; None: bullets
        self.bullet = ""
        self.verbatim = 0
        self.href, self.linked_from = "", 0

    # --- tags -----------------------------------------------------------------

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in BLOCKS:
            self._new_block(tag)
        if tag in {"ul", "ol"}:
            start = dict(attrs).get("start") or "1"
            number = whole_number(start, otherwise=1)
            self.lists.append(number if tag == "ol" else None)
        elif tag == "a":
            self.href, self.linked_from = dict(attrs).get("href") or "", len(self.line)
        else:
            self._begin(tag, dict(attrs))

    def _begin(self, tag: str, attributes: dict[str, str | None]) -> None:
        if tag == "li":
            self.bullet = self._next_bullet()
        elif tag == "blockquote":
            self.quotes += 1
        elif tag == "pre":
            self.verbatim += 1
        elif tag == "br":
            self._end_line()
        elif tag == "hr":
            self.line = "----"
            self._end_line()
        elif tag == "img":
            self.line += f"[{attributes.get('alt') or 'picture'}]"
        elif tag in {"td", "th"} and self.line:
            self.line += "\t"

    def handle_endtag(self, tag: str) -> None:
        if tag in BLOCKS:
            self._new_block(tag)
        if tag == "a":
            self._say_where_it_leads()
        elif tag in {"ul", "ol"} and self.lists:
            self.lists.pop()
        elif tag == "blockquote":
            self._end_quote()
        elif tag == "pre":
            self.verbatim = max(0, self.verbatim - 1)

    def handle_data(self, data: str) -> None:
        if self.verbatim:
            *whole, last = data.split("\n")
            for line in whole:
                self.line += line
                self._end_line()
            self.line += last
            return
        words = re.sub(r"[ \t\r\n]+", " ", data)
        self.line += words if self.line else words.lstrip(" ")

    # --- lines ----------------------------------------------------------------

    def _next_bullet(self) -> str:
        if not self.lists or (number := self.lists[-1]) is None:
            return "- "
        self.lists[-1] = number + 1
        return f"{number}. "

    def _say_where_it_leads(self) -> None:
        words = self.line[self.linked_from :].strip()
        target = self.href.removeprefix("mailto:").removeprefix("tel:")
        if target and target.rstrip("/") != words.rstrip("/"):
            self.line += f" <{target}>"
        self.href = ""

    def _new_block(self, tag: str) -> None:
        if self.line.strip():
            self._end_line()
        self.line = ""
        # Blocks in a list item, such as another list, get no blank line before them.
        if (
            tag in APART
            and not self.lists
            and self.lines
            and self.lines[-1].strip("> ")
        ):
            self.lines.append("> " * self.quotes)

    def _end_quote(self) -> None:
        while self.quotes and self.lines and not self.lines[-1].strip("> "):
            self.lines.pop()
        self.quotes = max(0, self.quotes - 1)
        if self.lines:
            self.lines.append("> " * self.quotes)

    def _end_line(self) -> None:
        indent = "  " * max(0, len(self.lists) - 1) if self.lists else ""
        bullet = self.bullet or ("  " if self.lists else "")
        self.bullet = ""
        self.lines.append("> " * self.quotes + indent + bullet + self.line.rstrip())
        self.line = ""

    def text(self) -> str:
        if self.line.strip():
            self._end_line()
        lines = [line.rstrip() for line in self.lines]
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).replace("\xa0", " ").strip()

"""A mail taken apart once for all readers: its own text, and returned mail. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from conversations.bounces.parts import RETURNED, Part, own_parts, parse
from conversations.bounces.tables import returned, senders
from conversations.bounces.texts import decoded, header_text, one_line

MAX_NOTICE = 60_000  # characters of a report's own words that are read
STATUS_TYPES = {"message/delivery-status", "message/global-delivery-status"}

_WIDE = "（）「」『』【】《》、，。：；！？“”"  # of Chinese and Japanese sentences
ADDRESS = (
    rf"(?:\"[^\"\s<>]{{1,64}}\"|[^\s<>()\[\]{{}},;:\"'|\\`{_WIDE}]{{1,64}})"
    r"@[^\W_](?:[\w.-]{0,251}[^\W_])?"
)
_ADDRESS = re.compile(ADDRESS)
_RULE = ">-=*#_~+. \t"  # decoration before the words of a line
_MESSAGE_ID = re.compile(
    r"^[> \t]{0,8}message-id[ \t]{0,4}:\s{0,8}(<[^<>\s]{1,250}>)",
    re.MULTILINE | re.IGNORECASE,
)
_RECEIVED = re.compile(r"^received[ \t]{0,4}:", re.MULTILINE | re.IGNORECASE)
_SOME_ID = re.compile(r"<[^<>\s]{1,250}>")
_RETURNED_TO = re.compile(
    r"^(?:to|x-rcpt-to|delivered-to)[ \t]{0,4}:(.{1,1000})",
    re.MULTILINE | re.IGNORECASE,
)
# Read receipts and the like (RFC 8098).
_OTHER_REPORT = re.compile(
    r"report-type\s{0,9}=\s{0,9}\"?(?!delivery-status)[a-z]", re.IGNORECASE
)
_OF_A_HEADER = re.compile(
    r"(from|to|cc|subject|date|message-id|reply-to|sender|mime-version):", re.IGNORECASE
)
_QUOTE = re.compile(r"^>[> ]?", re.MULTILINE)


@dataclass(frozen=True)
class OpenedMail:
    top: Part
    parts: list[Part]  # its leaves in order, without those of the returned mail

    @cached_property
    def subject(self) -> str:
        return self.top.header("subject").lower()

    @cached_property
    def sender(self) -> str:
        return header_text(self.top.fields.get("from", "")).lower()

    @cached_property
    def _texts(self) -> tuple[str, str]:
        """The report's own words, and the returned mail if that is in the same text."""
        plain = [p.text for p in self.parts if p.type in {"", "text/plain", "text"}]
        if not any(text.strip() for text in plain):
            plain = [part.text for part in self.parts if part.type == "text/html"]
        text = "\n".join(plain)[:MAX_NOTICE]
        if self.is_by_a_server and not self.is_reply and text.lstrip().startswith(">"):
            text = _QUOTE.sub("", text)
        if "=\n" in text and "quoted-printable" in text.lower():
            # Parts that could not be separated have not been decoded either.
            text = decoded(text.encode().decode("latin-1"), "quoted-printable")
        below = _returned_from(text)
        return text[:below], text[below:]

    @property
    def notice(self) -> str:
        return self._texts[0]

    @cached_property
    def returned(self) -> str:
        """The header of the returned mail, and perhaps more of it."""
        for part in self.parts:
            if part.type in RETURNED:
                return part.text or "\n".join(
                    f"{name}: {value}" for name, value in part.fields.items()
                )
        return self._texts[1]

    @cached_property
    def hops(self) -> int:
        """How many servers the returned mail passed, by its Received fields."""
        return len(_RECEIVED.findall(self.returned[:MAX_NOTICE]))

    @cached_property
    def returned_to(self) -> str:
        """The recipient of the returned mail, if it has just one."""
        if found := _RETURNED_TO.search(self.returned):
            addresses = set(_ADDRESS.findall(header_text(found[1])))
            addresses.discard(self.top.header("to").strip("<>"))  # a report of a report
            return addresses.pop() if len(addresses) == 1 else ""
        return ""

    @cached_property
    def only_address(self) -> str:
        """The only address in the words of a mail server that reports a failure.

        Empty if there are several: prose does not tell which of them failed.
        """
        shown = any(words in self.sender for words in senders.DAEMON_NAMES)
        if not (shown and self.speaks_of_failure):
            return ""
        named = {address.lower() for address in _ADDRESS.findall(self.notice)}
        header = self.sender + self.top.header("to").lower()
        others = {
            each
            for each in named
            if each not in header and each.partition("@")[0] not in senders.DAEMONS
        }
        return others.pop() if len(others) == 1 else ""

    @cached_property
    def failed_recipients(self) -> list[str]:
        """The addresses in X-Failed-Recipients, a header of Exim, Gmail and Mail.Ru."""
        return _ADDRESS.findall(self.top.header("x-failed-recipients"))[:100]

    @cached_property
    def message_id(self) -> str:
        """The Message-ID of the returned mail."""
        for text in (self.returned[:60_000], self.notice):
            if found := _MESSAGE_ID.search(text):
                return one_line(found[1]).replace(" ", "")
        found = _SOME_ID.search(self.top.header("in-reply-to"))
        return found[0] if found else ""

    @cached_property
    def is_by_a_server(self) -> bool:
        """Whether its header says that a mail server wrote it, not a person."""
        shown, _, path = self.sender.rpartition("<")
        local = (path if shown else self.sender).partition("@")[0].strip(' <>"')
        return (
            local in senders.DAEMONS
            or any(words in self.sender for words in senders.DAEMON_NAMES)
            or self.top.type == "multipart/report"
            or "x-failed-recipients" in self.top.fields
        )

    @cached_property
    def came_without_sender(self) -> bool:
        path = self.top.fields.get("return-path", "")
        return "<>" in path or "mailer-daemon" in path.lower()

    @cached_property
    def is_by_a_person(self) -> bool:
        """Whether somebody with a name and a return address wrote it, not a server."""
        name = self.sender.rpartition("<")[0].strip(' "')
        return bool(name) and not (self.is_by_a_server or self.came_without_sender)

    @cached_property
    def is_reply(self) -> bool:
        """Whether its subject begins as those of replies and forwarded mail."""
        return self.subject.startswith(senders.REPLY_PREFIXES)

    @cached_property
    def is_report(self) -> bool:
        """Whether it may be a mail server's report that must be read as plain text."""
        if self.subject.startswith(
            senders.HARMLESS_SUBJECTS + senders.AUTOREPLY_SUBJECTS
        ):
            return False
        if self.top.type == "multipart/report" and _OTHER_REPORT.search(
            self.top.fields["content-type"]
        ):
            return False
        if self.subject.endswith(senders.BOUNCE_SUBJECT_ENDS):
            return True
        if self.is_by_a_server:
            return True
        if self.is_reply:
            return False
        if self.came_without_sender:
            return not self.is_automatic or self.says_bounce
        if any(words in self.subject for words in senders.LIST_SUBJECTS):
            return True
        # There is only the subject left to judge by: it must begin so, because a person
        # may well write about a bounce.
        return self.subject.lstrip(' *["').startswith(senders.BOUNCE_SUBJECTS)

    @cached_property
    def speaks_of_failure(self) -> bool:
        """Whether it seems to be a server's, and its words are those of a failure."""
        if not (self.is_by_a_server or (self.says_bounce and not self.is_by_a_person)):
            return False
        text = f"{self.subject}\n{self.notice}".lower()
        return any(words in text for words in senders.FAILURE_WORDS)

    @cached_property
    def speaks_of_success(self) -> bool:
        text = " ".join(self.notice[:4_000].lower().split())
        if any(words in text for words in senders.NO_SUCCESS):
            return False
        return any(words in text for words in senders.SUCCESS_WORDS)

    @cached_property
    def speaks_of_relaying(self) -> bool:
        """Whether the success is only that the mail was passed to another server."""
        text = " ".join(self.notice[:4_000].lower().split())
        return any(words in text for words in senders.RELAYED_WORDS)

    @cached_property
    def is_automatic(self) -> bool:
        return (
            self.top.fields.get("auto-submitted", "").lower().startswith("auto-replied")
        )

    @cached_property
    def says_bounce(self) -> bool:
        return any(words in self.subject for words in senders.BOUNCE_SUBJECTS)

    @cached_property
    def says_delay(self) -> bool:
        return any(words in self.subject for words in senders.DELAY_SUBJECTS)


def _returned_from(text: str) -> int:
    """The position in `text` at which the returned mail begins, or the text's end.

    Not before the first three words.
    """
    at = words = header = 0
    names: set[str] = set()  # of the successive fields that begin at `header`
    for line in text.split("\n"):
        begins = line[:200].lstrip(_RULE).lower()
        if words > 2:
            if begins.startswith(returned.RETURNED_BELOW) and not begins.startswith(
                returned.NOT_THESE
            ):
                return at
            if field := _OF_A_HEADER.match(line):
                header = header if names else at
                names.add(field[1].lower())
                if len(names) > 2 and "message-id" in names:
                    return header  # a header that no words announce
            elif not line.startswith((" ", "\t")):
                names.clear()
        at += len(line) + 1
        words += len(begins.split())
    return len(text)


def open_mail(raw: bytes) -> OpenedMail:
    top = parse(raw)
    return OpenedMail(top, own_parts(top))


def open_wrapped(mail: OpenedMail) -> OpenedMail | None:
    """The report that a gateway has wrapped in a mail of its own with the same subject.

    With another subject it would be a returned report, about somebody else's mail.
    """
    if not mail.is_by_a_server:
        return None
    inner = open_mail(mail.returned.encode("latin-1", "replace"))
    same = inner.top.type == "multipart/report" and inner.subject == mail.subject
    return inner if same else None

"""What a mail to a return path says: bytes → reports. Pure, and never raises.

Several readers are tried in order: feedback reports, delivery status, Amazon's JSON,
the texts of servers that follow no standard, automatic replies. `formats` has the
readers, `tables` their data; this file decides which is first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache, partial

from conversations.bounces.classify import (
    by_words,
    classify_texts,
    enhanced_in,
    reply_code_in,
    says_something,
)
from conversations.bounces.formats import (
    LAYOUTS,
    autoreply,
    feedback,
    notifications,
    rfc3464,
)
from conversations.bounces.found import Found, Kind
from conversations.bounces.opened import OpenedMail, open_mail, open_wrapped
from conversations.bounces.reasons import REASONS
from conversations.bounces.texts import one_line

Listed = Callable[[], list[Found]]  # the recipients that the text names

MAX_RECIPIENTS = 100  # of one mail
MANY_HOPS = (
    25  # Sendmail's limit is the lowest; mail that arrives has passed ten at most
)

__all__ = ["Kind", "ReadReport", "read_reports"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadReport:
    """What a mail says about one recipient, as text from outside without controls.

    Every field but `kind` may be empty. `reason` is a key of REASONS; `hard` says that
    the address itself is dead; `evidence` says what this was concluded from.
    """

    kind: Kind
    final_recipient: str = ""
    reason: str = ""
    hard: bool = False
    enhanced_code: str = ""
    reply_code: int | None = None
    diagnostic: str = ""
    remote_mta: str = ""
    reporting_mta: str = ""
    original_message_id: str = ""
    evidence: str = ""
    retry_until: datetime | None = None  # of a delay: how long they go on trying


def read_reports(raw: bytes) -> list[ReadReport]:
    """Return what `raw` says, at least one report."""
    mail = open_mail(raw)
    listed = cache(partial(_listed, mail))  # read only if needed, and once
    found = (
        feedback.read(mail)
        or _completed(rfc3464.read(mail), mail, listed)
        or notifications.read(mail)
        or _by_text(mail, listed)
        or autoreply.read(mail)
    )
    if not found:
        kind = mail.top.type or "no content type"
        found = [Found(kind="other", decided_by=f"no report in it ({kind})")]
    return [_report(one, mail, listed) for one in found[:MAX_RECIPIENTS]]


# --- Who is it about? --------------------------------------------------------


def _completed(found: list[Found], mail: OpenedMail, listed: Listed) -> list[Found]:
    """Fill in recipients that the delivery status lacks, from the rest of the mail."""
    if all(one.recipient for one in found):
        return found
    named = {one.recipient for one in found}
    others = [a for a in mail.failed_recipients if a not in named]
    others = others or [one.recipient for one in listed()]
    others = others or [mail.returned_to]
    return [
        one
        if one.recipient
        else replace(one, recipient=others.pop(0) if others else "")
        for one in found
    ]


def _by_text(mail: OpenedMail, listed: Listed) -> list[Found]:
    """Read a report without machine-readable fields; empty if the mail is none."""
    if not mail.is_report:
        return []
    if mail.speaks_of_success:
        kind: Kind = "relayed" if mail.speaks_of_relaying else "delivered"
        return [Found(kind=kind, decided_by="its text")]
    if mail.failed_recipients:
        words = {one.recipient.lower(): one for one in listed()}
        return [
            replace(
                words.get(to.lower()) or _undetailed(mail),
                recipient=to,
            )
            for to in dict.fromkeys(mail.failed_recipients)
        ]
    if listed():
        return listed()
    if inner := open_wrapped(mail):
        return rfc3464.read(inner)
    to = mail.returned_to or mail.only_address
    if to and mail.is_by_a_server and mail.says_bounce:
        return [replace(_undetailed(mail), recipient=to)]
    return []


def _undetailed(mail: OpenedMail) -> Found:
    return Found(
        kind="delay" if mail.says_delay else "bounce",
        decided_by="its subject and sender",
        words=one_line(mail.notice[:4_000]),
    )


def _listed(mail: OpenedMail) -> list[Found]:
    """The recipients that the text names, by the first known layout that fits."""
    text = mail.notice
    lower = text.lower()
    if len(lower) != len(text):  # İ and the like: places would not match
        text = lower
    for layout in LAYOUTS:
        if layout.doubtful and not mail.speaks_of_failure:
            continue
        if found := layout.read(text, lower):
            about = {one.recipient.lower(): one for one in reversed(found)}
            kind: Kind = "delay" if mail.says_delay else found[0].kind
            return [replace(one, kind=kind) for one in reversed(about.values())]
    return []


# --- Why? --------------------------------------------------------------------


def _report(found: Found, mail: OpenedMail, listed: Listed) -> ReadReport:
    words = found.words or _words_in_text(found, listed)
    # An automatic reply is a person's text, in which any number may occur.
    by_server = words if found.kind != "autoreply" else ""
    reply_code = reply_code_in(by_server)
    # The code in the remote server's words says more than the reporter's Status field.
    said = enhanced_in(by_server)
    tells = said and (says_something(said) or found.status.endswith(".0.0"))
    enhanced = said if tells else found.status or said
    reason = because = ""
    if found.kind in {"bounce", "delay"}:
        reason, because = by_words(words) or classify_texts(
            [words, *_more_words(found, mail, listed)],
            code=reply_code,
            enhanced=enhanced,
            vague=f"{mail.subject} {mail.notice}",
        )
        if reason == "unknown" and mail.hops >= MANY_HOPS:
            reason = "server_unreachable"
            because = f"{mail.hops} servers on its way: it went round in a circle"
    elif found.kind == "complaint":
        reason = "complaint"
    return ReadReport(
        kind=found.kind,
        final_recipient=one_line(found.recipient)[:320],
        reason=reason,
        hard=found.kind in {"bounce", "complaint"} and REASONS[reason].hard,
        enhanced_code=enhanced[:12],
        reply_code=reply_code,
        diagnostic=words,
        remote_mta=found.remote_mta,
        reporting_mta=found.reporting_mta,
        original_message_id=mail.message_id,
        evidence=one_line("; ".join(filter(None, [found.decided_by, because])))[:300],
        retry_until=_moment(found.retry_until) if found.kind == "delay" else None,
    )


def _moment(date: str) -> datetime | None:
    """Read a date of a header (RFC 5322); None if it is none."""
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _words_in_text(found: Found, listed: Listed) -> str:
    """The words about the recipient in the text, where the status has none (Exim)."""
    if found.kind not in {"bounce", "delay"} or not found.recipient:
        return ""
    to = found.recipient.lower()
    return next((one.words for one in listed() if one.recipient.lower() == to), "")


def _more_words(found: Found, mail: OpenedMail, listed: Listed) -> list[str]:
    """What the mail's text says about the recipient, beside the delivery status."""
    if found.decided_by.startswith("text of"):
        return [found.more_words]
    ours = listed()
    if len(ours) > 1:
        to = found.recipient.lower()
        ours = [one for one in ours if one.recipient.lower() == to]
    session = mail.notice.lower().partition("transcript of session follows")[2]
    return [*(one.words for one in ours), session, found.more_words]

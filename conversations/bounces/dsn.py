"""What a mail to a return path says: bytes → reports. Pure, and never raises.

Read here: delivery status notifications (RFC 3464), feedback reports (RFC 5965) and
automatic replies that say so (RFC 3834). Anything else is an "other".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from typing import Literal

from conversations.bounces.classify import (
    classify,
    enhanced_in,
    reply_code_in,
    says_something,
)
from conversations.bounces.parts import (
    RETURNED,
    Fields,
    field_groups,
    header,
    media_type,
    own_parts,
    parse,
    text_of,
    typed_address,
    typed_value,
)
from conversations.bounces.reasons import REASONS

Kind = Literal[
    "bounce", "delay", "delivered", "complaint", "autoreply", "auth_report", "other"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadReport:
    """What a mail says about one recipient. Text from outside, without controls.

    Every field but `kind` may be empty. `reason` is a key of REASONS; `hard` says
    that the address itself is dead; `evidence` what all this was concluded from.
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


@dataclass(frozen=True, slots=True)
class OpenedMail:
    """A mail taken apart once, for every reader."""

    top: Message
    parts: list[Message]  # its own leaves, in their order
    message_id: str  # of the mail that came back


def read_reports(raw: bytes) -> list[ReadReport]:
    """Return what `raw` says, at least one report."""
    top = parse(raw)
    if top is None:
        return [ReadReport(kind="other", evidence="not a mail anybody can parse")]
    parts = own_parts(top)
    mail = OpenedMail(top, parts, _original_message_id(parts))
    for read in _READERS:
        if reports := read(mail):
            return reports
    return [
        ReadReport(
            kind="other",
            original_message_id=mail.message_id,
            evidence=f"no report in it ({media_type(top) or 'no content type'})"[:300],
        )
    ]


# --- Delivery status notifications, RFC 3464 --------------------------------

STATUS_TYPES = {"message/delivery-status", "message/global-delivery-status"}

# The action tells final from delayed. The status class does not: servers report
# final failures with 4.x.x.
ACTIONS: dict[str, Kind] = {
    "failed": "bounce",
    "failure": "bounce",
    "fail": "bounce",
    "delayed": "delay",
    "delay": "delay",
    "delivered": "delivered",
    "relayed": "delivered",
    "expanded": "delivered",
}
# Where there is no action, the class is all there is.
CLASSES: dict[str, Kind] = {"5": "bounce", "4": "delay", "2": "delivered"}

_RECIPIENT_FIELDS = {"final-recipient", "original-recipient", "action", "status"}


def _delivery_status(mail: OpenedMail) -> list[ReadReport]:
    groups = [
        group
        for part in mail.parts
        if media_type(part) in STATUS_TYPES
        for group in field_groups(text_of(part))
    ]
    about_mail: Fields = {}
    reports: list[ReadReport] = []
    for group in groups:
        if _RECIPIENT_FIELDS & group.keys():
            report = _about_recipient(group, about_mail, mail.message_id)
            reports += [report] if report else []
        else:
            about_mail |= group
    return reports


def _about_recipient(
    fields: Fields, about_mail: Fields, message_id: str
) -> ReadReport | None:
    status = enhanced_in(fields.get("status", ""))
    words = typed_value(fields.get("diagnostic-code", ""))[:4_000]
    reply_code = reply_code_in(words)
    kind, decided_by = _final_or_delayed(fields, status, reply_code)
    if kind is None:
        return None
    # The remote server's own code says more than its summary by the reporting one.
    said = enhanced_in(words)
    enhanced = said if said and (says_something(said) or not status) else status
    if kind == "delivered":
        reason, because = "", ""
    else:
        reason, because = classify(code=reply_code, enhanced=enhanced, words=words)
    return ReadReport(
        kind=kind,
        final_recipient=typed_address(
            fields.get("final-recipient") or fields.get("original-recipient", "")
        ),
        reason=reason,
        hard=kind == "bounce" and REASONS[reason].hard,
        enhanced_code=enhanced,
        reply_code=reply_code,
        diagnostic=words,
        remote_mta=typed_value(fields.get("remote-mta", ""))[:255],
        reporting_mta=typed_value(about_mail.get("reporting-mta", ""))[:255],
        original_message_id=message_id,
        evidence="; ".join(filter(None, [decided_by, because]))[:300],
    )


def _final_or_delayed(
    fields: Fields, status: str, reply_code: int | None
) -> tuple[Kind | None, str]:
    """Return the kind of report and the field that decided."""
    word = re.match(r"[A-Za-z]{0,20}", fields.get("action", ""))
    action = word[0].lower() if word else ""
    if kind := ACTIONS.get(action):
        return kind, f"Action: {action}"
    if kind := CLASSES.get(status[:1]):
        return kind, f"Status: {status}"
    if kind := CLASSES.get(str(reply_code or "")[:1]):
        return kind, f"Reply: {reply_code}"
    return None, ""


# --- Feedback reports, RFC 5965 ---------------------------------------------

FEEDBACK_TYPES: dict[str, Kind] = {
    "abuse": "complaint",
    "fraud": "complaint",
    "opt-out": "complaint",
    "opt-out-list": "complaint",
    "auth-failure": "auth_report",
}


def _feedback(mail: OpenedMail) -> list[ReadReport]:
    fields: Fields = {}
    for part in mail.parts:
        if media_type(part) == "message/feedback-report":
            for group in reversed(field_groups(text_of(part))):
                fields |= group
    if not fields:
        return []
    feedback = fields.get("feedback-type", "").lower()
    kind = FEEDBACK_TYPES.get(feedback, "other")
    return [
        ReadReport(
            kind=kind,
            final_recipient=typed_address(fields.get("original-rcpt-to", "")),
            reason="complaint" if kind == "complaint" else "",
            hard=kind == "complaint",
            reporting_mta=typed_value(fields.get("reporting-mta", ""))[:255],
            original_message_id=mail.message_id,
            evidence=f"Feedback-Type: {feedback or 'missing'}"[:300],
        )
    ]


# --- Automatic replies, RFC 3834 --------------------------------------------


def _auto_reply(mail: OpenedMail) -> list[ReadReport]:
    submitted = header(mail.top, "auto-submitted").lower()
    if not submitted.startswith("auto-replied"):
        return []
    return [
        ReadReport(
            kind="autoreply",
            original_message_id=mail.message_id,
            evidence="Auto-Submitted: auto-replied",
        )
    ]


Reader = Callable[[OpenedMail], list[ReadReport]]
# In this order: a bounce may also call itself an automatic reply.
_READERS: tuple[Reader, ...] = (_delivery_status, _feedback, _auto_reply)


# --- The mail that came back ------------------------------------------------

_MESSAGE_ID = re.compile(r"(<[^<>\s]{1,250}>)")


def _original_message_id(parts: list[Message]) -> str:
    """The Message-ID of the returned mail or of its returned headers."""
    for part in parts:
        if media_type(part) in RETURNED:
            for group in field_groups(text_of(part)[:50_000])[:1]:
                if found := _MESSAGE_ID.search(group.get("message-id", "")):
                    return found[1]
    return ""

"""Automatic replies, which say so in their header (RFC 3834) or their subject."""

from __future__ import annotations

from conversations.bounces.found import Found
from conversations.bounces.opened import OpenedMail
from conversations.bounces.tables.senders import AUTOREPLY_SUBJECTS
from conversations.bounces.texts import one_line

SHOWN = 2_000  # characters of it that are kept for the timeline

# Headers of older responders.
_HEADERS = (
    "x-autoreply",
    "x-autorespond",
    "x-auto-response",
    "x-vacation",
    "x-autoresponder",
)


def read(mail: OpenedMail) -> list[Found]:
    if mail.is_automatic:
        return [_found(mail, "Auto-Submitted: auto-replied")]
    if mail.subject.startswith(AUTOREPLY_SUBJECTS):
        return [_found(mail, "its subject")]
    for name in _HEADERS:
        if mail.top.fields.get(name, "no").lower() not in {"no", "false"}:
            return [_found(mail, f"its {name}")]
    if "vacation" in mail.top.fields.get("x-apple-action", "").lower():
        return [_found(mail, "its x-apple-action")]
    if "<>" in mail.top.fields.get("return-path", "") and mail.is_reply:
        return [_found(mail, "a reply with an empty return path")]
    precedence = mail.top.fields.get("precedence", "").lower()
    if precedence == "auto_reply":
        return [_found(mail, "Precedence: auto_reply")]
    return []


def _found(mail: OpenedMail, decided_by: str) -> Found:
    said = (mail.top.header("subject"), one_line(mail.notice[:SHOWN]))
    return Found(
        kind="autoreply",
        decided_by=decided_by,
        words=": ".join(filter(None, said))[:SHOWN],
    )

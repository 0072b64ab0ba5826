"""Automatic replies, which say so in their header (RFC 3834) or their subject."""

from __future__ import annotations

from conversations.bounces.found import Found
from conversations.bounces.opened import OpenedMail
from conversations.bounces.tables.senders import AUTOREPLY_SUBJECTS

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
        return [_found("Auto-Submitted: auto-replied")]
    if mail.subject.startswith(AUTOREPLY_SUBJECTS):
        return [_found("its subject")]
    for name in _HEADERS:
        if mail.top.fields.get(name, "no").lower() not in {"no", "false"}:
            return [_found(f"its {name}")]
    if "vacation" in mail.top.fields.get("x-apple-action", "").lower():
        return [_found("its x-apple-action")]
    if "<>" in mail.top.fields.get("return-path", "") and mail.is_reply:
        return [_found("a reply with an empty return path")]
    precedence = mail.top.fields.get("precedence", "").lower()
    if precedence == "auto_reply":
        return [_found("Precedence: auto_reply")]
    return []


def _found(decided_by: str) -> Found:
    return Found(kind="autoreply", decided_by=decided_by)

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
        return [_found("Auto-Submitted: auto-replied", mail)]
    if mail.subject.startswith(AUTOREPLY_SUBJECTS):
        return [_found("its subject", mail)]
    for name in _HEADERS:
        if mail.top.fields.get(name, "no").lower() not in {"no", "false"}:
            return [_found(f"its {name}", mail)]
    precedence = mail.top.fields.get("precedence", "").lower()
    if precedence == "auto_reply":
        return [_found("Precedence: auto_reply", mail)]
    return []


def _found(decided_by: str, mail: OpenedMail) -> Found:
    return Found(kind="autoreply", decided_by=decided_by)

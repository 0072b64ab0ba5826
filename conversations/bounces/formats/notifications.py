"""What Amazon SES says through SNS: JSON, in a mail of plain text or on its own.

{"Type": "Notification", "Message": "{\\"notificationType\\": \\"Bounce\\",
 \\"bounce\\": {\\"bouncedRecipients\\": [{\\"emailAddress\\": \\"nina@customer.test\\",
 \\"action\\": \\"failed\\", \\"status\\": \\"5.1.1\\", \\"diagnosticCode\\": \\"...\\"}]}}"}
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from conversations.bounces.classify import enhanced_in
from conversations.bounces.formats.rfc3464 import ACTIONS
from conversations.bounces.found import Found
from conversations.bounces.opened import OpenedMail
from conversations.bounces.parts import typed_value
from conversations.bounces.texts import one_line

_MARK = re.compile(r"notificationType|eventType", re.IGNORECASE)


def read(mail: OpenedMail) -> list[Found]:
    text = "\n".join(
        part.text for part in mail.parts if part.type in {"", "text/plain"}
    )
    start = text.find("{")
    if start < 0 or not _MARK.search(text):
        return []
    told = _parsed(text[start:])
    if isinstance(told.get("Message"), str):
        told = _parsed(told["Message"])
    about = str(told.get("notificationType") or told.get("eventType") or "")
    read = _READERS.get(about.lower())
    return read(told) if read else []


def _parsed(text: str) -> dict[str, Any]:
    try:
        told, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        # Lines of a mail were folded in the midst of a string.
        try:
            told, _ = json.JSONDecoder(strict=False).raw_decode(text.replace("\n", ""))
        except (ValueError, RecursionError):
            return {}
    return told if isinstance(told, dict) else {}


def _bounces(told: dict[str, Any]) -> list[Found]:
    bounce = _dict(told.get("bounce"))
    return [
        Found(
            kind=ACTIONS.get(_text(to, "action").lower(), "bounce"),
            decided_by=f"SNS: {_text(bounce, 'bounceType')} bounce"[:100],
            recipient=_text(to, "emailAddress")[:320].strip("<> "),
            words=typed_value(_text(to, "diagnosticCode"))[:4_000],
            more_words=_text(bounce, "bounceSubType")[:100],
            status=enhanced_in(_text(to, "status")),
            reporting_mta=typed_value(_text(bounce, "reportingMTA"))[:255],
        )
        for to in _list(bounce.get("bouncedRecipients"))
    ]


def _complaints(told: dict[str, Any]) -> list[Found]:
    complaint = _dict(told.get("complaint"))
    return [
        Found(
            kind="complaint",
            decided_by="SNS: complaint",
            recipient=_text(to, "emailAddress")[:320].strip("<> "),
        )
        for to in _list(complaint.get("complainedRecipients"))
    ]


def _deliveries(told: dict[str, Any]) -> list[Found]:
    delivery = _dict(told.get("delivery"))
    recipients = delivery.get("recipients")
    return [
        Found(
            kind="delivered", decided_by="SNS: delivery", recipient=one_line(to)[:320]
        )
        for to in (recipients if isinstance(recipients, list) else [])[:100]
        if isinstance(to, str)
    ]


_READERS: dict[str, Callable[[dict[str, Any]], list[Found]]] = {
    "bounce": _bounces,
    "complaint": _complaints,
    "delivery": _deliveries,
}


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[dict[str, Any]]:
    return [_dict(one) for one in value[:100]] if isinstance(value, list) else []


def _text(fields: dict[str, Any], name: str) -> str:
    return one_line(str(fields.get(name) or ""))

"""Complaints and what else comes as feedback (RFC 5965), and providers' own forms.

Feedback-Type: abuse
User-Agent: ProviderLoop/3.1
Original-Rcpt-To: <nina@customer.test>
"""

from __future__ import annotations

import re

from conversations.bounces.found import Found, Kind
from conversations.bounces.opened import ADDRESS, OpenedMail
from conversations.bounces.parts import Fields, field_groups, typed_address, typed_value
from conversations.bounces.texts import header_text

FEEDBACK_TYPES: dict[str, Kind] = {
    "abuse": "complaint",
    "complaint": "complaint",
    "fraud": "complaint",
    "virus": "complaint",
    "other": "complaint",
    "opt-out": "complaint",
    "opt-out-list": "complaint",
    "miscategorized": "complaint",
    "auth-failure": "auth_report",
    "dmarc": "auth_report",
}
# (what From ends with, what the subject begins with): a complaint without a report in it.
FORMS: tuple[tuple[str, str], ...] = (
    (
        "@hotmail.com",
        "complaint about message from",
    ),  # Outlook.com's junk mail reporting
    ("@outlook.com", "complaint about message from"),
    ("@apple.com", "email feedback report for"),
    ("@icloud.com", "email feedback report for"),
    ("", "email feedback report for ip"),
    ("", "abuse report from"),
    ("", "spam complaint"),
)
AUTH_SUBJECTS = (
    "dmarc failure report",
    "authentication failure report",
    "report domain:",
)

_RECIPIENTS = re.compile(
    r"^Original-Rcpt-To[ \t]{0,4}:(.{1,400})", re.MULTILINE | re.IGNORECASE
)
_FORM_RECIPIENT = re.compile(
    r"^(?:X-HmXmrOriginalRecipient|X-Original-Rcpt-To|Original-Rcpt-To|Removal-Recipient)"
    rf"[ \t]{{0,4}}:[ \t]*<?({ADDRESS})",
    re.MULTILINE | re.IGNORECASE,
)


def read(mail: OpenedMail) -> list[Found]:
    texts = [p.text for p in mail.parts if p.type == "message/feedback-report"]
    if (
        not texts
        and "feedback-report" in mail.top.fields.get("content-type", "").lower()
    ):
        texts = [mail.notice]
    fields: Fields = {}
    for group in (group for text in texts for group in reversed(field_groups(text))):
        fields |= group
    if not fields.keys() & {"feedback-type", "user-agent", "version"}:
        return _form(mail)
    feedback = fields.get("feedback-type", "").lower()
    kind = FEEDBACK_TYPES.get(feedback, "other")
    named = [
        typed_address(header_text(to)) for t in texts for to in _RECIPIENTS.findall(t)
    ]
    return [
        Found(
            kind=kind,
            decided_by=f"Feedback-Type: {feedback or 'missing'}",
            recipient=recipient,
            reporting_mta=typed_value(fields.get("reporting-mta", ""))[:255],
        )
        for recipient in dict.fromkeys(named[:100] or [""])
    ]


def _form(mail: OpenedMail) -> list[Found]:
    sender = mail.sender.rstrip("> ")
    for ends, begins in FORMS:
        if sender.endswith(ends) and mail.subject.startswith(begins):
            found = _FORM_RECIPIENT.search(mail.returned[:60_000])
            return [
                Found(
                    kind="complaint",
                    decided_by=f"subject “{begins}”",
                    recipient=found[1] if found else mail.returned_to,
                )
            ]
    if any(words in mail.subject for words in AUTH_SUBJECTS):
        return [Found(kind="auth_report", decided_by="subject of a DMARC report")]
    return []

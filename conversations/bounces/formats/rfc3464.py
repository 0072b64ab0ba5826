"""Delivery status notifications (RFC 3464, RFC 6533), whole or damaged.

Reporting-MTA: dns; relay.portal.test

Final-Recipient: rfc822; nina@customer.test
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 User unknown
"""

from __future__ import annotations

import re

from conversations.bounces.classify import enhanced_in, reply_code_in
from conversations.bounces.found import Found, Kind
from conversations.bounces.opened import STATUS_TYPES, OpenedMail
from conversations.bounces.parts import Fields, field_groups, typed_address, typed_value

# The action tells final from delayed. The status class does not: servers report
# final failures with 4.x.x.
ACTIONS: dict[str, Kind] = {
    "failed": "bounce",
    "failure": "bounce",
    "fail": "bounce",
    "delayed": "delay",
    "delay": "delay",
    "delivered": "delivered",
    "deliverable": "delivered",
    "relayed": "relayed",
    "expanded": "delivered",
}
# Where there is no action, the class is all there is.
CLASSES: dict[str, Kind] = {"5": "bounce", "4": "delay", "2": "delivered"}

_RECIPIENT = ("final-recipient", "original-recipient", "x-actual-recipient")
_ABOUT_RECIPIENT = {*_RECIPIENT, "action", "status"}
_DETAILS = {"action", "status", "diagnostic-code"}
_PLAUSIBLE = re.compile(
    r"(?:\"[^\"]{1,64}\"|[^\s\"|<>()/,;:@][^\s|<>()\",;:@]{0,319})@[^\s@|/<>()\",;:]{1,255}"
)
# In a text: the fields of a report that lost its parts.
_IN_TEXT = re.compile(
    r"^(?:final|original)-recipient[ \t]{0,4}:", re.MULTILINE | re.IGNORECASE
)
_ACTION_IN_TEXT = re.compile(
    r"^(?:action|status|diagnostic-code)[ \t]{0,4}:", re.MULTILINE | re.IGNORECASE
)


def read(mail: OpenedMail) -> list[Found]:
    groups = [
        group
        for part in mail.parts
        if part.type in STATUS_TYPES
        for group in field_groups(part.text)
    ]
    if not any(_ABOUT_RECIPIENT & group.keys() for group in groups):
        groups = _in_text(mail)
    about_mail: Fields = {}
    found: list[Found] = []
    for group in _joined(groups):
        if _ABOUT_RECIPIENT & group.keys():
            found += _about_recipient(group, about_mail)
        else:
            about_mail |= group
    return found


def _in_text(mail: OpenedMail) -> list[Fields]:
    """The groups of fields in the text of a report whose parts cannot be separated."""
    text = mail.notice
    if not (mail.is_report and _IN_TEXT.search(text) and _ACTION_IN_TEXT.search(text)):
        return []
    groups = []
    for group in field_groups(text):
        if group.keys() & {*_ABOUT_RECIPIENT, "reporting-mta", "diagnostic-code"}:
            groups.append(group)
    return groups


def _joined(groups: list[Fields]) -> list[Fields]:
    """Join groups that a stray blank line has separated."""
    joined: list[Fields] = []
    for group in groups:
        if joined and _are_one(joined[-1], group):
            joined[-1] = group | joined[-1]
        else:
            joined.append(group)
    return joined


def _are_one(first: Fields, second: Fields) -> bool:
    """Whether one of them names a recipient, and the other says what became of it."""
    naming = [any(name in group for name in _RECIPIENT) for group in (first, second)]
    return (
        naming[0] != naming[1]
        and bool(_DETAILS & (first.keys() if naming[1] else second.keys()))
        and not _DETAILS & first.keys() & second.keys()
    )


def _about_recipient(fields: Fields, about_mail: Fields) -> list[Found]:
    status = enhanced_in(fields.get("status", ""))
    words = typed_value(fields.get("diagnostic-code", ""))[:4_000]
    kind, decided_by = _final_or_delayed(fields, status, reply_code_in(words))
    if kind is None:
        return []
    return [
        Found(
            kind=kind,
            decided_by=decided_by,
            recipient=_address(fields),
            words=words,
            more_words=" ".join(
                (
                    fields.get("status", "")[5:],
                    fields.get("action", "")[6:],
                    # Of a program that only left a number
                    "unknown mailer error"
                    if words.isdigit() and not reply_code_in(words)
                    else "",
                )
            ),
            status=status,
            remote_mta=typed_value(fields.get("remote-mta", ""))[:255],
            reporting_mta=typed_value(about_mail.get("reporting-mta", ""))[:255],
            retry_until=fields.get("will-retry-until", "")[:100],
        )
    ]


def _address(fields: Fields) -> str:
    """The final recipient; another where that is a pipe or a file."""
    named = [typed_address(fields.get(name, "")) for name in _RECIPIENT]
    for address in named:
        if _PLAUSIBLE.fullmatch(address):
            return address
        # A route, as in <@relay:user@host> (RFC 5321, appendix C)
        if address.startswith("@") and _PLAUSIBLE.fullmatch(address.rpartition(":")[2]):
            return address.rpartition(":")[2]
    return next((a for a in named if a and not re.search(r"[|/\s]", a)), "")


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

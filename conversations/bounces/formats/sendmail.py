"""Sendmail, from version 5 on, and gateways that copy its headings.

   ----- The following addresses had permanent fatal errors -----
<nina@customer.test>
    (reason: 550 5.1.1 <nina@customer.test>... User unknown)

   ----- Transcript of session follows -----
... while talking to mx.customer.test.:
>>> RCPT To:<nina@customer.test>
<<< 550 5.1.1 <nina@customer.test>... User unknown
550 5.1.1 <nina@customer.test>... User unknown
"""

from __future__ import annotations

from conversations.bounces.formats.layout import Layout
from conversations.bounces.opened import ADDRESS

_LISTED = (
    "addresses had permanent fatal errors",
    "addresses had delivery problems",  # Biglobe, McAfee
    "addresses had delivery errors",  # a Japanese gateway
    "addresses have delivery notifications",
    "addresses had fatal errors",
    "addresses had permanent delivery errors",
    "message not delivered to the following addresses",  # phquery
    "following addresses had errors",
)
_DELAYED = (
    "addresses had transient non-fatal errors",
    "addresses had transient",
    "message delayed",
)
# `>>> real <shown>` of Active!hunter, and what Sendmail writes.
_ENTRY = rf"^[>\s]{{0,6}}[ \t]{{0,12}}[<\"]{{0,2}}(?P<address>{ADDRESS})[>\"]{{0,2}}(?=[ \t]*(?:$|[(<\[:]|\.\.\.))"

LAYOUTS = (
    Layout("Sendmail, delayed", "Sendmail", _DELAYED, entry=_ENTRY, kind="delay"),
    Layout(
        "Sendmail", "Sendmail, Active!hunter, McAfee, Biglobe", _LISTED, entry=_ENTRY
    ),
    Layout(
        "Sendmail, transcript",
        "Sendmail 5",
        ("transcript of session follows", "session transcript"),
        entry=rf"^[45]\d\d (?:[45]\.\d\.\d )?<?(?P<address>{ADDRESS})>?\.\.\.",
        words_before=True,
    ),
    Layout(
        "Sendmail, transcript",
        "Sendmail 5, InterScan",
        ("transcript of session follows", "sent <<<"),
        entry=rf"RCPT TO:[ \t]{{0,4}}<(?P<address>{ADDRESS})>",
    ),
)

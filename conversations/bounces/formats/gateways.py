"""Gateways, filters and small servers, each with a wording of its own.

Your message:
   From:    alice@acme.test
Could not be delivered because of

550 5.1.1 User unknown

The following recipients were affected:
    nina@customer.test
"""

from __future__ import annotations

from conversations.bounces.formats.layout import ALONE, NEXT, Layout
from conversations.bounces.opened import ADDRESS

LAYOUTS = (
    Layout("MailMarshal", "MailMarshal", ("the following recipients were affected:",), words_before=False),
    Layout(
        "Apache James",
        "James",
        ("message details:",),
        entry=rf"^\s{{0,8}}RCPT TO:[ \t]{{0,8}}<?(?P<address>{ADDRESS})",
    ),
    Layout("Mimecast", "Mimecast", ("an email you addressed to email address :",)),
    Layout(
        "rejected recipient",
        "a gateway",
        ("rejected recipient",),
        entry=NEXT,
        each=True,
    ),
    Layout(
        "Lotus Notes",
        "Notes",
        ("failure reasons",),
        entry=ALONE,
        until=("returned message",),
        words_before=True,
    ),
    Layout("Domino", "Domino", ("was not delivered to:", "wurde nicht zugestellt an:", "n'a pas été remis à")),
    Layout("SurfControl", "SurfControl", ("failed to send to identified host,", "addressed to:")),
    Layout("LSMTP", "LSMTP, LISTSERV", ("error-for:",), entry=NEXT, each=True),
    Layout(
        "Messaging Server",
        "Sun, Oracle, PMDF, Apple",
        ("cannot be delivered to the following recipients:",),
        entry=rf"Recipient address:[ \t]{{0,8}}(?P<address>{ADDRESS})",
    ),
    Layout(
        "Messaging Server, delayed",
        "Sun, Oracle, PMDF, Apple",
        ("is being delayed", "has been enqueued and undeliverable"),
        entry=rf"Recipient address:[ \t]{{0,8}}(?P<address>{ADDRESS})",
        kind="delay",
    ),
    Layout(
        "MAILsweeper, delayed",
        "MAILsweeper",
        ("delayed and is still awaiting delivery",),
        kind="delay",
    ),
    Layout("IMail", "IMail (SMTP32)", ("unknown user:", "unknown host:", "invalid final delivery userid:", "user mailbox exceeds allowed size:", "delivery userid not found:", "undeliverable to"), entry=NEXT, each=True),
    Layout(
        "IMail, given up",
        "IMail (SMTP32)",
        ("delivery failed",),
        entry=rf"(?:[ \t]\d{{1,4}} attempts)?\s{{0,3}}:\s{{0,3}}<?(?P<address>{ADDRESS})",
        words_before=True,
    ),
    Layout("Vade Secure", "EarthLink", ("returned an error:",), entry=rf"^\s{{0,8}}\*?\s{{0,4}}\[(?P<address>{ADDRESS})\]"),
    Layout("GroupWise", "GroupWise", ("undeliverable to the following",)),
    Layout("MDaemon", "MDaemon", ("did not receive a copy of",), entry=rf"^[>\s]{{0,6}}(?P<address>{ADDRESS})"),
    Layout("Smail", "Smail", ("failed addresses follow:",)),
    Layout(
        "fml",
        "fml",
        ("not a member of this mailing list", "not member of this mailing list"),
        entry=rf"[^<\n]{{0,40}}<(?P<address>{ADDRESS})>",
    ),
    Layout(
        "LLNL",
        "LLNL",
        ("your message was addressed,",),
        entry=NEXT,
    ),
)  # fmt: skip

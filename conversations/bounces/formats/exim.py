"""Exim and those that write like it: 1&1, GMX, MX Logic, Mail.Ru, Zoho.

This message was created automatically by mail delivery software.
A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  nina@customer.test
    (generated from sales@customer.test)
    host mx.customer.test [192.0.2.7]: 550 No such user here
"""

from __future__ import annotations

from conversations.bounces.formats.layout import LINE, NEXT, Layout
from conversations.bounces.opened import ADDRESS

_GENERATED = (
    rf"\(?(?:ultimately )?generated (?:from|by)[ \t]{{1,8}}<?(?P<address>{ADDRESS})"
)
_AFTER = (
    "address(es) failed:",
    "following address failed:",
    "following addresses failed:",
    "address(es)\nfailed:",
    "following address\nfailed:",
    "following\naddress failed:",
    "following\naddress(es) failed:",
    "message could not be delivered to one or more of its recipients. this is a permanent error.",
    "of its recipients. this is a permanent error.",
    "following address has failed:",
    "unable to deliver to the following address",
)
_DELAYED = (
    "has not yet been delivered to the following",
    "not yet been delivered is:",
    "not yet been delivered are:",
    "the address to which the message has not yet been delivered",
    "the following address(es) have not yet been delivered",
    "has not yet been delivered",
)

LAYOUTS = (
    Layout("Exim, delayed", "Exim", _DELAYED, kind="delay", until=("no action is required",)),
    Layout("Exim", "Exim, 1&1, GMX, MX Logic, Mail.Ru, Zoho", _AFTER),
    # A pipe or a file has failed, or the address is kept secret.
    Layout("Exim, by alias", "Exim", _AFTER, entry=_GENERATED),
    Layout(
        "Exim, malformed address",
        "Exim",
        ("recipient addresses that were\nincorrectly constructed:", "incorrectly constructed:"),
        entry=rf"^[ \t]{{1,8}}.{{0,200}}?<(?P<address>{ADDRESS})>: malformed",
        words_before=True,
    ),
    Layout(
        "Exim, malformed address",
        "Exim",
        ("incorrectly constructed:",),
    ),
    Layout(
        "Exim, rejected locally",
        "Exim, Mail.Ru",
        ("local mailbox", "the following error was given:"),
        entry=rf"(?:mailbox|recipient|user|address|to)?[ \t]<?(?P<address>{ADDRESS})>?",
        until=("------",),
    ),
    Layout("Zoho", "Zoho", ("[status: error, address:",), entry=NEXT, each=True),
    Layout("MX Logic", "MX Logic", ("created automatically by mail delivery software",), entry=LINE),
)  # fmt: skip

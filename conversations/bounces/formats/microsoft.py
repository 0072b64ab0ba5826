"""Exchange from 4.0 on, Microsoft's SMTP service, Outlook.com: without, or beside, a
delivery status.

    Your message did not reach some or all of the intended recipients.

    The following recipient(s) could not be reached:

          nina@customer.test on 4/29/2026 11:34 PM
                Recipient Not Found
"""

from __future__ import annotations

from conversations.bounces.formats.layout import LINE, Layout
from conversations.bounces.opened import ADDRESS

_X400 = rf"smtp=(?P<address>{ADDRESS})"

_LISTED = (
    "did not reach the following recipient(s):",
    "recipient(s) could not be reached:",
    "recipients could not be reached:",
    "recipient cannot be reached:",
    "recipient(s) cannot be reached:",
    "recipients cannot be reached:",
    "delivery to the following recipients failed",
    "delevery to the following recipients failed",
    "delivery to the following recipient failed",
    "delivery to the following recipients was aborted",
    "delevery to the following recipients was aborted",
    "delivery has failed to these recipients",
    "rejected your message to the following e-mail addresses",
    "rejected your message to the following email addresses",
    "couldn't be delivered to the following recipients",
    "konnte nicht an die folgenden empfänger",
    "fehler bei der nachrichtenzustellung an folgende empfänger",
    "échec de la remise pour ces destinataires",
    "no se pudo entregar el mensaje a estos destinatarios",
    "die folgenden empfänger konnten nicht erreicht werden",
)

LAYOUTS = (
    Layout(
        "Exchange, X.400",
        "Exchange 5.5",
        ("did not reach the following recipient(s):",),
        entry=_X400,
    ),
    Layout(
        "Exchange or Gmail, delayed",
        "Outlook.com, Gmail",
        (
            "delivery to the following recipients has been delayed",
            "delivery to the following recipient has been delayed",
            "delivery to these recipients or",
        ),
        kind="delay",
    ),
    Layout("Exchange or Gmail", "Exchange, Outlook.com, Gmail", _LISTED, entry=LINE),
    Layout(
        "Exchange, link",
        "Exchange 2007",
        _LISTED,
        entry=rf"<mailto:(?P<address>{ADDRESS})>",
    ),
    Layout(
        "Exchange, in the reason",
        "Exchange 2003",
        _LISTED,
        entry=rf"<(?P<address>{ADDRESS})>",
        until=("original message", "message headers"),
    ),
)

"""What the recipient's mail program shows above a mail."""

from __future__ import annotations

from channels.recipient_view import view_from
from conversations.models import Delivery
from deliveryportal.practice.reading import Letter

# A mail's HTML is shown without fetching anything: a picture from elsewhere would
# tell its server that, and when, the mail was opened.
FETCH_NOTHING = (
    '<meta http-equiv="Content-Security-Policy" '
    "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">"
)


def sender_as_shown(letter: Letter, delivery: Delivery | None) -> str:
    """Return From, with the "via" that mail programs are likely to add.

    Account mail has no delivery: it is the portal's own and comes via nobody.
    """
    if delivery is None:
        return f"{letter.from_name} <{letter.from_address}>".strip()
    # A connected account's address would stand in From already.
    return view_from(
        letter.from_name, letter.from_address, delivery.channel, account=""
    ).headline


def as_framed(html: str) -> str:
    """Return the document for a sandboxed frame's `srcdoc`, still to be escaped."""
    return FETCH_NOTHING + html

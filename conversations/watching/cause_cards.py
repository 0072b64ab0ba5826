"""What of a cause's card is HTML: hundreds of them would take a template too long."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import tzinfo
from typing import NamedTuple
from urllib.parse import urlencode

from django.utils.safestring import SafeString
from django.utils.timezone import get_current_timezone

from conversations.lists.markup import Html, as_html, moment
from conversations.watching.causes import Cause

BUTTON = '<a id="{}-{}" class="button {}" aria-label="{}: {}" href="{}">{}</a>\n'


class Card(NamedTuple):
    cause: Cause
    begun: SafeString
    buttons: SafeString


def cards_of(causes: Iterable[Cause], back: str = "") -> list[Card]:
    """A card for each, whose actions lead `back` when they are done or left."""
    zone = get_current_timezone()
    query = f"&{urlencode({'next': back})}" if back else ""
    return [Card(each, _begun(each, zone), _buttons(each, query)) for each in causes]


def _begun(cause: Cause, zone: tzinfo) -> SafeString:
    return as_html([moment(cause.since, zone)])


def _buttons(cause: Cause, back: str) -> SafeString:
    """What comes first and the actions; the first of them all is the primary button."""
    buttons = [(action.key, action.label, url + back) for action, url in cause.links]
    if cause.first:
        buttons.insert(0, ("first", *cause.first))
    return as_html(
        Html(
            BUTTON,
            (
                key,
                str(cause.place),
                "" if number else "button--primary",
                label,
                cause.title,
                url,
                label,
            ),
        )
        for number, (key, label, url) in enumerate(buttons)
    )

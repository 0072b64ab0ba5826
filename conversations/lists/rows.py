"""The rows of a list of deliveries as HTML.

For fifty rows, a template would take a third of the time of the whole page: it resolves
each name anew, and decides in each row which columns there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, tzinfo
from typing import NamedTuple

from django.db.models import Prefetch, prefetch_related_objects
from django.utils.dateformat import format as in_format
from django.utils.safestring import SafeString
from django.utils.timezone import get_current_timezone

from channels.models import Channel
from conversations.lists.markup import Html, as_html, at_most, moment
from conversations.models import Delivery, Suppression
from conversations.models.message import message_address
from conversations.models.state import SCHEDULED, State, Triage


class Here(NamedTuple):
    """What all rows of a page share and would be slow to look up for each."""

    zone: tzinfo
    address: str  # of a message's page, with {} for its uuid


MINUTE = "j M Y, H:i"
Cell = Callable[[Delivery, Here], Html]

BEGIN = """\
<tr>
<td class="cell-check"><input type="checkbox" id="pick-{}" name="delivery" \
value="{}" aria-label="Select the mail to {}" hx-preserve></td>
<td class="cell-main"><a id="d{}" href="{}">{}</a></td>
"""
END = Html("</tr>\n")


def rows_of(
    deliveries: Sequence[Delivery], columns: Iterable[str], *, waiting: bool
) -> SafeString:
    """A row for each, with these columns; if `waiting`, Reason is what it waits for."""
    table = WAITING_CELLS if waiting else CELLS
    cells = [_begin, *(table[key] for key in columns), _end]
    if _reason in cells:
        stopped = [each for each in deliveries if each.suppression_id]
        suppressions = Suppression.objects.only("uuid", "address")
        prefetch_related_objects(stopped, Prefetch("suppression", suppressions))
    if _waits_for in cells:
        channels = Channel.objects.only("kind", "paused_because")
        prefetch_related_objects(deliveries, Prefetch("channel", channels))
    here = Here(get_current_timezone(), message_address())
    return as_html([cell(delivery, here) for delivery in deliveries for cell in cells])


def _begin(delivery: Delivery, here: Here) -> Html:
    uuid, who, url = str(delivery.uuid), delivery.recipient, _url(delivery, here)
    return Html(BEGIN, (uuid, uuid, who, str(delivery.pk), url, who))


def _end(delivery: Delivery, here: Here) -> Html:
    return END


def _url(delivery: Delivery, here: Here) -> str:
    return here.address.format(delivery.message_uuid)  # type: ignore[attr-defined]


def _subject(delivery: Delivery, here: Here) -> Html:
    subject = at_most(90, delivery.subject or "(no subject)")
    return Html(
        '<td><a id="m{}" href="{}">{}</a></td>\n',
        (str(delivery.pk), _url(delivery, here), subject),
    )


def _member(delivery: Delivery, here: Here) -> Html:
    sender = delivery.sender_shown  # type: ignore[attr-defined]
    return Html('<td class="muted">{}</td>\n', (sender,))


def _channel(delivery: Delivery, here: Here) -> Html:
    return Html('<td class="small">{}</td>\n', (delivery.traits.label,))


def _identity(delivery: Delivery, here: Here) -> Html:
    return Html('<td class="small">{}</td>\n', (delivery.from_address,))


def _status(delivery: Delivery, here: Here) -> Html:
    words, tone = delivery.status
    badge = Html('<td><span class="badge badge--{}">{}</span>', (tone, words))
    if delivery.has_failed and delivery.triage != Triage.OPEN:
        decided = str(Triage(delivery.triage).label)
        badge += Html(' <span class="badge">{}</span>', (decided,))
    return badge + Html("</td>\n")


def _reason(delivery: Delivery, here: Here) -> Html:
    if not delivery.reason and not delivery.has_failed:
        return Html('<td class="small"></td>\n')
    why = delivery.why
    stopped_by = delivery.suppression if delivery.suppression_id else None
    title = why.title if why else "Reason not given"
    found = Html('<td class="small"><div>{}</div>', (title,))
    if stopped_by:
        found += Html(
            '<a href="{}">Why {} gets no mail</a>',
            (stopped_by.get_absolute_url(), str(stopped_by)),
        )
    if delivery.sent_again_as:  # type: ignore[attr-defined]
        found += Html("<div>Sent again since</div>")
    return found + _remote_words(delivery) + Html("</td>\n")


def _waits_for(delivery: Delivery, here: Here) -> Html:
    begin, end = Html('<td class="small">'), Html("</td>\n")
    return begin + _what_it_waits_for(delivery, here) + end


def _what_it_waits_for(delivery: Delivery, here: Here) -> Html:
    if delivery.state == State.DELAYED:
        since = _time(delivery.accepted_at, here, MINUTE)
        told = Html("<div>Their server is still trying since {}", (since,))
        if delivery.given_up_at:
            end = _time(delivery.given_up_at, here, MINUTE)
            told += Html(", until {} at the latest", (end,))
        return told + Html("</div>") + _remote_words(delivery)
    if delivery.channel.paused_because:
        return Html("Waits until {} is mended", (str(delivery.channel),))
    if not delivery.wait:
        return Html("Its turn")
    words, until = delivery.wait
    if until is None:
        return Html("{}", (words,))
    at = _time(until, here, "j M Y, H:i:s")
    if words != SCHEDULED:
        told = Html("{}, next try {}", (words, at))
        if delivery.given_up_at:
            end = _time(delivery.given_up_at, here, MINUTE)
            told += Html('<div class="muted">We try until {}</div>', (end,))
        return told
    if not delivery.is_scheduled:
        return Html("Can be undone until {}", (at,))
    return Html("{} for {}", (words, at))


def _date(delivery: Delivery, here: Here) -> Html:
    html, texts = moment(delivery.state_since, here.zone)
    return Html(f'<td class="cell-when">{html}</td>\n', texts)


def _remote_words(delivery: Delivery) -> Html:
    if not delivery.remote_words:
        return Html()
    words = at_most(120, delivery.remote_words)
    return Html('<div class="muted mono">{}</div>', (words,))


def _time(at: datetime | None, here: Here, how: str) -> str:
    return in_format(at.astimezone(here.zone), how) if at else ""


CELLS: dict[str, Cell] = {
    "subject": _subject,
    "member": _member,
    "channel": _channel,
    "identity": _identity,
    "status": _status,
    "reason": _reason,
    "date": _date,
}
WAITING_CELLS = CELLS | {"reason": _waits_for}

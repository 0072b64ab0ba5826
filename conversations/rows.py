"""The rows of a list as HTML.

Of fifty rows a template would make a third of a page's whole time: it looks each word up
anew, and asks in each row which columns there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, Prefetch, Subquery, prefetch_related_objects
from django.utils.dateformat import format as in_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from channels.models import Channel
from conversations.models import Delivery, Message, Suppression
from conversations.models.delivery import State, Triage
from deliveryportal.accounts.models import User

Cell = Callable[[Delivery], SafeString]

ROW = """\
<tr>
<td class="cell-check"><input type="checkbox" id="pick-{uuid}" name="delivery" \
value="{uuid}" aria-label="Select the mail to {recipient}" hx-preserve></td>
<td class="cell-main"><a id="d{pk}" href="{url}">{recipient}</a></td>
{cells}</tr>
"""


def rows_of(
    deliveries: Sequence[Delivery], columns: Iterable[str], *, waiting: bool
) -> SafeString:
    """A row for each, with these columns; of those `waiting`, what they wait for."""
    table = WAITING_CELLS if waiting else CELLS
    cells = [table[key] for key in columns]
    prefetch_related_objects(deliveries, *_related_to(cells))
    return format_html_join("", "{}", ((_row(each, cells),) for each in deliveries))


def _related_to(cells: list[Cell]) -> Iterable[Prefetch[Any]]:
    """What these cells show of other tables, to be fetched for all rows together.

    Joined, it would be read for all that match, before the few on the page are chosen.
    """
    # No EXISTS: PostgreSQL would rather read the resends of all messages once.
    resends = Message.objects.filter(resend_of=OuterRef("pk")).values("pk")
    messages = Message.objects.only("uuid").annotate(sent_again=Subquery(resends[:1]))
    yield Prefetch("message", messages)
    if _member in cells:
        yield Prefetch("sender", User.objects.only("email", "name"))
    if _reason in cells:
        yield Prefetch("suppression", Suppression.objects.only("uuid", "address"))
    if _waits_for in cells:
        yield Prefetch("channel", Channel.objects.only("kind", "paused_because"))


def _row(delivery: Delivery, cells: list[Cell]) -> SafeString:
    return format_html(
        ROW,
        uuid=delivery.uuid,
        pk=delivery.pk,
        url=delivery.message.get_absolute_url(),
        recipient=delivery.recipient,
        cells=format_html_join("\n", "{}", ((cell(delivery),) for cell in cells)),
    )


def _subject(delivery: Delivery) -> SafeString:
    return format_html(
        '<td><a id="m{}" href="{}">{}</a></td>',
        delivery.pk,
        delivery.message.get_absolute_url(),
        _at_most(90, delivery.subject or "(no subject)"),
    )


def _member(delivery: Delivery) -> SafeString:
    return format_html('<td class="muted">{}</td>', delivery.sender)


def _channel(delivery: Delivery) -> SafeString:
    return format_html('<td class="small">{}</td>', delivery.traits.label)


def _identity(delivery: Delivery) -> SafeString:
    return format_html('<td class="small">{}</td>', delivery.from_address)


def _status(delivery: Delivery) -> SafeString:
    words, tone = delivery.status
    badge = format_html('<span class="badge badge--{}">{}</span>', tone, words)
    if not delivery.has_failed or delivery.triage == Triage.OPEN:
        return format_html("<td>{}</td>", badge)
    decided = delivery.get_triage_display()
    return format_html('<td>{} <span class="badge">{}</span></td>', badge, decided)


def _reason(delivery: Delivery) -> SafeString:
    if not delivery.reason and not delivery.has_failed:
        return format_html('<td class="small">{}</td>', "")
    why, stopped_by = delivery.why, delivery.suppression
    return format_html(
        '<td class="small"><div>{}</div>{}{}{}</td>',
        why.title if why else "Reason not given",
        format_html(
            '<a href="{}">Why {} gets no mail</a>',
            stopped_by.get_absolute_url(),
            stopped_by,
        )
        if stopped_by
        else "",
        format_html("<div>{}</div>", "Sent again since")
        if delivery.message.sent_again  # type: ignore[attr-defined]
        else "",
        _remote_words(delivery),
    )


def _waits_for(delivery: Delivery) -> SafeString:
    return format_html('<td class="small">{}{}</td>', *_what_it_waits_for(delivery))


def _what_it_waits_for(delivery: Delivery) -> tuple[str, str]:
    if delivery.state == State.DELAYED:
        since = _time(delivery.accepted_at, "j M, H:i")
        told = format_html("<div>Their server is still trying since {}</div>", since)
        return told, _remote_words(delivery)
    if delivery.channel.paused_because:
        return f"Waits until {delivery.channel} is mended", ""
    if not delivery.wait:
        return "Its turn", ""
    words, until = delivery.wait
    if until is None:
        return words, ""
    joint = " for" if words == "Scheduled" else ", next try"
    return words, f"{joint} {_time(until, 'j M, H:i:s')}"


def _date(delivery: Delivery) -> SafeString:
    at = delivery.state_since
    here = localtime(at)
    return format_html(
        '<td class="cell-when"><time datetime="{}">{} {}</time></td>',
        at.isoformat(),
        here.day,
        f"{here:%b %Y, %H:%M}",  # four times as quick as Django's own format
    )


def _remote_words(delivery: Delivery) -> str:
    if not delivery.remote_words:
        return ""
    words = _at_most(120, delivery.remote_words)
    return format_html('<div class="muted mono">{}</div>', words)


def _at_most(letters: int, text: str) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1]}…"


def _time(at: datetime | None, how: str) -> str:
    return in_format(localtime(at), how) if at else ""


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

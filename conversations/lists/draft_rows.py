"""The rows of Pending › Drafts as HTML."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import tzinfo

from django.utils.safestring import SafeString
from django.utils.timezone import get_current_timezone

from conversations.lists.columns import Column
from conversations.lists.markup import Html, as_html, at_most, moment
from conversations.models import Draft

# The person comes first, as in every list.
COLUMNS = (
    Column("subject", "Subject", frozenset()),
    Column("text", "Text", frozenset()),
    Column("date", "Saved", frozenset()),
)
PICK = """\
<td class="cell-check"><input type="checkbox" id="pick-{}" name="draft" value="{}" \
aria-label="Select the draft {}" hx-preserve></td>
"""
CELLS = """\
<td class="cell-main"><a id="d{}" href="{}"><bdi>{}</bdi></a></td>
<td><a id="m{}" href="{}"><bdi>{}</bdi></a></td>
<td class="muted"><bdi>{}</bdi></td>
"""


def draft_rows_of(drafts: Iterable[Draft], *, to_pick: bool = False) -> SafeString:
    """A row for each draft, read by `DraftQuerySet.for_list`."""
    zone = get_current_timezone()
    return as_html(_row(draft, zone, to_pick=to_pick) for draft in drafts)


def _row(draft: Draft, zone: tzinfo, *, to_pick: bool) -> Html:
    uuid, key, url = str(draft.uuid), str(draft.pk), draft.get_absolute_url()
    subject = at_most(90, draft.subject_begins.strip()) or "(no subject)"  # type: ignore[attr-defined]
    text = at_most(90, draft.body_begins)  # type: ignore[attr-defined]
    saved, at = moment(draft.saved_at, zone)
    pick = Html(PICK, (uuid, uuid, subject)) if to_pick else Html()
    cells = Html(CELLS, (key, url, _recipients(draft), key, url, subject, text))
    when = Html(f'<td class="cell-when">{saved}</td>\n', at)
    return Html("<tr>\n") + pick + cells + when + Html("</tr>\n")


def _recipients(draft: Draft) -> str:
    """The recipients, in a short line."""
    to, people = draft.to_begins.strip(), draft.people_begins.strip()  # type: ignore[attr-defined]
    return at_most(60, to) or ("a list of people" if people else "(nobody yet)")

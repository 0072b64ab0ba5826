"""What the audit log is told of an action, in the words its readers know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.http import QueryDict

from channels.models import Channel
from conversations.lists.browsing import Browsing
from conversations.lists.filtering import CRITERIA, PERIODS, Known
from conversations.models import BulkJob
from conversations.models.state import Triage
from conversations.triage.deciding import NOBODY, SENDER
from deliveryportal.accounts.models import User

IN_WORDS = {NOBODY: "nobody", SENDER: "whoever wrote it"}
NAMED = 10  # recipients that one entry names


def about(job: BulkJob) -> str:
    """The recipients that the job is about, or its list, in words."""
    if job.gather_until:
        return _everything(job.by, QueryDict(job.query))
    named = ", ".join(job.items.values_list("recipient", flat=True)[:NAMED])
    more = job.total - NAMED
    return f"{named} and {more:,} more" if more > 0 else named


def _everything(user: User, query: QueryDict) -> str:
    browsing = Browsing.of(user, query.get("tab", "failed"), query)
    if browsing is None:
        return ""
    return f"Everything in {list_in_words(browsing)}"


def list_in_words(browsing: Browsing) -> str:
    """The list and its filters, in words."""
    known = browsing.filter.known
    narrowed = [_chosen(*each, known) for each in browsing.filter.values.items()]
    where = f"{browsing.folder.label} › {browsing.listing.label}"
    return ", ".join([where, *narrowed])


def _chosen(key: str, value: str, known: Known) -> str:
    if key in CRITERIA:
        return CRITERIA[key].words(value, known)
    return PERIODS[value][0] if key == "when" and value in PERIODS else value


def _person(pk: str | int) -> str:
    if pk in IN_WORDS:
        return IN_WORDS[str(pk)]
    return str(User.objects.filter(pk=pk).first() or "somebody who is gone")


def _channel(uuid: str) -> str:
    channel = Channel.objects.filter(uuid=uuid).first()
    return f"{channel}, {channel.known_as}" if channel else "one that is gone"


# For each option of an order: its name, and its value in words.
OPTIONS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "decision": ("decision", lambda value: str(Triage(value).label)),
    "owner": ("looked after by", _person),
    "note": ("note", str),
    "channel": ("through", _channel),
    "wrong": ("wrong domain", str),
    "domain": ("right domain", str),
    "addresses": ("sent to", lambda found: ", ".join(found.values())),
    "anyway": ("even if it is the second time", lambda _: "yes"),
}


def filled_in(options: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for key, value in options.items():
        name, words = OPTIONS.get(key, (key, str))
        if value:
            found[name] = words(value)
    return found

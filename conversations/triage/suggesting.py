"""What the right address may be: suggestions for a person to judge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from conversations.models import Delivery, Report
from conversations.models.delivery import State

# Where most people have their mailbox, so where most slips of the pen were meant to go.
PROVIDERS = (
    "gmail.com",
    "googlemail.com",
    "outlook.com",
    "hotmail.com",
    "live.com",
    "yahoo.com",
    "icloud.com",
    "me.com",
    "aol.com",
    "proton.me",
    "protonmail.com",
    "gmx.de",
    "gmx.net",
    "web.de",
    "t-online.de",
    "orange.fr",
    "yahoo.co.uk",
    "comcast.net",
)
LATELY = 5_000  # the team's last mails that arrived, by which domains are known
ALIKE = 0.8
AT_MOST = 6


@dataclass(frozen=True, slots=True)
class Suggestion:
    address: str
    why: str
    # Of the same person; who else is there is only named, never filled in.
    likely: bool = True


def suggestions(delivery: Delivery) -> list[Suggestion]:
    """Addresses that may have been meant, the likeliest first, each once."""
    arrived = addresses_that_worked(delivery.team_id)
    seen = {delivery.recipient.casefold()}
    found = []
    for each in (
        *_of_the_conversation(delivery),
        *_by_spelling(delivery.recipient, arrived),
        *_at_the_domain(delivery.recipient, arrived),
    ):
        if each.address.casefold() not in seen:
            seen.add(each.address.casefold())
            found.append(each)
    return found[:AT_MOST]


def addresses_that_worked(team_id: int) -> list[str]:
    return list(
        Delivery.objects.filter(team=team_id, state=State.ACCEPTED)
        .order_by("-state_since")
        .values_list("recipient", flat=True)[:LATELY]
    )


def _of_the_conversation(delivery: Delivery) -> Iterator[Suggestion]:
    """Where else mail of this conversation went, or was forwarded to."""
    conversation = delivery.message.conversation_id
    others = Delivery.objects.filter(
        message__resend_of__conversation=conversation
    ) | Delivery.objects.filter(message__conversation=conversation)
    for address in others.values_list("recipient", flat=True).distinct()[:AT_MOST]:
        yield Suggestion(address, "used in this conversation")
    named = Report.objects.filter(delivery__message__conversation=conversation)
    for address in named.values_list("final_recipient", flat=True).distinct()[:AT_MOST]:
        if "@" in address:
            yield Suggestion(address, "named in a report about this conversation")


def _by_spelling(recipient: str, arrived: Iterable[str]) -> Iterator[Suggestion]:
    name, _, domain = recipient.rpartition("@")
    for known in spellings(domain, arrived):
        yield Suggestion(f"{name}@{known}", "the domain’s likely spelling")


def spellings(domain: str, arrived: Iterable[str]) -> list[str]:
    """Known domains that are written almost like this one, unless it is one itself."""
    domain = domain.casefold()
    known = dict.fromkeys((*map(_domain, arrived), *PROVIDERS))
    if domain in known:
        return []
    return get_close_matches(domain, known, n=2, cutoff=ALIKE)


def _at_the_domain(recipient: str, arrived: Iterable[str]) -> Iterator[Suggestion]:
    """Other people there that the team wrote to, those with a like name first."""
    domain = _domain(recipient)
    people = list(dict.fromkeys(each for each in arrived if _domain(each) == domain))
    alike = get_close_matches(recipient, people, n=2, cutoff=ALIKE)
    for address in (*alike, *(each for each in people if each not in alike)):
        yield Suggestion(
            address, f"your team’s mail arrived there, at {domain}", likely=False
        )


def _domain(address: str) -> str:
    return address.rpartition("@")[2].casefold()

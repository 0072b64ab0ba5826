"""Suggestions of what the right address may be, for a person to judge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from conversations.lists.folders import DELIVERED, HANDED_OVER
from conversations.lists.paging import Part
from conversations.models import Delivery, Report
from deliveryportal.accounts.models import User

# Where most people have their mailbox, so probably what a misspelt domain was to be.
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
# Why an address at the same domain is suggested; untracked mail never “arrived”.
ARRIVED = "{whose} mail arrived there, at {domain}"
TAKEN = "{whose} mail for it was handed over, not tracked"
LATELY = 5_000  # how many of the latest accepted mails known addresses are taken from
ALIKE = 0.8
AT_MOST = 6


@dataclass(frozen=True, slots=True)
class Suggestion:
    address: str
    why: str
    # Probably the same person. Other people at the domain are listed, not filled in.
    likely: bool = True


@dataclass(frozen=True, slots=True)
class Reached:
    """Addresses whose servers took mail that the user may see, the newest first."""

    whose: str
    arrived: list[str]
    handed_over: list[str]  # by channels that record no bounces

    @classmethod
    def by(cls, user: User) -> Reached:
        visible = Delivery.objects.visible_to(user)
        arrived, handed_over = (
            Part(
                visible.filter(stream.condition),
                stream.spans and stream.spans.seen_by(user),
            )
            .ordered(None, down=True)
            .values_list("recipient", flat=True)[:LATELY]
            for stream in (DELIVERED, HANDED_OVER)
        )
        whose = "your team’s" if user.is_manager else "your"
        return cls(whose, list(arrived), list(handed_over))

    @property
    def addresses(self) -> list[str]:
        return [*self.arrived, *self.handed_over]

    def at(self, domain: str) -> dict[str, str]:
        """The addresses at the domain, each with the words on what is known of it."""
        arrived, taken = (
            words.format(whose=self.whose, domain=domain) for words in (ARRIVED, TAKEN)
        )
        known = dict.fromkeys(self.arrived, arrived)
        for address in self.handed_over:
            known.setdefault(address, taken)
        return {each: why for each, why in known.items() if _domain(each) == domain}


def suggestions(delivery: Delivery, reached: Reached) -> list[Suggestion]:
    """Addresses that may have been meant, the likeliest first, each once."""
    seen = {delivery.recipient.casefold()}
    found = []
    for each in (
        *_of_the_conversation(delivery),
        *_by_spelling(delivery.recipient, reached.addresses),
        *_at_the_domain(delivery.recipient, reached),
    ):
        if each.address.casefold() not in seen:
            seen.add(each.address.casefold())
            found.append(each)
    return found[:AT_MOST]


def _of_the_conversation(delivery: Delivery) -> Iterator[Suggestion]:
    """Other addresses that mail of this conversation went or was forwarded to."""
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


def _by_spelling(recipient: str, reached: Iterable[str]) -> Iterator[Suggestion]:
    name, _, domain = recipient.rpartition("@")
    for known in spellings(domain, reached):
        yield Suggestion(f"{name}@{known}", "the domain’s likely spelling")


def spellings(domain: str, reached: Iterable[str]) -> list[str]:
    """Known domains spelt almost like this one; none if this one is known itself."""
    domain = domain.casefold()
    known = dict.fromkeys((*map(_domain, reached), *PROVIDERS))
    if domain in known:
        return []
    return get_close_matches(domain, known, n=2, cutoff=ALIKE)


def _at_the_domain(recipient: str, reached: Reached) -> Iterator[Suggestion]:
    """Other addresses at the domain that took mail, those spelt alike first."""
    people = reached.at(_domain(recipient))
    alike = get_close_matches(recipient, people, n=2, cutoff=ALIKE)
    for address in (*alike, *(each for each in people if each not in alike)):
        yield Suggestion(address, people[address], likely=False)


def _domain(address: str) -> str:
    return address.rpartition("@")[2].casefold()

"""What would become of the mail in a form, asked while it is still being written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from django.conf import settings
from django.utils.timezone import now

from channels.addresses import Address, readable_addresses
from channels.describing import Fact, describe_view
from channels.models import EmailIdentity
from channels.recipient_view import view_of
from channels.routing import channel_for
from conversations.forms import MAX_PEOPLE, MAX_RECIPIENTS, ComposeForm
from conversations.models import Hold, Suppression
from conversations.sending.withholding import stopped_among
from conversations.writing.merging import readable_people
from deliveryportal.accounts.models import User

NAMED = 10  # of those who will not get it, with the reason; the others by address only


@dataclass(frozen=True)
class Stopped:
    """Who will not get the mail, and what stops it; `reached` is how many will."""

    people: Sequence[tuple[Address, Suppression]]
    reached: int

    @property
    def named(self) -> Sequence[tuple[Address, Suppression]]:
        return self.people[:NAMED]

    @property
    def others(self) -> list[Address]:
        return [address for address, _ in self.people[NAMED:]]

    @property
    def told_of(self) -> str:
        """The suppressions the page shows, which its form sends back: one field for all.

        So nobody is asked about the same one twice.
        """
        return " ".join(dict.fromkeys(str(each.uuid) for _, each in self.people))


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What the writer is told before sending."""

    seen_as: Sequence[tuple[EmailIdentity, list[Fact]]]  # the chosen identity first
    stopped: Stopped
    holds: Sequence[Hold]

    @property
    def chosen(self) -> tuple[EmailIdentity, list[Fact]] | None:
        return self.seen_as[0] if self.seen_as else None

    @property
    def others(self) -> Sequence[tuple[EmailIdentity, list[Fact]]]:
        return self.seen_as[1:]


def foresee(form: ComposeForm) -> Foreseen:
    """What its recipients see, who will not get it, and what it would wait for."""
    user, everybody = form.user, everybody_named(form)
    seen_as = _as_each_identity(user, str(form["identity"].value() or ""))
    return Foreseen(
        seen_as,
        _who_is_stopped(user, everybody),
        _what_holds_it(user, everybody, seen_as[0][0]) if seen_as else [],
    )


def everybody_named(form: ComposeForm) -> list[Address]:
    """Every address that can be read in the form, however unfinished it is."""
    typed = [
        address
        for name in ("to", "cc", "bcc")
        for address in readable_addresses(str(form[name].value() or ""))
    ]
    listed = readable_people(str(form["people"].value() or ""))
    return [
        *typed[:MAX_RECIPIENTS],
        *(each.address for each in islice(listed, MAX_PEOPLE)),
    ]


def _who_is_stopped(user: User, everybody: Sequence[Address]) -> Stopped:
    stopped = stopped_among(everybody, user.team_id)
    number = len({address.wire.casefold() for address in everybody})
    return Stopped(stopped, reached=number - len(stopped))


def _what_holds_it(
    user: User, everybody: Sequence[Address], identity: EmailIdentity
) -> list[Hold]:
    """The pauses it would wait for, if it were sent as it stands in the form."""
    holds = list(Hold.objects.in_force(now()).by_admins().over_writer(user))
    if not holds:
        return []
    channel = channel_for(identity)
    domains = {each.wire.rpartition("@")[2].casefold() for each in everybody}
    return [
        each
        for each in holds
        if each.channel_id in {None, channel.pk} and each.domain in {"", *domains}
    ]


def _as_each_identity(
    user: User, picked: str
) -> list[tuple[EmailIdentity, list[Fact]]]:
    """What a recipient sees of each identity: first the one in the form, or the default."""
    seen = [
        (identity, _facts(identity))
        for identity in EmailIdentity.objects.of(user).select_related(
            "channel", "owner"
        )
    ]
    return sorted(seen, key=lambda each: str(each[0].pk) != picked)


def _facts(identity: EmailIdentity) -> list[Fact]:
    channel = channel_for(identity)
    return [
        Fact("Delivery channel", str(channel)),
        *describe_view(view_of(identity, channel), settings.PORTAL_DOMAIN),
    ]

"""What would become of a mail as it stands in the form: asked while it is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.timezone import now
from django.views.decorators.http import require_POST

from channels.addresses import Address, readable_addresses
from channels.choosing import what_the_recipient_sees
from channels.describing import Fact, describe_view
from channels.models import EmailIdentity
from channels.routing import channel_for
from conversations.forms import MAX_PEOPLE, MAX_RECIPIENTS, ComposeForm
from conversations.models import Hold, Suppression
from conversations.sending.withholding import stopped_among
from conversations.writing.merging import readable_people
from deliveryportal.accounts.access import UserRequest
from deliveryportal.accounts.models import User

NAMED = 10  # people whom it will not reach, with the reason; the others by address


@require_POST
def seen(request: UserRequest) -> HttpResponse:
    """Posted, although it changes nothing: a list of people fits into no address."""
    form = ComposeForm(request.user, initial=request.POST.dict())
    context = {"form": form, "live": True, **foreseen(request.user, form)}
    return render(request, "conversations/_seen.html", context)


@dataclass(frozen=True)
class Stopped:
    """Those whom the mail will not reach, each with what stops it; and how many it will."""

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
        """What the form repeats, so that nobody is told twice: one field of any number."""
        return " ".join(dict.fromkeys(str(each.uuid) for _, each in self.people))


def foreseen(user: User, form: ComposeForm) -> dict[str, Any]:
    """What its recipients see, whom it will not reach, and what it would wait for."""
    identities = _as_each_identity(user, str(form["identity"].value() or ""))
    chosen = identities[0] if identities else None
    everybody = everybody_named(form)
    return {
        "chosen": chosen,
        "others": identities[1:],
        "stopped": _who_is_stopped(user, everybody),
        "holds": _what_holds_it(user, everybody, chosen[0]) if chosen else [],
    }


def everybody_named(form: ComposeForm) -> list[Address]:
    """All who can be read in the form, however unfinished it is."""
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
    """The pauses that mail would wait for, if it were sent as it stands in the form."""
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
    """What a recipient sees of each identity: the one in the form first, else the default."""
    seen = [
        (identity, _facts(identity))
        for identity in EmailIdentity.objects.of(user).select_related(
            "channel", "owner"
        )
    ]
    return sorted(seen, key=lambda each: str(each[0].pk) != picked)


def _facts(identity: EmailIdentity) -> list[Fact]:
    channel = channel_for(identity)
    view = what_the_recipient_sees(
        display_name=identity.display_name,
        address=identity.address,
        traits=channel.traits,
        portal_domain=settings.PORTAL_DOMAIN,
        account=channel.address,
    )
    return [
        Fact("Delivery channel", str(channel)),
        *describe_view(view, settings.PORTAL_DOMAIN),
    ]

from __future__ import annotations

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from channels.choosing import choose, what_the_recipient_sees
from channels.describing import Fact, cards, describe_view
from channels.models import Channel, EmailIdentity
from channels.transports import all_transports
from deliveryportal.accounts.access import UserRequest
from deliveryportal.accounts.models import User


@require_safe
def channel(request: UserRequest) -> HttpResponse:
    """The kinds of channel, the one in use, and what a recipient sees of it."""
    in_use = choose(
        identity=None,
        user=Channel.objects.picked_by(request.user),
        default=Channel.objects.default(),
    )
    return render(
        request,
        "settings/channel.html",
        {
            "cards": cards(
                all_transports(), in_use=in_use, portal_domain=settings.PORTAL_DOMAIN
            ),
            "recipient_sees": _recipient_sees(request.user, in_use),
        },
    )


def _recipient_sees(user: User, picked: Channel) -> list[Fact]:
    identity = (
        EmailIdentity.objects.of(user)
        .select_related("channel")
        .filter(is_default=True)
        .first()
    )
    if identity is None:
        return []
    taken = choose(identity=identity.channel, user=picked, default=picked)
    view = what_the_recipient_sees(
        display_name=identity.display_name,
        address=identity.address,
        traits=taken.traits,
        portal_domain=settings.PORTAL_DOMAIN,
    )
    return describe_view(view, settings.PORTAL_DOMAIN)

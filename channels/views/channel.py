from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from channels.describing import cards, compare
from channels.disconnecting import disconnect, number_waiting
from channels.models import Channel, EmailIdentity, SendingLimit
from channels.picking import after_picking, pick
from channels.routing import channel_in_use
from channels.standing import standing_of
from channels.transports import all_transports
from channels.whole_numbers import whole_number
from deliveryportal.accounts.access import UserRequest

# The session's name for the channel that was in use before the last change.
BEFORE = "channel_before"


@require_safe
def channel(request: UserRequest) -> HttpResponse:
    """The kinds of channel, the one in use, and what a recipient sees of each.

    `?identity=` compares for another identity than the default one.
    """
    in_use = channel_in_use(request.user)
    usable = Channel.objects.usable_by(request.user)
    shown = cards(
        all_transports(),
        usable=usable,
        in_use=in_use,
        is_manager=request.user.is_manager,
        settings=settings,
        portal_domain=settings.PORTAL_DOMAIN,
        team_paces=SendingLimit.objects.paces(request.user.team_id),
        standings={each: standing_of(each, request.user) for each in usable},
    )
    identities = list(EmailIdentity.objects.of(request.user))
    asked = request.GET.get("identity")
    identity = next(
        (each for each in identities if str(each.uuid) == asked),
        identities[0] if identities else None,
    )
    return render(
        request,
        "settings/channel.html",
        {
            "cards": shown,
            "identities": identities,
            "identity": identity,
            "comparisons": compare(identity, shown, settings.PORTAL_DOMAIN)
            if identity
            else [],
            "before": usable.exclude(pk=in_use.pk)
            .filter(uuid=request.session[BEFORE])
            .first()
            if BEFORE in request.session
            else None,
        },
    )


@require_POST
def choose(request: UserRequest, uuid: UUID) -> HttpResponse:
    """Let the user's mail leave by this channel; the one before can be had back."""
    picked = get_object_or_404(Channel.objects.usable_by(request.user), uuid=uuid)
    before = channel_in_use(request.user)
    pick(request.user, picked)
    if before != picked:
        request.session[BEFORE] = str(before.uuid)
    messages.success(request, after_picking(request.user, picked))
    return redirect("settings:channel")


@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: UserRequest, uuid: UUID) -> HttpResponse:
    """Disconnect a channel, once it has been said what that means."""
    found = get_object_or_404(Channel.objects.kept_by(request.user), uuid=uuid)
    waiting = number_waiting(found)
    told = whole_number(request.POST.get("accepted", ""), otherwise=0)
    if request.method == "POST" and waiting > told:
        messages.warning(request, f"{found} is not disconnected: read on.")
    if request.method != "POST" or waiting > told:
        return render(
            request,
            "settings/disconnect.html",
            {"channel": found, "waiting": waiting},
        )
    label = str(found)
    disconnect(found, by=request.user)
    messages.success(request, f"{label} is disconnected.")
    return redirect("settings:channel")

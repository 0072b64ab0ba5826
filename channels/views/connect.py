from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.cache import patch_vary_headers
from django.utils.timezone import now
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from channels.announcing import announce
from channels.connecting import after_connecting, for_the_team, mends
from channels.connection_testing import NotTestedError, begin_test, keep_tested
from channels.models import Channel, ConnectionTest
from channels.secrets import SecretUnreadableError
from channels.settings_form import ChannelSettingsForm
from channels.tasks import run_connection_test
from channels.transports import Preset, Scope, Transport, all_transports
from deliveryportal.accounts.access import UserRequest
from deliveryportal.accounts.models import Team

# How long the form begins with what was tried last.
REMEMBERED = timedelta(minutes=15)


@require_http_methods(["GET", "HEAD", "POST"])
def connect(request: UserRequest, kind: str) -> HttpResponse:
    """Ask for a channel's settings and test them. `?team=1` is the team's channel."""
    transport = all_transports().get(kind)
    if transport is None or not transport.settings_asked:
        raise Http404("There is no such channel to set up.")
    team = _team(request, transport)
    stored = _stored(request, kind, team)
    preset = _preset(request, transport)
    form = ChannelSettingsForm(
        transport,
        request.POST if request.method == "POST" else None,
        config=stored.config if stored else {},
        credentials=_readable(stored.credentials) if stored else {},
        initial=preset.values if preset else None,
    )
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            test = begin_test(
                user=request.user,
                team=team,
                kind=kind,
                config=form.config,
                credentials=form.credentials,
            )
            transaction.on_commit(lambda: announce(run_connection_test, test.pk))
        return redirect("settings:test", uuid=test.uuid)
    return render(
        request,
        "settings/connect.html",
        {
            "form": form,
            "kind": kind,
            "transport": transport,
            "team": team,
            "for_the_team": for_the_team(transport.traits),
            "preset": preset,
            "stored": stored,
        },
    )


def _team(request: UserRequest, transport: type[Transport]) -> Team | None:
    if request.GET.get("team") != "1":
        return None
    if transport.traits.scope is not Scope.PERSON_OR_TEAM:
        raise Http404("A team cannot have such a channel.")
    if not request.user.is_manager:
        raise PermissionDenied("Only managers keep the team’s channel.")
    return request.user.team


def _stored(
    request: UserRequest, kind: str, team: Team | None
) -> ConnectionTest | Channel | None:
    """What the form starts with: the settings just tried, else those in use."""
    tried = (
        ConnectionTest.objects.of(request.user)
        .filter(kind=kind, team=team, created_at__gt=now() - REMEMBERED)
        .first()
    )
    owner = {"team": team} if team else {"owner": request.user}
    return tried or Channel.objects.connected().filter(kind=kind, **owner).first()


def _readable(credentials: Mapping[str, str]) -> Mapping[str, str]:
    """Nothing, where their key is lost: they have to be given again."""
    try:
        return dict(credentials)
    except SecretUnreadableError:
        return {}


def _preset(request: UserRequest, transport: type[Transport]) -> Preset | None:
    asked = request.GET.get("preset", "")
    return next((each for each in transport.presets if each.label == asked), None)


@require_safe
def test(request: UserRequest, uuid: UUID) -> HttpResponse:
    """The steps of a connection test as they are made."""
    found = get_object_or_404(ConnectionTest.objects.of(request.user), uuid=uuid)
    response = render(
        request,
        "settings/_steps.html" if request.htmx else "settings/test.html",
        {"test": found},
    )
    patch_vary_headers(response, ["HX-Request"])
    return response


@require_POST
def keep(request: UserRequest, uuid: UUID) -> HttpResponse:
    """Save what has passed its test."""
    found = get_object_or_404(ConnectionTest.objects.of(request.user), uuid=uuid)
    if found.team_id and not request.user.is_manager:
        raise PermissionDenied("Only managers keep the team’s channel.")
    mended = mends(found.kind, user=request.user, team=found.team)
    try:
        channel = keep_tested(found)
    except NotTestedError:
        messages.error(request, "Nothing was saved: its test has not passed.")
        return redirect("settings:test", uuid=uuid)
    follows = after_connecting(channel, user=request.user, mended=mended)
    messages.success(request, f"{channel} is connected. {follows}")
    return redirect("settings:channel")

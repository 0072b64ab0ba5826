from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_POST

from deliveryportal.accounts import inviting, renaming
from deliveryportal.accounts.access import UserRequest, manager_required
from deliveryportal.accounts.forms import InviteForm, RenameTeamForm
from deliveryportal.accounts.inviting import invite_by_mail
from deliveryportal.accounts.models import Invitation, User


@require_http_methods(["GET", "HEAD", "POST"])
def team(request: UserRequest) -> HttpResponse:
    """Who is in the team; a manager also invites from here, and renames it."""
    if request.method == "POST":
        return _invite(request)
    return _page(request)


@manager_required
def _invite(request: UserRequest) -> HttpResponse:
    form = InviteForm(request.POST)
    if not form.is_valid():
        return _page(request, form=form)
    # Answered with the page itself, not a redirect: the link is shown once and
    # must not lie in a session meanwhile.
    sent = invite_by_mail(manager=request.user, email=form.cleaned_data["email"])
    return _page(request, sent=sent)


@require_POST
@manager_required
def rename(request: UserRequest) -> HttpResponse:
    form = RenameTeamForm(request.POST)
    if not form.is_valid():
        return _page(request, renaming=form)
    name = form.cleaned_data["name"]
    if renaming.rename(request.user.team, name, by=request.user):
        messages.success(request, f"Your team is called {name} now.")
    return redirect("accounts:team")


@require_POST
@manager_required
def revoke(request: UserRequest, digest: str) -> HttpResponse:
    waiting = Invitation.objects.filter(team=request.user.team_id, accepted_at=None)
    invitation = get_object_or_404(waiting, token_digest=digest)
    inviting.revoke(invitation, by=request.user)
    messages.success(request, f"The invitation of {invitation.email} is revoked.")
    return redirect("accounts:team")


def _page(request: UserRequest, **context: Any) -> HttpResponse:
    team = request.user.team
    active = team.members.filter(is_active=True)
    context = {
        "form": InviteForm(),
        "renaming": RenameTeamForm(initial={"name": team.name}),
        "team": team,
        "members": active.order_by("role", "name"),
        "managers": active.filter(role=User.Role.MANAGER).count(),
        "inactive": team.members.filter(is_active=False).order_by("name"),
        "now": now(),
        **context,
    }
    if request.user.is_manager:
        context["invitations"] = team.invitations.filter(accepted_at=None).order_by(
            "email"
        )
    return render(request, "accounts/team.html", context)

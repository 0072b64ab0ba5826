from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from deliveryportal.accounts import deactivating, promoting
from deliveryportal.accounts.access import UserRequest, manager_required
from deliveryportal.accounts.deactivating import (
    HeirIsGoneError,
    MoreThanAcceptedError,
    objection,
)
from deliveryportal.accounts.forms import DeactivateForm
from deliveryportal.accounts.models import User
from deliveryportal.accounts.promoting import LastManagerError

LAST = (
    "{member} is the only manager of the team, and a team without one cannot be led. "
    "Make somebody else a manager first."
)


def _of_team(request: UserRequest, pk: int) -> User:
    return get_object_or_404(User, pk=pk, team=request.user.team_id)


@require_POST
@manager_required
def promote(request: UserRequest, pk: int) -> HttpResponse:
    member = _of_team(request, pk)
    if promoting.promote(member, by=request.user):
        messages.success(request, f"{member} is a manager now.")
    return redirect("accounts:team")


@require_POST
@manager_required
def demote(request: UserRequest, pk: int) -> HttpResponse:
    member = _of_team(request, pk)
    try:
        if promoting.demote(member, by=request.user):
            messages.success(request, f"{member} is a member now, and no manager.")
    except LastManagerError:
        messages.error(request, LAST.format(member=member))
    return redirect("accounts:team")


@require_POST
@manager_required
def reactivate(request: UserRequest, pk: int) -> HttpResponse:
    member = _of_team(request, pk)
    if refused := objection(member, by=request.user):
        raise PermissionDenied(refused)
    if deactivating.reactivate(member, by=request.user):
        messages.success(request, f"{member} can sign in again, as a member.")
    return redirect("accounts:team")


@require_http_methods(["GET", "HEAD", "POST"])
@manager_required
def deactivate(request: UserRequest, pk: int) -> HttpResponse:
    """Lock a member out, once it is settled what becomes of their scheduled mail."""
    member = _of_team(request, pk)
    scheduled = deactivating.scheduled_by(member)
    form = DeactivateForm(member, request.POST or None, scheduled=scheduled)
    refused = objection(member, by=request.user)
    if form.is_valid() and not refused:
        if _done(request, member, form):
            return redirect("accounts:team")
        scheduled = deactivating.scheduled_by(member)
        form = DeactivateForm(member, scheduled=scheduled)
    context = {
        "member": member,
        "scheduled": scheduled,
        "objection": refused,
        "form": form,
    }
    return render(request, "accounts/member_deactivate.html", context)


def _done(request: UserRequest, member: User, form: DeactivateForm) -> bool:
    """Return whether there is nothing left to ask."""
    try:
        done = deactivating.deactivate(
            member,
            heir=form.heir,
            accepted=form.cleaned_data["accepted"],
            by=request.user,
        )
    except LastManagerError:
        messages.error(request, LAST.format(member=member))
    except MoreThanAcceptedError:
        messages.warning(
            request,
            f"{member} is not deactivated: more mail was scheduled meanwhile. Read on.",
        )
        return False
    except HeirIsGoneError:
        messages.warning(
            request,
            f"{member} is not deactivated: {form.heir} has left the team meanwhile. "
            "Choose somebody else for the mail.",
        )
        return False
    else:
        if done:
            messages.success(request, f"{member} is deactivated and signed out.")
    return True

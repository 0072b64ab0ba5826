from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from channels import identities as keeping
from channels.describing import describe_view
from channels.forms import IdentityForm
from channels.identity_deletion import consequences_of, delete, objection
from channels.models import EmailIdentity
from channels.recipient_view import view_of
from channels.routing import channel_for
from channels.verifying import link_to_verify
from channels.whole_numbers import whole_number
from deliveryportal.accounts.access import UserRequest
from deliveryportal.accounts.models import User


def identity_of(user: User, uuid: UUID) -> EmailIdentity:
    """Return the user's own identity; Http404 for anybody else's."""
    mine = EmailIdentity.objects.of(user).select_related("channel", "owner")
    return get_object_or_404(mine, uuid=uuid)


@require_http_methods(["GET", "HEAD", "POST"])
def identity(request: UserRequest, uuid: UUID) -> HttpResponse:
    """Name, signature and channel of one identity; its address is what was verified."""
    found = identity_of(request.user, uuid)
    form = IdentityForm(found, request.POST or None)
    if form.is_valid():
        keeping.change(found, **form.cleaned_data)
        messages.success(request, f"{found.address} is saved.")
        return redirect("settings:identities")
    channel = channel_for(found)
    context = {
        "identity": found,
        "form": form,
        "channel": channel,
        "recipient_sees": describe_view(
            view_of(found, channel), settings.PORTAL_DOMAIN
        ),
    }
    if settings.PRACTICE and not found.is_verified:
        # The mail was filed where nobody but an operator reads it.
        context["practice_link"] = link_to_verify(found)
    return render(request, "settings/identity.html", context)


@require_POST
def make_default(request: UserRequest, uuid: UUID) -> HttpResponse:
    """Let new mail be written as this identity unless another one is picked."""
    found = identity_of(request.user, uuid)
    if keeping.make_default(found):
        messages.success(request, f"{found.address} is your default identity now.")
    else:
        messages.error(
            request,
            f"{found.address} is not verified, so nothing can be sent as it, and it "
            "cannot be your default.",
        )
    return redirect("settings:identities")


@require_http_methods(["GET", "HEAD", "POST"])
def delete_identity(request: UserRequest, uuid: UUID) -> HttpResponse:
    """Delete an identity, once it has been said what becomes of its waiting mail."""
    found = identity_of(request.user, uuid)
    if request.method == "POST":
        told = whole_number(request.POST.get("accepted", ""), otherwise=0)
        if delete(found, accepted=told):
            messages.success(request, f"{found.address} is deleted.")
            return redirect("settings:identities")
        messages.warning(request, f"{found.address} is not deleted: read on.")
    consequences = consequences_of(found)
    context = {
        "identity": found,
        "objection": objection(found),
        "consequences": consequences,
        "accepted": sum(each.affected for each in consequences),
    }
    return render(request, "settings/identity_delete.html", context)

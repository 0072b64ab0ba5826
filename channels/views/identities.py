from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from channels.choosing import choose
from channels.forms import IdentityForm
from channels.models import Channel, EmailIdentity
from deliveryportal.accounts.access import UserRequest


@require_safe
def identities(request: UserRequest) -> HttpResponse:
    """Whom the user writes as, and which channel each takes."""
    picked = Channel.objects.picked_by(request.user)
    default = Channel.objects.default()
    rows = [
        {
            "identity": each,
            "channel": choose(identity=each.channel, user=picked, default=default),
        }
        for each in EmailIdentity.objects.of(request.user).select_related("channel")
    ]
    return render(request, "settings/identities.html", {"rows": rows})


@require_http_methods(["GET", "HEAD", "POST"])
def identity(request: UserRequest, uuid: UUID) -> HttpResponse:
    """Name and signature of one identity; its address is what was verified."""
    mine = EmailIdentity.objects.of(request.user)
    found = get_object_or_404(mine, uuid=uuid)
    form = IdentityForm(
        request.POST or None,
        initial={"display_name": found.display_name, "signature": found.signature},
    )
    if form.is_valid():
        mine.filter(uuid=uuid).update(**form.cleaned_data)
        messages.success(request, f"{found.address} is saved.")
        return redirect("settings:identities")
    return render(request, "settings/identity.html", {"identity": found, "form": form})

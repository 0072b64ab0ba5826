from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from channels import identities as keeping
from channels.forms import NewIdentityForm
from channels.models import EmailIdentity
from channels.recipient_view import view_of
from channels.routing import channel_for
from channels.views.verification import mail_and_tell
from deliveryportal.accounts.access import UserRequest


@require_safe
def identities(request: UserRequest) -> HttpResponse:
    """Whom the user writes as, by which channel, and what recipients see of it."""
    mine = EmailIdentity.objects.of(request.user).select_related("channel", "owner")
    rows = []
    for identity in mine:
        channel = channel_for(identity)
        view = view_of(identity, channel)
        rows.append(
            {
                "identity": identity,
                "channel": channel,
                "view": view,
                "replaced": identity.address not in view.sender,
            }
        )
    return render(request, "settings/identities.html", {"rows": rows})


@require_http_methods(["GET", "HEAD", "POST"])
def new_identity(request: UserRequest) -> HttpResponse:
    """Add an identity; a link goes to its address, to verify it."""
    form = NewIdentityForm(
        request.user,
        request.POST or None,
        initial={"display_name": request.user.name},
    )
    if form.is_valid():
        added = keeping.add(owner=request.user, **form.cleaned_data)
        if added:
            mail_and_tell(request, added)
            return redirect("settings:identity", added.uuid)
        form.add_error("address", form.second(form.cleaned_data["address"]))
    return render(request, "settings/identity_new.html", {"form": form})

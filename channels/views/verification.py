from __future__ import annotations

from math import ceil
from uuid import UUID

from django.contrib import messages
from django.core.signing import BadSignature
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_POST

from channels.models import EmailIdentity
from channels.verifying import TooManyLinksError, mail_link, read_link, verify
from deliveryportal.accounts.access import UserRequest


@require_http_methods(["GET", "HEAD", "POST"])
def verification(request: UserRequest, token: str) -> HttpResponse:
    """The link in the mail. Opening it changes nothing: mail scanners do that too."""
    try:
        link = read_link(token)
    except BadSignature:
        return _gone(request, None, status=404)
    mine = EmailIdentity.objects.of(request.user)
    identity = mine.filter(uuid=link.identity).first()
    if identity is None:
        return _gone(request, None, status=404)
    if link.expired or identity.is_verified:
        return _gone(request, identity, status=410)
    if request.method == "POST":
        verify(identity)
        messages.success(
            request, f"{identity.address} is verified: you can write as it now."
        )
        return redirect("settings:identities")
    return render(request, "settings/identity_verify.html", {"identity": identity})


@require_POST
def resend(request: UserRequest, uuid: UUID) -> HttpResponse:
    """Mail another link, unless enough were mailed lately."""
    mine = EmailIdentity.objects.of(request.user).select_related("owner")
    identity = get_object_or_404(mine, uuid=uuid)
    if identity.is_verified:
        messages.info(request, f"{identity.address} is verified already.")
    else:
        mail_and_tell(request, identity)
    return redirect("settings:identity", uuid)


def mail_and_tell(request: UserRequest, identity: EmailIdentity) -> None:
    """Mail a link, and say whether it left or when it can."""
    try:
        left = mail_link(identity)
    except TooManyLinksError as error:
        minutes = ceil((error.again_at - now()).total_seconds() / 60)
        messages.warning(
            request,
            f"No further mail was sent to {identity.address}: enough were sent lately. "
            f"Look among its spam, or ask again in {_duration(minutes)}.",
        )
        return
    if left:
        messages.success(
            request, f"A mail with a link is on its way to {identity.address}."
        )
    else:
        messages.error(
            request,
            f"The mail to {identity.address} did not leave: our mail server could not "
            "be reached or refused it. Nothing is lost: send it again in a while.",
        )


def _duration(minutes: int) -> str:
    number, unit = (minutes, "minute") if minutes < 90 else (ceil(minutes / 60), "hour")
    return f"{number} {unit}{'' if number == 1 else 's'}"


def _gone(
    request: UserRequest, identity: EmailIdentity | None, *, status: int
) -> HttpResponse:
    context = {"identity": identity}
    return render(request, "settings/identity_link_gone.html", context, status=status)

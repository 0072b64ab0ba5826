from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.db.models import Exists, OuterRef
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from channels.models import Channel
from conversations.models import Delivery, Suppression
from conversations.resending import resend as send_again
from deliveryportal.accounts.access import UserRequest


@require_POST
def resend(request: UserRequest, uuid: UUID) -> HttpResponse:
    """Send again what failed while this channel did not work, as far as one may see it."""
    mail = Delivery.objects.visible_to(request.user).in_lists()
    its_own = mail.filter(channel=OuterRef("pk"))
    channel = get_object_or_404(Channel.objects.filter(Exists(its_own)), uuid=uuid)
    number = send_again(channel, by=request.user)
    return say_how_many(request, number, if_none="conversations:failed")


def say_how_many(
    request: UserRequest, number: int, *, if_none: str | Suppression
) -> HttpResponse:
    """Say how many mails are sent again, and lead to them, or else to `if_none`."""
    if not number:
        messages.info(request, "There is nothing left to be sent again.")
        return redirect(if_none)
    what = "One message is" if number == 1 else f"{number:,} messages are"
    messages.success(request, f"{what} on the way again.")
    return redirect("conversations:pending")

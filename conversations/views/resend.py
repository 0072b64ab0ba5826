from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.db.models import Exists, OuterRef
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from channels.models import Channel
from conversations.models import BulkJob, Delivery, Suppression
from conversations.resending import resend as send_again
from conversations.views.job import follow
from deliveryportal.accounts.access import UserRequest


@require_POST
def resend(request: UserRequest, uuid: UUID) -> HttpResponse:
    """Send again what failed while this channel did not work, as far as one may see it."""
    mail = Delivery.objects.visible_to(request.user).in_lists()
    its_own = mail.filter(channel=OuterRef("pk"))
    channel = get_object_or_404(Channel.objects.filter(Exists(its_own)), uuid=uuid)
    job = send_again(channel, by=request.user)
    return lead_to(request, job, if_none="conversations:failed")


def lead_to(
    request: UserRequest, job: BulkJob | None, *, if_none: str | Suppression
) -> HttpResponse:
    """Lead to what is sent again, or to `if_none`."""
    if job is None:
        messages.info(request, "There is nothing left to be sent again.")
        return redirect(if_none)
    return follow(request, job, back=reverse("conversations:pending"))

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from conversations.models import Delivery
from conversations.writing.reworking import can_be_reworked, rework
from deliveryportal.accounts.access import UserRequest


@require_POST
def edit_and_send_again(request: UserRequest, uuid: UUID) -> HttpResponse:
    """Open what one has written as a draft, to be sent again with other words."""
    failed = get_object_or_404(
        Delivery.objects.filter(sender=request.user).select_related(
            "message__identity", "sender"
        ),
        uuid=uuid,
    )
    draft = rework(failed) if can_be_reworked(failed, request.user) else None
    if draft is None:
        messages.info(request, "There is nothing to be sent instead of it any more.")
        return redirect(failed.message)
    return redirect(draft)

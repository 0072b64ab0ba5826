from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from conversations.models import Message
from conversations.writing import taking_back
from conversations.writing.taking_back import TakenBack
from deliveryportal.accounts.access import UserRequest

TOO_LATE = (
    "Too late: it has left, or is leaving at this moment. Nothing was taken back."
)


@require_POST
def take_back(request: UserRequest, uuid: UUID) -> HttpResponse:
    """Make a draft of one's message again, to go on with it or to leave it there."""
    message = get_object_or_404(Message.objects.filter(sender=request.user), uuid=uuid)
    taken = taking_back.take_back(message)
    if not taken.number:
        messages.error(request, TOO_LATE)
        return redirect(message)
    return _lead_to_draft(request, taken)


@require_POST
def undo(request: UserRequest, submission: UUID) -> HttpResponse:
    """Take back all that one form sent, as far as it has not begun to leave."""
    get_object_or_404(
        Message.objects.filter(sender=request.user, submission=submission)[:1]
    )
    taken = taking_back.take_back_all(request.user, submission)
    if not taken.number:
        messages.error(request, TOO_LATE)
        return redirect("conversations:pending")
    return _lead_to_draft(request, taken)


def _lead_to_draft(request: UserRequest, taken: TakenBack) -> HttpResponse:
    several = len(taken.drafts) > 1
    if taken.left:
        found = "each is a draft" if several else "this draft is for them alone"
        messages.warning(
            request,
            f"{taken.left} had left already and stay sent. The other {taken.number} "
            f"were taken back: {found}.",
        )
    elif several:
        messages.success(
            request,
            f"{taken.number} messages were taken back. Nothing was sent: each is a draft "
            "of its own, and leaves only when you press Send again.",
        )
    else:
        messages.success(
            request,
            "It was taken back. Nothing was sent: it is a draft, and leaves only when you "
            "press Send again.",
        )
    if several or "cancel" in request.POST:
        return redirect("conversations:drafts")
    return redirect(taken.drafts[0])

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from conversations.models import Draft, Message
from conversations.writing import taking_back
from conversations.writing.taking_back import TakenBack, alone, rest_of
from deliveryportal.accounts.access import UserRequest

TOO_LATE = (
    "Too late: it has left, or is leaving at this moment. Nothing was taken back."
)
IS_A_DRAFT = (
    "Nothing was sent: it is a draft, and leaves only when you press Send again."
)
BEFORE = (
    "It had been taken back already, before it could leave. It stands among your drafts, "
    "unless you have sent or deleted it since."
)
THE_REST_BEFORE = (
    "{} had left already and stay sent. The others had been taken back before: they stand "
    "among your drafts, unless you have sent or deleted them since."
)
NOTHING = TakenBack(0, 0, [])


@require_POST
def take_back(request: UserRequest, uuid: UUID) -> HttpResponse:
    """Make a draft of one's message again, to go on with it or to leave it there."""
    message = Message.objects.filter(sender=request.user, uuid=uuid).first()
    taken = taking_back.take_back(message) if message else NOTHING
    if message and taken.left and not taken.number:
        messages.error(request, TOO_LATE)
        return redirect(message)
    return _lead_to_draft(request, taken, alone(uuid), *_submission(request))


@require_POST
def undo(request: UserRequest, submission: UUID) -> HttpResponse:
    """Take back all that one form sent, as far as it has not begun to leave."""
    taken = taking_back.take_back_all(request.user, submission)
    rest = rest_of(submission)
    before = Draft.objects.filter(owner=request.user, uuid=rest)
    if taken.left and not taken.number and not before.exists():
        messages.error(request, TOO_LATE)
        return redirect("conversations:pending")
    return _lead_to_draft(request, taken, submission, rest)


def _submission(request: UserRequest) -> list[UUID]:
    """The drafts of the form that the message was sent by, as its page says."""
    try:
        submission = UUID(request.POST.get("submission", ""))
    except ValueError:
        return []
    return [submission, rest_of(submission)]


def _lead_to_draft(
    request: UserRequest, taken: TakenBack, *uuids: UUID
) -> HttpResponse:
    """Lead to what was taken back: now, or before, as one of the drafts of `uuids`."""
    drafts = taken.drafts
    several = len(drafts) > 1
    if not taken.number:
        drafts = _taken_back_before(request, uuids, taken.left)
    elif taken.left:
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
        messages.success(request, f"It was taken back. {IS_A_DRAFT}")
    if len(drafts) != 1 or "cancel" in request.POST:
        return redirect("conversations:drafts")
    return redirect(drafts[0])


def _taken_back_before(
    request: UserRequest, uuids: Collection[UUID], left: int
) -> list[Draft]:
    """What is left after the button was pressed twice: the draft, unless it is hidden."""
    drafts = Draft.objects.filter(owner=request.user, uuid__in=uuids)
    if not drafts.exists():
        raise Http404("There is no such message.")
    shown = list(drafts.filter(forget_at=None)[:1])
    already = f"It was taken back already. {IS_A_DRAFT}" if shown else BEFORE
    messages.info(request, THE_REST_BEFORE.format(left) if left else already)
    return shown

"""A draft: gone on with, saved by itself, deleted."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_POST

from conversations.forms import ComposeForm
from conversations.models import Draft, Message
from conversations.views.compose import PostedForm, page
from conversations.views.drafts import delete_and_tell
from conversations.writing.drafting import HasGoneError
from deliveryportal.accounts.access import UserRequest


@require_http_methods(["GET", "HEAD", "POST"])
def draft(request: UserRequest, uuid: UUID) -> HttpResponse:
    """Go on with a draft, or see what became of it once it is sent."""
    if request.method == "POST":
        return PostedForm(request).answer()
    found = Draft.objects.of(request.user).filter(uuid=uuid).first()
    if found is None:
        sent = Message.objects.filter(sender=request.user, submission=uuid).first()
        if sent is None:
            raise Http404("There is no such draft.")
        messages.info(request, "This has been sent: below stands what became of it.")
        return redirect(sent)
    form = ComposeForm(
        request.user,
        initial={
            name: getattr(found, name)
            for name in ("to", "cc", "bcc", "people", "subject", "body", "send_at")
        }
        | {
            "identity": found.identity_id,
            "follows": found.follows and found.follows.uuid,
            "submission": found.uuid,
        },
    )
    return page(
        request,
        form,
        version=found.version,
        formatted=found.body_html,
        attachments=list(found.attachments.without_content()),
        draft=found,
    )


@require_POST
def save(request: UserRequest) -> HttpResponse:
    """Keep the form as it stands. Asked by the page itself, every few seconds."""
    posted = PostedForm(request)
    try:
        kept = posted.as_draft()
    except HasGoneError:
        return HttpResponse(status=204)
    moved = kept is not None and kept.uuid != posted.uuid
    return render(
        request,
        "conversations/_saved.html",
        {
            "submission": kept.uuid if kept else posted.uuid,
            "version": kept.version if kept else 0,
            "saved_at": now() if kept else None,
            "moved": moved,
            "limit": settings.MAX_ATTACHMENT_BYTES,
            "files_changed": bool(request.FILES),
            "files_error": posted.files_error,
            "refused": posted.refused,
            "attachments": posted.attachments,
        },
    )


@require_POST
def delete(request: UserRequest, uuid: UUID) -> HttpResponse:
    delete_and_tell(request, Draft.objects.of(request.user).filter(uuid=uuid))
    return redirect("conversations:drafts")

"""Drafts: listed, gone on with, saved by themselves, deleted."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.timezone import now
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from conversations import drafting
from conversations.drafting import HasGoneError
from conversations.forms import ComposeForm
from conversations.models import Draft, Message
from conversations.views.compose import Desk, page
from conversations.views.tabs import tabs_around
from deliveryportal.accounts.access import UserRequest

LISTED = 200


@require_safe
def drafts(request: UserRequest) -> HttpResponse:
    found = Draft.objects.of(request.user).prefetch_related("attachments")[:LISTED]
    around = tabs_around(request.user, "drafts", "pending")
    context = {"drafts": found, "listed": LISTED, **around}
    return render(request, "conversations/drafts.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def draft(request: UserRequest, uuid: UUID) -> HttpResponse:
    """Go on with a draft, or see what became of it once it is sent."""
    if request.method == "POST":
        return Desk(request).answer()
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
    desk = Desk(request)
    try:
        kept = desk.as_draft()
    except HasGoneError:
        return HttpResponse(status=204)
    moved = kept is not None and kept.uuid != desk.uuid
    return render(
        request,
        "conversations/_saved.html",
        {
            "submission": kept.uuid if kept else desk.uuid,
            "version": kept.version if kept else 0,
            "saved_at": now() if kept else None,
            "moved": moved,
            "limit": settings.MAX_ATTACHMENT_BYTES,
            "files_changed": bool(request.FILES),
            "files_error": desk.files_error,
            "refused": desk.refused,
            "attachments": desk.attachments,
        },
    )


@require_POST
def delete(request: UserRequest, uuid: UUID) -> HttpResponse:
    found = get_object_or_404(Draft.objects.of(request.user), uuid=uuid)
    drafting.delete(found)
    messages.success(
        request,
        f"The draft “{found}” is deleted.",
        # What the button beside the words posts to: see _messages.html.
        extra_tags=reverse("conversations:restore_draft", args=[found.uuid]),
    )
    return redirect("conversations:drafts")


@require_POST
def restore(request: UserRequest, uuid: UUID) -> HttpResponse:
    found = drafting.restore(request.user, uuid)
    if found is None:
        raise Http404("There is no such draft.")
    messages.success(request, "Your draft is back.")
    return redirect(found)

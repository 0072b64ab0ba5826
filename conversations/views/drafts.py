"""Pending › Drafts: one's own, and what is done to many of them."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from channels.whole_numbers import whole_number
from conversations.lists.browsing_drafts import DraftBrowsing
from conversations.lists.columns import USUAL_ROWS, keep_layout, layout_of
from conversations.lists.counting import Counting, Number
from conversations.lists.draft_rows import COLUMNS, draft_rows_of
from conversations.lists.filtering import Known
from conversations.lists.folders import DRAFTS, FOLDERS
from conversations.models import Draft
from conversations.models.draft import DraftQuerySet
from conversations.triage.preview import EXAMPLES
from conversations.triage.scope import uuids_in
from conversations.views.around import LIVE_LIST, around
from conversations.views.back import back_of
from conversations.views.live import live
from conversations.views.pages import shown_of
from conversations.writing import drafting
from deliveryportal.accounts.access import UserRequest


@require_safe
def drafts(request: UserRequest) -> HttpResponse:
    """The address narrows them. htmx asks for the live part."""
    browsing = DraftBrowsing.of(request.user, request.GET)
    if "" in request.GET.values():  # the fields of the form that were left empty
        return redirect(browsing.url)
    layout = layout_of(request.user, DRAFTS.key)
    counting = Counting()
    shown = around(counting, Known(request.user), FOLDERS["pending"])
    matching = browsing.count(counting)
    counting.count()
    page = browsing.page(layout.rows)
    if matching is None:
        matching = Number(len(page.rows), more=not page.is_all)
    delete = {
        "key": "delete",
        "label": "Delete",
        "url": reverse("conversations:delete_drafts"),
        "dangerous": True,
    }
    context = {
        **shown_of(browsing, page, layout, COLUMNS),
        **shown,
        "here": DRAFTS.key,
        "acts": [delete],
        "body": draft_rows_of(page.rows, to_pick=True),
        "matching": matching,
    }
    return live(request, "conversations/drafts.html", LIVE_LIST, context)


@require_POST
def keep_rows(request: UserRequest) -> HttpResponse:
    """Remember the rows on a page."""
    rows = whole_number(request.POST.get("rows", ""), otherwise=USUAL_ROWS)
    keep_layout(request.user, DRAFTS.key, (), rows)
    return redirect(_listed(request, request.POST).url)


@require_http_methods(["GET", "HEAD", "POST"])
def delete_some(request: UserRequest) -> HttpResponse:
    """Show which of them were chosen, ticked or all that match, and delete them."""
    listed = _listed(request, request.GET)
    back = back_of(request, otherwise=listed.url)
    uuids = tuple(uuids_in(request.GET.getlist("draft")))
    everything = bool(request.GET.get("everything"))
    if not (everything or uuids):
        messages.info(request, "Nothing was chosen, so nothing was done.")
        return redirect(back)
    theirs = Draft.objects.of(request.user)
    chosen = listed.everything() if everything else theirs.filter(uuid__in=uuids)
    examples = list(chosen.for_list()[:EXAMPLES])
    if not examples and everything:
        messages.info(request, "Nothing matches any more, so nothing was done.")
        return redirect(back)
    if not examples:
        raise Http404("There is no such draft.")
    if request.method == "POST":
        delete_and_tell(request, chosen)
        return redirect(back)
    counting = Counting()
    number = counting.number(chosen)
    counting.count()
    return render(
        request,
        "conversations/delete_drafts.html",
        {
            "number": number,
            "columns": COLUMNS,
            "examples": examples,
            "body": draft_rows_of(examples),
            "back": back,
        },
    )


def delete_and_tell(request: UserRequest, chosen: DraftQuerySet) -> None:
    deleted = drafting.delete(chosen)
    if not deleted.number:
        raise Http404("There is no such draft.")
    messages.success(
        request,
        "The draft is deleted."
        if deleted.number == 1
        else f"{deleted.number:,} drafts are deleted.",
        # What the button beside the words posts to: see _messages.html.
        extra_tags=reverse("conversations:restore_drafts", args=[deleted.mark]),
    )


@require_POST
def restore(request: UserRequest, mark: int) -> HttpResponse:
    """Undo: bring back what was deleted together."""
    found = drafting.restore(request.user, mark)
    if not found:
        raise Http404("There is no such draft.")
    if len(found) == 1:
        messages.success(request, "Your draft is back.")
        return redirect(found[0])
    messages.success(request, f"Your {len(found):,} drafts are back.")
    return redirect("conversations:drafts")


def _listed(request: UserRequest, sent: QueryDict) -> DraftBrowsing:
    """The list that a form stands beside: it sends its address as one field."""
    return DraftBrowsing.of(request.user, QueryDict(sent.get("query", "")))

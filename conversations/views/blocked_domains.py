from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from conversations.blocking import (
    AlreadySuppressedError,
    block_domain,
    release,
    what_waits,
)
from conversations.models import Suppression
from conversations.suppression_forms import BlockDomainForm
from deliveryportal.accounts.access import UserRequest, manager_required

ROWS = 50


@require_http_methods(["GET", "HEAD", "POST"])
def blocked_domains(request: UserRequest) -> HttpResponse:
    """The domains that nobody in the team writes to; managers keep the list.

    `?q=` searches.
    """
    if request.method == "POST":
        return _add(request)
    return _page(request, BlockDomainForm())


@manager_required
def _add(request: UserRequest) -> HttpResponse:
    form = BlockDomainForm(request.POST)
    if not form.is_valid():
        return _page(request, form)
    try:
        made = block_domain(
            form.cleaned_data["domain"],
            by=request.user,
            note=form.cleaned_data["note"],
        )
    except AlreadySuppressedError as error:
        messages.info(request, f"{error.suppression} is blocked already.")
    else:
        messages.success(request, f"{made} is blocked, with everything below it.")
        if waits := what_waits(made):
            messages.warning(request, waits)
    return redirect("suppression:domains")


@require_POST
@manager_required
def unblock(request: UserRequest, uuid: UUID) -> HttpResponse:
    blocked = get_object_or_404(
        Suppression.objects.of_team(request.user).domains().active(), uuid=uuid
    )
    release(blocked, by=request.user, because="Removed from the blocked domains.")
    messages.success(request, f"{blocked} is not blocked any more.")
    return redirect(blocked)


def _page(request: UserRequest, form: BlockDomainForm) -> HttpResponse:
    query = request.GET.get("q", "").strip().replace("\0", "")
    domains = (
        Suppression.objects.of_team(request.user)
        .domains()
        .sought(query)
        .select_related("made_by", "released_by")
        .order_by("address", "-made_at")
    )
    pages = Paginator(domains.active(), ROWS)
    context = {
        "team": request.user.team,
        "page": pages.get_page(request.GET.get("page")),
        "removed": domains.released(),
        "query": query,
        "form": form,
    }
    return render(request, "suppression/domains.html", context)

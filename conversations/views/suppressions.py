from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from conversations.blocking import AlreadySuppressedError, suppress_address, what_waits
from conversations.models import Suppression
from conversations.suppressing import SUPPRESSING
from conversations.suppression_forms import SuppressForm
from deliveryportal.accounts.access import UserRequest, manager_required

ROWS = 50


@require_http_methods(["GET", "HEAD", "POST"])
def suppressions(request: UserRequest) -> HttpResponse:
    """The team's suppressed addresses; a manager also adds one here.

    `?q=` searches, `?list=released` shows history.
    """
    if request.method == "POST":
        return _add(request)
    return _page(request, SuppressForm(initial={"address": request.GET.get("add", "")}))


@manager_required
def _add(request: UserRequest) -> HttpResponse:
    form = SuppressForm(request.POST)
    if not form.is_valid():
        return _page(request, form)
    try:
        made = suppress_address(
            form.cleaned_data["address"],
            by=request.user,
            note=form.cleaned_data["note"],
        )
    except AlreadySuppressedError as error:
        messages.info(request, str(error))
        return redirect(error.suppression)
    messages.success(request, f"{made} is suppressed.")
    if waits := what_waits(made):
        messages.warning(request, waits)
    return redirect("suppression:suppressions")


def _page(request: UserRequest, form: SuppressForm) -> HttpResponse:
    of_team = Suppression.objects.of_team(request.user).addresses()
    released = request.GET.get("list") == "released"
    query = request.GET.get("q", "").strip().replace("\0", "")
    found = of_team.released() if released else of_team.active()
    if query:
        found = found.sought(query)
    context = {
        "page": Paginator(
            found.select_related("made_by", "released_by").order_by("-made_at", "-pk"),
            ROWS,
        ).get_page(request.GET.get("page")),
        "released": released,
        "query": query,
        "form": form,
        "rules": SUPPRESSING,
    }
    return render(request, "suppression/suppressions.html", context)

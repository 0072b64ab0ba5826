from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from channels.limit_form import LimitForm
from channels.limiting import limit, use_default
from channels.models import SendingLimit
from channels.transports import all_transports
from deliveryportal.accounts.access import UserRequest, manager_required
from deliveryportal.accounts.models import Team


@require_http_methods(["GET", "HEAD", "POST"])
def limits(request: UserRequest) -> HttpResponse:
    """How fast the team may send by each kind of channel; managers change it here."""
    if request.method == "POST":
        return _change(request)
    return _page(request, _forms(request.user.team))


@manager_required
def _change(request: UserRequest) -> HttpResponse:
    team, kind = request.user.team, request.POST.get("kind", "")
    if kind not in all_transports():
        raise Http404("There is no such kind of delivery channel.")
    forms = _forms(team)
    label = forms[kind].transport.traits.label
    if "default" in request.POST:
        use_default(kind, by=request.user)
        messages.success(request, f"{label} has its default limit again.")
        return redirect("settings:limits")
    form = LimitForm(kind, forms[kind].transport, forms[kind].stored, request.POST)
    if not form.is_valid():
        return _page(request, {**forms, kind: form})
    limit(kind, form.pace, by=request.user)
    messages.success(request, f"The limit of {label} is saved.")
    return redirect("settings:limits")


def _forms(team: Team) -> dict[str, LimitForm]:
    stored = SendingLimit.objects.by_kind(team.pk)
    return {
        kind: LimitForm(kind, transport, stored.get(kind))
        for kind, transport in all_transports().items()
    }


def _page(request: UserRequest, forms: dict[str, LimitForm]) -> HttpResponse:
    context = {"team": request.user.team, "forms": forms.values()}
    return render(request, "settings/limits.html", context)

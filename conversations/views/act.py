from __future__ import annotations

from functools import partial
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from conversations.triage.actions import ACTIONS, Action
from conversations.triage.beginning import begin
from conversations.triage.forms import ActionForm
from conversations.triage.preview import Preview, preview
from conversations.triage.scope import Scope
from conversations.views.back import back_of
from conversations.views.chosen import chosen
from conversations.views.job import follow
from deliveryportal.accounts.access import UserRequest


@require_http_methods(["GET", "HEAD", "POST"])
def act(request: UserRequest, key: str) -> HttpResponse:
    """Show what an action would do to what was chosen, ask what it needs, and do it."""
    if key not in ACTIONS:
        raise Http404("There is no such action.")
    action = ACTIONS[key]
    found = chosen(request, partial(preview, action))
    if found is None:
        return redirect(back_of(request))
    scope, foreseen = found
    form = _form(request, action, scope, foreseen)
    has_grown = form.is_bound and foreseen.has_grown_since(_accepted(request, scope))
    if form.is_bound and not has_grown and foreseen.may_be_done and form.is_valid():
        return _do(request, action, scope, form)
    return render(
        request,
        "conversations/act.html",
        {
            "action": action,
            "preview": foreseen,
            "form": form,
            "has_grown": has_grown,
            "as_of": scope.as_of or None,
            "back": back_of(request),
        },
    )


def _form(
    request: UserRequest,
    action: Action,
    scope: Scope,
    foreseen: Preview,
) -> ActionForm:
    about_each = foreseen.is_short and not foreseen.is_of_one_domain
    everything = not (scope.uuids or about_each)
    more: dict[str, Any] = {"initial": request.GET.dict()}
    if request.method == "POST":
        # As the page asked, whatever the list has become since.
        everything, more = "domain" in request.POST, {"data": request.POST}
    return action.form(
        request.user,
        foreseen.examples,
        everything=everything,
        doubtful=foreseen.doubtful,
        **more,
    )


def _accepted(request: UserRequest, scope: Scope) -> str:
    """What the page said; of what is chosen one by one there cannot be more than that."""
    return request.POST.get("accepted", str(len(scope.uuids)))


def _do(
    request: UserRequest,
    action: Action,
    scope: Scope,
    form: ActionForm,
) -> HttpResponse:
    job = begin(action, scope, by=request.user, options=form.options)
    return follow(request, job, back=back_of(request))

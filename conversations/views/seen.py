from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from conversations.forms import ComposeForm
from conversations.writing.foreseeing import foresee
from deliveryportal.accounts.access import UserRequest


@require_POST
def seen(request: UserRequest) -> HttpResponse:
    """Tell what would become of the mail in the form; nothing is kept or sent.

    It is posted, because a list of people fits into no address.
    """
    form = ComposeForm(request.user, initial=request.POST.dict())
    context = {"form": form, "live": True, "foreseen": foresee(form)}
    return render(request, "conversations/_seen.html", context)

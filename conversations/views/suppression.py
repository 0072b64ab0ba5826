from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from conversations.blocking import release
from conversations.models import Delivery, Evidence, Suppression
from conversations.resending import resend_stopped, stopped_by
from conversations.suppression_forms import ReleaseForm
from conversations.views.resend import lead_to
from deliveryportal.accounts.access import UserRequest

SHOWN = 50  # pieces of evidence, and of mail that it stopped


@require_safe
def suppression(request: UserRequest, uuid: UUID) -> HttpResponse:
    """Why an address or a domain is suppressed, what that stopped, and its history."""
    return _page(request, _of_team(request, uuid), ReleaseForm())


@require_POST
def release_suppression(request: UserRequest, uuid: UUID) -> HttpResponse:
    found = _of_team(request, uuid)
    if found.released_at:
        messages.info(request, f"{found} was released before.")
        return redirect(found)
    if not found.may_be_released_by(request.user):
        messages.error(request, f"Only a manager may release {found}.")
        return redirect(found)
    form = ReleaseForm(request.POST)
    if not form.is_valid():
        return _page(request, found, form)
    release(found, by=request.user, because=form.cleaned_data["because"])
    messages.success(request, f"{found} is released: mail to it leaves again.")
    return redirect(found)


@require_POST
def resend_what_it_stopped(request: UserRequest, uuid: UUID) -> HttpResponse:
    """Send again what it stopped before its release, as far as one may see it."""
    found = _of_team(request, uuid)
    job = resend_stopped(found, by=request.user)
    return lead_to(request, job, if_none=found)


def _of_team(request: UserRequest, uuid: UUID) -> Suppression:
    return get_object_or_404(
        Suppression.objects.of_team(request.user).select_related(
            "made_by", "released_by", "delivery"
        ),
        uuid=uuid,
    )


def _page(request: UserRequest, found: Suppression, form: ReleaseForm) -> HttpResponse:
    evidence = list(
        Evidence.objects.behind(found).select_related(
            "delivery__message", "delivery__sender", "report"
        )[:SHOWN]
    )
    # A member sees a colleague's failure, but not the mail.
    visible = set(
        Delivery.objects.visible_to(request.user)
        .filter(pk__in=[each.delivery_id for each in evidence])
        .values_list("pk", flat=True)
    )
    stopped = Delivery.objects.visible_to(request.user).filter(suppression=found)
    context = {
        "suppression": found,
        "evidence": [(each, each.delivery_id in visible) for each in evidence],
        "stopped": stopped.select_related("message").order_by("-state_since")[:SHOWN],
        "resendable": stopped_by(found, request.user).count(),
        "history": Suppression.objects.of_team(request.user)
        .filter(address=found.address)
        .exclude(pk=found.pk)
        .select_related("made_by", "released_by")
        .order_by("-made_at"),
        "may_release": found.may_be_released_by(request.user),
        "form": form,
    }
    return render(request, "suppression/suppression.html", context)

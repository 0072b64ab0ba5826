from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from conversations.models import Alert
from conversations.views.back import back_of
from deliveryportal.accounts.access import UserRequest, manager_required


@require_POST
@manager_required
def close_alert(request: UserRequest, uuid: UUID) -> HttpResponse:
    """Say that one has seen to it. The next such mail raises another alert."""
    alert = get_object_or_404(Alert.objects.manageable_by(request.user), uuid=uuid)
    if alert.close(by=request.user):
        messages.success(request, f"Closed: {alert}. The next such mail opens it anew.")
    else:
        messages.info(request, f"It was closed already: {alert}.")
    return redirect(back_of(request, otherwise=reverse("conversations:failed")))

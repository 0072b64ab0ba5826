from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from conversations.lists.folders import FOLDERS
from conversations.models import Delivery
from deliveryportal.accounts.access import UserRequest


@require_safe
def home(request: UserRequest) -> HttpResponse:
    """Lead to what needs a hand, else to what was sent."""
    failed = FOLDERS["failed"].counted.of(Delivery.objects.visible_to(request.user))
    return redirect(f"conversations:{'failed' if failed.exists() else 'sent'}")

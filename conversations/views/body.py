from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from conversations.models import Message
from deliveryportal.accounts.access import UserRequest

# Nothing runs and nothing is fetched; pictures from elsewhere only when asked for.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src data:{pictures}; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox"
)


@require_safe
@xframe_options_sameorigin
def body(request: UserRequest, uuid: UUID) -> HttpResponse:
    """The formatted text of a message, for the sandboxed frame on its page."""
    found = get_object_or_404(Message.objects.visible_to(request.user), uuid=uuid)
    response = render(request, "conversations/body.html", {"message": found})
    pictures = " https: http:" if "pictures" in request.GET else ""
    response["Content-Security-Policy"] = POLICY.format(pictures=pictures)
    response["Referrer-Policy"] = "no-referrer"
    response["X-Content-Type-Options"] = "nosniff"
    return response

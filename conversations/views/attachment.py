from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from conversations.models import Attachment
from deliveryportal.accounts.access import UserRequest


@require_safe
def attachment(request: UserRequest, uuid: UUID) -> HttpResponse:
    """Download a file. Whatever it is, the browser must not show it as a page."""
    found = get_object_or_404(Attachment.objects.visible_to(request.user), uuid=uuid)
    return HttpResponse(
        bytes(found.content),
        content_type=found.content_type,
        headers={
            "Content-Disposition": content_disposition_header(
                as_attachment=True, filename=found.name
            )
            or "attachment",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox; default-src 'none'",
        },
    )

"""The Practice page: what arrived in the outside world, and whom to write to."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_not_required, login_required
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from conversations.models import Delivery
from conversations.writing.attaching import safe_name
from deliveryportal.accounts.access import UserRequest
from deliveryportal.practice.manners import FRIENDLY, MANNERS
from deliveryportal.practice.models import PracticeMail
from deliveryportal.practice.reading import read_letter, source
from deliveryportal.practice.recipient import as_framed, sender_as_shown

P = ParamSpec("P")

LISTED = 100
SOURCE_SHOWN = 200_000  # characters


def practice_page(
    view: Callable[Concatenate[UserRequest, P], HttpResponseBase],
) -> Callable[Concatenate[UserRequest, P], HttpResponseBase]:
    """Read-only, signed in, and not there at all outside practice mode."""
    guarded = login_required(require_safe(view))

    # Asks for the sign-in itself, after the mode: in production nobody is sent to
    # sign in for a page that does not exist.
    @login_not_required
    @wraps(view)
    def in_practice(
        request: UserRequest, /, *args: P.args, **kwargs: P.kwargs
    ) -> HttpResponseBase:
        if not settings.PRACTICE:
            raise Http404("There is no practice relay.")
        return guarded(request, *args, **kwargs)

    return in_practice


@practice_page
@vary_on_headers("HX-Request")
def arrived(request: UserRequest) -> HttpResponse:
    """The list; htmx asks for its rows alone."""
    mails = PracticeMail.objects.visible_to(request.user).newest_first().defer("raw")
    context = {
        "mails": mails[:LISTED],
        "listed": LISTED,
        "manners": {"anna": FRIENDLY, **MANNERS},
    }
    partial = request.htmx and not request.htmx.boosted
    template = "practice/_arrived.html" if partial else "practice/arrived.html"
    return render(request, template, context)


@practice_page
def mail(request: UserRequest, uuid: UUID) -> HttpResponse:
    """One mail as its recipient sees it."""
    mail = get_object_or_404(PracticeMail.objects.visible_to(request.user), uuid=uuid)
    delivery = (
        Delivery.objects.filter(return_token=mail.return_token)
        .select_related("channel", "message")
        .first()
    )
    letter = read_letter(bytes(mail.raw))
    text = source(bytes(mail.raw))
    context = {
        "mail": mail,
        "letter": letter,
        "delivery": delivery,
        "sender": sender_as_shown(letter, delivery),
        "framed": as_framed(letter.html),
        "source": text[:SOURCE_SHOWN],
        "source_is_cut": len(text) > SOURCE_SHOWN,
    }
    return render(request, "practice/mail.html", context)


@practice_page
def raw(request: UserRequest, uuid: UUID) -> HttpResponse:
    """The mail to the byte, as a file: a browser must not show it as a page."""
    mail = get_object_or_404(PracticeMail.objects.visible_to(request.user), uuid=uuid)
    return HttpResponse(
        bytes(mail.raw),
        content_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{mail.uuid}.eml"'},
    )


@practice_page
def attachment(request: UserRequest, uuid: UUID, number: int) -> HttpResponse:
    """One of its files, to be saved: whatever it is, it is not shown."""
    mail = get_object_or_404(PracticeMail.objects.visible_to(request.user), uuid=uuid)
    files = read_letter(bytes(mail.raw)).files
    if not 0 <= number < len(files):
        raise Http404("This mail has no such file.")
    return HttpResponse(
        files[number].content,
        content_type="application/octet-stream",
        headers={
            "Content-Disposition": content_disposition_header(
                as_attachment=True, filename=safe_name(files[number].name)
            )
            or "attachment",
            "X-Content-Type-Options": "nosniff",
        },
    )

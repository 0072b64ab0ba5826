from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods

from channels.addresses import readable_addresses
from channels.choosing import what_the_recipient_sees
from channels.describing import Fact, describe_view
from channels.models import EmailIdentity
from channels.routing import channel_for
from conversations.composing import AlreadySentError, write
from conversations.forms import MAX_RECIPIENTS, ComposeForm
from conversations.models import Message
from conversations.withholding import stopped_among
from deliveryportal.accounts.access import UserRequest
from deliveryportal.accounts.models import User


@require_http_methods(["GET", "HEAD", "POST"])
def compose(request: UserRequest) -> HttpResponse:
    """Write a message. `?to=` fills in the recipient, `?follows=` all but the text."""
    if request.method == "POST":
        form = ComposeForm(request.user, request.POST)
        if form.is_valid() and _is_told(request, form):
            try:
                return _send(request, form)
            except AlreadySentError:
                form = _as_a_new_one(request)
    else:
        form = ComposeForm(
            request.user,
            initial={"submission": uuid4(), **_beginning(request)},
        )
    response = render(
        request,
        "conversations/_seen.html" if request.htmx else "conversations/compose.html",
        {
            "form": form,
            **_what_is_seen(request.user, form),
            **_who_is_stopped(request.user, form),
        },
    )
    patch_vary_headers(response, ["HX-Request"])
    return response


def _as_a_new_one(request: UserRequest) -> ComposeForm:
    """The form again, with what was written, to be sent as another message."""
    fields = request.POST.copy()
    fields["submission"] = str(uuid4())
    form = ComposeForm(request.user, fields)
    form.add_error(
        None,
        "This form was sent before, with other words or to others, and that mail is on "
        "its way. What stands here now was not sent. Send it to write once more.",
    )
    return form


def _is_told(request: UserRequest, form: ComposeForm) -> bool:
    """Whether the writer knows whom this will not reach; if not, the form says so."""
    told = set(request.POST.getlist("told"))
    stopped = stopped_among(form.recipients, request.user.team_id)
    if all(str(suppression.uuid) in told for _, suppression in stopped):
        return True
    form.add_error(
        None,
        "Nothing was sent yet: not everybody in To can be written to. Below stands who. "
        "Change To, or press Send again.",
    )
    return False


def _who_is_stopped(user: User, form: ComposeForm) -> dict[str, Any]:
    """Name those in To, as far as they can be read, who will get nothing."""
    recipients = readable_addresses(str(form["to"].value() or ""))[:MAX_RECIPIENTS]
    stopped = stopped_among(recipients, user.team_id)
    number = len({address.wire.casefold() for address in recipients})
    return {"stopped": stopped, "reached": number - len(stopped)}


def _what_is_seen(user: User, form: ComposeForm) -> dict[str, Any]:
    """Say what a recipient sees by the identity in the form, and by the others."""
    seen = [
        (identity, _preview(identity))
        for identity in EmailIdentity.objects.of(user).select_related(
            "channel", "owner"
        )
    ]
    picked = str(form["identity"].value() or "")
    # The one in the form first, else the default one.
    seen.sort(key=lambda each: str(each[0].pk) != picked)
    return {"chosen": seen[0] if seen else None, "others": seen[1:]}


def _beginning(request: UserRequest) -> dict[str, object]:
    """What the form starts with: a follow-up goes to the same person, as the same."""
    try:
        followed = Message.objects.filter(
            sender=request.user, uuid=request.GET.get("follows", "")
        ).first()
    except ValidationError:  # not a UUID
        followed = None
    if followed is None:
        return {
            "to": request.GET.get("to", ""),
            **(
                {"identity": request.GET["identity"]}
                if "identity" in request.GET
                else {}
            ),
        }
    subject = followed.subject
    return {
        "to": followed.conversation.person_address,
        "subject": subject if subject.lower().startswith("re:") else f"Re: {subject}",
        "identity": followed.identity_id,
        "follows": followed.uuid,
    }


def _send(request: UserRequest, form: ComposeForm) -> HttpResponse:
    written = write(
        identity=form.cleaned_data["identity"],
        recipients=form.recipients,
        subject=form.cleaned_data["subject"],
        body=form.cleaned_data["body"],
        submission=form.cleaned_data["submission"],
        follows=form.cleaned_data["follows"],
    )
    if len(written) == 1:
        return redirect(written[0])
    messages.success(request, f"{len(written)} messages are on their way.")
    return redirect("conversations:pending")


def _preview(identity: EmailIdentity) -> list[Fact]:
    channel = channel_for(identity)
    view = what_the_recipient_sees(
        display_name=identity.display_name,
        address=identity.address,
        traits=channel.traits,
        portal_domain=settings.PORTAL_DOMAIN,
        account=channel.address,
    )
    return [
        Fact("Delivery channel", str(channel)),
        *describe_view(view, settings.PORTAL_DOMAIN),
    ]

from __future__ import annotations

from functools import partial
from uuid import UUID

from django.db.models import Prefetch
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_safe

from channels.connecting import account_at
from channels.recipient_view import RecipientView, view_from
from conversations.lists.folders import list_of
from conversations.models import Delivery, DeliveryEvent, Message
from conversations.models.state import SCHEDULED, State
from conversations.triage.refusing import what_can_be_done, what_comes_first
from conversations.views.back import came_from
from conversations.views.live import live
from conversations.writing.reworking import can_be_reworked
from deliveryportal.accounts.access import UserRequest
from deliveryportal.accounts.models import User

NEAR = 5  # messages of the conversation that are shown before this one, and after it


@require_safe
def message(request: UserRequest, uuid: UUID) -> HttpResponse:
    """What was written, what the recipient sees, and the timeline."""
    found = get_object_or_404(
        Message.objects.visible_to(request.user)
        .select_related("conversation", "sender", "identity", "resend_of")
        .prefetch_related(
            Prefetch(
                "deliveries",
                Delivery.objects.with_hold()
                .select_related("sender", "channel", "triage_owner", "suppression")
                .prefetch_related(
                    "suppressions",
                    Prefetch("events", DeliveryEvent.objects.select_related("report")),
                ),
            ),
            Prefetch(
                "resends",
                Message.objects.select_related("conversation").order_by("pk"),
            ),
        ),
        uuid=uuid,
    )
    deliveries = list(found.deliveries.all())
    folder, listing = list_of(deliveries[0]) if deliveries else (None, None)
    is_writer = found.sender_id == request.user.pk
    waits = bool(deliveries) and all(each.state == State.QUEUED for each in deliveries)
    return live(
        request,
        "conversations/message.html",
        {
            "live_part": "conversations/_timeline.html",
            "live_back": "conversations/_back.html",
        },
        {
            "message": found,
            "resends": found.resends.all(),
            # Lazy, because the part that refreshes by itself does not show it.
            "conversation": SimpleLazyObject(partial(_around, found, request.user)),
            "deliveries": deliveries,
            "to_do": [
                (
                    each,
                    [] if waits and is_writer else what_can_be_done(each),
                    what_comes_first(each),
                )
                for each in deliveries
            ],
            "reworkable": {
                each.pk for each in deliveries if can_be_reworked(each, request.user)
            },
            "back": came_from(request),
            "folder": folder,
            "listing": listing,
            "addressed": {
                part: [each for each in deliveries if each.part == part]
                for part in Delivery.Part.values
            },
            "attachments": found.attachments.without_content()
            if found.has_attachments
            else [],
            "has_pictures": "<img" in found.body_html,
            "pictures_shown": "pictures" in request.GET,
            "can_take_back": waits and is_writer,
            "scheduled_for": deliveries[0].not_before
            if waits and deliveries[0].is_scheduled
            else None,
            "held_up": any(_is_held_up(each) for each in deliveries),
            "in_progress": any(delivery.in_progress for delivery in deliveries),
            "recipient_view": _recipient_view(found, deliveries[0])
            if deliveries
            else None,
        },
    )


def _around(message: Message, user: User) -> list[Message]:
    return (
        Message.objects.visible_to(user)
        .defer("body", "body_html")
        .prefetch_related("deliveries")
        .around(message, NEAR)
    )


def _recipient_view(message: Message, delivery: Delivery) -> RecipientView:
    """What arrives; of what has left, by the account that was connected then."""
    channel = delivery.channel
    return view_from(
        message.from_name,
        message.from_address,
        channel,
        account=None
        if delivery.state == State.QUEUED
        else account_at(channel, delivery.left_at),
    )


def _is_held_up(delivery: Delivery) -> bool:
    """Whether it waits for something else than its time."""
    wait = delivery.wait
    return wait is not None and wait[0] != SCHEDULED

from __future__ import annotations

from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.timezone import now

from channels.transports import kind_choices
from conversations.admin.delivery_actions import DeliveryActions
from conversations.admin.event import TimelineInline
from conversations.admin.reasons import ReasonColumn, ReasonFilter
from conversations.admin.records import RemoteWords, ToldAdmin
from conversations.models import Delivery, Message
from conversations.models.delivery_queryset import DeliveryQuerySet
from conversations.models.sought import with_words
from conversations.watching.figures import OVERDUE
from deliveryportal.accounts.admin import (
    AnswerFilter,
    AutocompleteSelectFilter,
    RecordAdmin,
)

IN_HAND = Delivery.State.HANDING_OVER


class Waiting(AnswerFilter):
    """Why has it not left yet?"""

    title = "waiting"
    parameter_name = "waiting"
    answers = {
        "reason": (
            "put off, with a reason",
            lambda: Q(state=Delivery.State.QUEUED) & ~Q(waiting_for=""),
        ),
        "time": (
            "for its time",
            lambda: Q(state=Delivery.State.QUEUED, not_before__gt=now()),
        ),
        "overdue": (
            "overdue: are workers running?",
            lambda: Q(state=Delivery.State.QUEUED, not_before__lt=now() - OVERDUE),
        ),
        "in_hand": (
            "not at all: a worker has it in hand",
            lambda: Q(state=IN_HAND),
        ),
        "abandoned": (
            "abandoned by a worker: is the sweeper running?",
            lambda: Q(state=IN_HAND, lease_until__lte=now()),
        ),
    }


class Archived(AnswerFilter):
    title = "archived"
    parameter_name = "archived"
    answers = {
        "no": ("in the lists", lambda: Q(archived_at=None)),
        "yes": ("archived", lambda: Q(archived_at__isnull=False)),
    }


class ChannelKind(admin.SimpleListFilter):
    title = "delivery channel"
    parameter_name = "kind"

    def lookups(
        self, request: HttpRequest, model_admin: object
    ) -> list[tuple[str, str]]:
        return kind_choices()

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Delivery]
    ) -> QuerySet[Delivery]:
        # The copy on the delivery, so that no other table is read.
        return queryset.filter(channel_kind=self.value()) if self.value() else queryset


class WhoseFilter(AutocompleteSelectFilter):
    """A team's or member's deliveries, by the lists' indexes: it has no others."""

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Delivery]
    ) -> QuerySet[Delivery]:
        found: DeliveryQuerySet = super().queryset(request, queryset)
        return found.in_lists() if self.value() else found


@admin.register(Delivery)
class DeliveryAdmin(
    DeliveryActions,
    ReasonColumn,
    RemoteWords,
    ToldAdmin[Delivery],
    RecordAdmin[Delivery],
):
    """The return path and the lease are not among the fields: both are secrets."""

    fieldsets = [
        (
            None,
            {
                "fields": [
                    "uuid",
                    "message",
                    "recipient",
                    "recipient_wire",
                    "recipient_name",
                ]
            },
        ),
        ("Way", {"fields": ["sender", "team", "channel"]}),
        (
            "Standing",
            {
                "fields": [
                    "state",
                    "state_since",
                    "attempts",
                    "not_before",
                    "waiting_for",
                    "lease_until",
                    "created_at",
                    "accepted_at",
                    "archived_at",
                ]
            },
        ),
        (
            "Why",
            {
                "fields": [
                    "why",
                    "enhanced_code",
                    "words",
                    "cause",
                    "triage",
                    "triage_owner",
                ]
            },
        ),
    ]
    inlines = [TimelineInline]
    list_display = [
        "recipient",
        "message",
        "sender",
        "team",
        "channel",
        "state",
        "why",
        "words_in_short",
        "state_since",
    ]
    list_filter = [
        "state",
        ReasonFilter,
        Waiting,
        ChannelKind,
        Archived,
        "created_at",
        ("team", WhoseFilter),
        ("sender", WhoseFilter),
    ]
    served = (
        "waiting=",
        "state__exact=queued",
        "state__exact=handing_over",
        "team",
        "sender",
    )
    list_select_related = ["message", "sender", "team", "channel"]
    search_help_text = "Recipient and subject, a Message-ID, or the id of a message."

    def with_id(self, uuid: UUID) -> Q:
        messages = list(Message.objects.filter(uuid=uuid).values_list("pk", flat=True))
        return Q(uuid=uuid) | Q(message__in=messages)

    def with_message_id(self, message_id: str) -> Q:
        return Q(message__message_id=message_id)

    def with_words(self, words: list[str]) -> Q:
        return with_words(words)

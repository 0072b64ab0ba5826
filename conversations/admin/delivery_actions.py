"""The operator's actions on deliveries of any team."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpResponse

from conversations.models import Delivery
from conversations.models.delivery_queryset import DeliveryQuerySet
from conversations.models.state import State
from conversations.sweeping import end_leases
from conversations.triage.actions import ACTIONS
from conversations.triage.carrying_out import carry_out
from conversations.triage.order import Order
from conversations.triage.refusing import Standing, refusal
from conversations.triage.remedies import RETRY
from conversations.triage.sending_again import obstacle
from deliveryportal.accounts.access import UserRequest
from deliveryportal.accounts.admin import notes_itself
from deliveryportal.accounts.admin.confirming import AT_MOST, ask, is_confirmed

if TYPE_CHECKING:
    from deliveryportal.accounts.admin import OperatorAdmin

    Base = OperatorAdmin[Delivery]
else:
    Base = object


class DeliveryActions(Base):
    actions = ["requeue", "end_leases"]

    @admin.action(description="Send again what did not arrive", permissions=["operate"])
    @notes_itself
    def requeue(
        self, request: UserRequest, chosen: QuerySet[Delivery]
    ) -> HttpResponse | None:
        """As a user's own Retry, but only where it is certain that nothing arrived."""
        deliveries = self._chosen(chosen)
        order = Order(request.user, of_many=len(deliveries) > 1)
        if not is_confirmed(request):
            return ask(
                request,
                self,
                [(each, _outlook(each, order)) for each in deliveries],
                title="Send again",
                says="Each goes into the queue as a new message of its sender, linked to "
                "the old one. What may have arrived is left to its people.",
            )
        ids = [each.pk for each in deliveries]
        skipped = carry_out(ACTIONS[RETRY], ids, order, among=Delivery.objects.all())
        for each in deliveries:
            if each.pk not in skipped:
                self.log_change(request, each, "Sent again")
        messages.success(request, f"{len(ids) - len(skipped)} sent again.")
        for why in sorted(set(skipped.values())):
            number = sum(each == why for each in skipped.values())
            messages.warning(request, f"{number} not sent again. {why}")
        return None

    @admin.action(description="End the lease", permissions=["operate"])
    @notes_itself
    def end_leases(
        self, request: UserRequest, chosen: QuerySet[Delivery]
    ) -> HttpResponse | None:
        deliveries = self._chosen(chosen)
        if not is_confirmed(request):
            return ask(
                request,
                self,
                [(each, _after_its_lease(each)) for each in deliveries],
                title="End the lease",
                says="Only where the worker is gone: one that is still at it will find "
                "its lease taken away.",
            )
        ended = 0
        for each in deliveries:
            if end_leases(Delivery.objects.filter(pk=each.pk, state=each.state)):
                ended += 1
                self.log_change(request, each, "Lease ended")
        messages.success(request, f"{ended} ended. The next sweep takes them up.")
        return None

    def _chosen(self, chosen: QuerySet[Delivery]) -> DeliveryQuerySet:
        pks = list(chosen.order_by("-pk").values_list("pk", flat=True)[:AT_MOST])
        return (
            Delivery.objects.filter(pk__in=pks)
            .with_confirmed()
            .select_related("message__identity", "sender", "channel", "suppression")
            .prefetch_related("message__resends__conversation", "suppressions")
            .order_by("-pk")
        )


def _outlook(delivery: Delivery, order: Order) -> str:
    standing = Standing.of(delivery)
    why = refusal(ACTIONS[RETRY], standing, of_many=order.of_many) or obstacle(
        delivery, delivery.channel, order
    )
    return f"is left alone. {why}" if why else "is sent again"


def _after_its_lease(delivery: Delivery) -> str:
    return (
        "becomes Unconfirmed if its worker may have begun it: its people decide; else it "
        "goes back into the queue"
        if delivery.state == State.HANDING_OVER
        else "is left alone: no worker has it in hand"
    )

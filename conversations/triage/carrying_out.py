"""Carrying out an action: each delivery is checked first, or skipped with a reason."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction

from conversations.models import Delivery
from conversations.models.delivery_queryset import DeliveryQuerySet
from conversations.triage.actions import Action
from conversations.triage.order import Order, Skipped
from conversations.triage.refusing import Standing, refusal
from conversations.triage.remedies import RESENDING
from conversations.triage.sending_again import in_its_way

GONE = "It is gone, or not yours to see any more."


@transaction.atomic
def carry_out(
    action: Action,
    ids: Collection[int],
    order: Order,
    among: DeliveryQuerySet | None = None,
) -> Skipped:
    """Do the action to the deliveries it can help; return why others were skipped.

    Only deliveries that `order.by` may see, or those in `among`, which an admin passes.
    Their rows are locked, so that people's decisions and servers' answers take turns.
    """
    if among is None:
        among = Delivery.objects.visible_to(order.by)
    deliveries = list(
        among.filter(pk__in=ids)
        .with_confirmed()
        .select_for_update(of=("self",))
        .select_related("message__identity", "message__conversation", "message__sender")
        .select_related("sender", "channel", "suppression")
        .prefetch_related("suppressions", "message__deliveries")
        .order_by("pk")
    )
    skipped = dict.fromkeys(set(ids) - {each.pk for each in deliveries}, GONE)
    for each in deliveries:
        standing = Standing.of(each)
        if why := refusal(action, standing, of_many=order.of_many):
            # Sending it again is what has decided about it, if nothing else has.
            again = standing.decided and action.key in RESENDING
            skipped[each.pk] = (again and in_its_way(each)) or why
    skipped |= action.act(
        [each for each in deliveries if each.pk not in skipped], order
    )
    return skipped

"""Putting mail away, out of the lists, and getting it back."""

from __future__ import annotations

from django.utils.timezone import now

from conversations.models import Delivery
from conversations.triage import deciding
from conversations.triage.order import Order, Skipped


def archive(deliveries: list[Delivery], order: Order) -> Skipped:
    skipped = {
        each.pk: "It is archived already." for each in deliveries if each.archived_at
    }
    rest = [each for each in deliveries if each.pk not in skipped]
    Delivery.objects.filter(pk__in=[each.pk for each in rest], archived_at=None).update(
        archived_at=now()
    )
    deciding.archived(rest, order)
    return skipped


def unarchive(deliveries: list[Delivery], order: Order) -> Skipped:
    """Back into the lists; what was decided about it stays decided."""
    skipped = {
        each.pk: "It is not archived." for each in deliveries if not each.archived_at
    }
    Delivery.objects.filter(
        pk__in=[each.pk for each in deliveries if each.pk not in skipped]
    ).update(archived_at=None)
    return skipped

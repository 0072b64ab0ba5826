"""Archiving mail, which takes it out of the lists, and unarchiving it."""

from __future__ import annotations

from django.utils.timezone import now

from conversations.models import Delivery
from conversations.models.delivery_queryset import DeliveryQuerySet
from conversations.triage import deciding
from conversations.triage.order import Order, Skipped


def archive(deliveries: list[Delivery], order: Order) -> Skipped:
    _of(deliveries).update(archived_at=now())
    deciding.archived(deliveries, order)
    return {}


def unarchive(deliveries: list[Delivery], order: Order) -> Skipped:
    """Bring mail back into the lists; its triage stays as it is."""
    _of(deliveries).update(archived_at=None)
    return {}


def _of(deliveries: list[Delivery]) -> DeliveryQuerySet:
    return Delivery.objects.filter(pk__in=[each.pk for each in deliveries])

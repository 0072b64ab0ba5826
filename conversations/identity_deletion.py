"""What happens to queued mail written as an email identity when that is deleted."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver
from django.urls import reverse

from channels.identity_deletion import Consequence, being_deleted, consequences_asked
from channels.models import EmailIdentity
from conversations.failing_unsent import fail_unsent, not_begun
from conversations.models import Delivery

ONE = (
    "One message written as this identity still waits to be sent. It will not be sent: "
    "it will stand under Failed deliveries."
)
SEVERAL = (
    "{number} messages written as this identity still wait to be sent. They will not "
    "be sent: they will stand under Failed deliveries."
)


@receiver(consequences_asked)
def say_what_waits(identity: EmailIdentity, **kwargs: Any) -> Consequence | None:
    written = Delivery.objects.filter(message__identity=identity)
    number = not_begun(written).count()
    if not number:
        return None
    return Consequence(
        affected=number,
        words=ONE if number == 1 else SEVERAL.format(number=number),
        url=reverse("conversations:pending"),
    )


@receiver(being_deleted)
def cancel_what_waits(identity: EmailIdentity, **kwargs: Any) -> None:
    fail_unsent(
        Delivery.objects.filter(message__identity=identity),
        f"The email identity {identity.address} was deleted before this could leave. "
        "Nothing was sent.",
    )

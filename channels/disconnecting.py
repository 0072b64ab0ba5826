from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.db import transaction
from django.dispatch import Signal
from django.utils.timezone import now

from channels.models import Channel, ChannelChoice, EmailIdentity
from channels.secrets import SecretUnreadableError
from deliveryportal.accounts.auditing import Area, record
from deliveryportal.accounts.models import User

# Sent with `channel`; a receiver returns how many mails have not left by it yet.
waiting_asked = Signal()
# Sent inside the transaction, with `channel`: what still waits for it cannot go.
disconnected = Signal()


def number_waiting(channel: Channel) -> int:
    """How many mails cannot leave any more once it is disconnected, whoever wrote them."""
    answers: list[tuple[Any, Any]] = waiting_asked.send(Channel, channel=channel)
    return sum(number for _, number in answers)


def disconnect(channel: Channel, *, by: User) -> None:
    """Give the grant back, forget the credentials, and let mail go by the default again.

    The row stays for the mail that went by it, and for connecting again.
    """
    with suppress(SecretUnreadableError):  # then there is nothing to give back with
        channel.transport_class.disconnect(
            channel.transport_settings, channel.credentials
        )
    with transaction.atomic():
        ChannelChoice.objects.filter(channel=channel).delete()
        EmailIdentity.objects.filter(channel=channel).update(channel=None)
        channel.credentials = {}
        channel.disconnected_at = now()
        channel.renewal_until = None  # a renewal under way stores nothing any more
        channel.save(update_fields=["credentials", "disconnected_at", "renewal_until"])
        disconnected.send(Channel, channel=channel)
        record(
            Area.CREDENTIALS,
            "Disconnected the delivery channel",
            channel,
            by=by,
            **channel.of_the_log,
        )

"""Credentials that expire are renewed before use, by one process at a time."""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from django.utils.timezone import now

from channels.models import Channel
from channels.secrets import SecretUnreadableError
from channels.transports import Transport, TransportError, Verdict

logger = logging.getLogger(__name__)

# Longer than one renewal can take: a process that dies in it blocks no other for long.
LEASE = timedelta(seconds=60)
# Seconds: how long to wait for another process's renewal, and how often to look.
PATIENCE = 10.0
INTERVAL = 0.1


def open_channel(channel: Channel) -> Transport:
    """Open the channel with credentials that are good; raise TransportError."""
    try:
        if _expired(channel):
            renew(channel)
        return channel.open_transport()
    except (SecretUnreadableError, ValueError, KeyError) as error:
        logger.error("Channel %s cannot be opened: %r", channel.uuid, str(error))
        raise TransportError(
            "The channel’s settings cannot be used.", Verdict.CHANNEL_DOWN
        ) from None


def renew(channel: Channel) -> None:
    """Renew the credentials, or wait until whoever is renewing them has done it.

    No row is locked while the provider is asked. Raises TransportError:
    CHANNEL_BROKEN if the grant is gone, CHANNEL_DOWN if there are no fresh
    credentials for another reason. Nothing has been sent.
    """
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if _take(channel):
            return _renew_alone(channel)
        channel.refresh_from_db(fields=["credentials"])
        if not _expired(channel):
            return None
        time.sleep(INTERVAL)
    raise TransportError(
        "Its sign-in is being renewed and that takes long.", Verdict.CHANNEL_DOWN
    )


def _take(channel: Channel) -> bool:
    """Become the one process that renews, for the time of a lease."""
    until = now() + LEASE
    free = Channel.objects.filter(pk=channel.pk).exclude(renewal_until__gt=now())
    if not free.update(renewal_until=until):
        return False
    channel.renewal_until = until
    return True


def _renew_alone(channel: Channel) -> None:
    # Whoever had it before may have renewed them since they were read.
    channel.refresh_from_db(fields=["credentials"])
    ours = Channel.objects.filter(pk=channel.pk, renewal_until=channel.renewal_until)
    try:
        if _expired(channel):
            channel.credentials = channel.transport_class.renew(
                channel.transport_settings, channel.credentials
            )
            # Connected again meanwhile: those credentials are newer than these.
            if not ours.update(credentials=channel.credentials):
                channel.refresh_from_db(fields=["credentials"])
    finally:
        ours.update(renewal_until=None)
        channel.renewal_until = None


def _expired(channel: Channel) -> bool:
    return channel.transport_class.needs_renewal(channel.credentials, now())

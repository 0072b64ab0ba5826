"""What follows once a channel is known to work, whatever its kind."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.timezone import now

from channels.allowance import ask_the_provider_again
from channels.models import Channel, ChannelChoice
from channels.pausing import mended, resume
from channels.routing import channel_in_use
from channels.transports import Traits
from deliveryportal.accounts.auditing import Area, record
from deliveryportal.accounts.models import AuditEntry, Team, User

CONNECTED = "Connected the delivery channel"


@transaction.atomic
def connected(channel: Channel, *, by: User) -> None:
    """`by` has just connected `channel`, or connected it again.

    Mail that waited for it goes on. The first channel of their own that a person
    connects becomes their choice; connecting another one changes no choice.
    """
    channel.connected_at = now()
    channel.save(update_fields=["connected_at"])
    if channel.owner_id == by.pk:
        ChannelChoice.objects.get_or_create(user=by, defaults={"channel": channel})
    ask_the_provider_again(channel)
    if not resume(channel):
        # It was not broken, but mail may wait because it was down.
        mended.send(Channel, channel=channel)
    record(
        Area.CREDENTIALS,
        CONNECTED,
        channel,
        by=by,
        **channel.of_the_log,
    )


def account_at(channel: Channel, at: datetime) -> str:
    """The address of the account that was connected then: it may be another one now."""
    since = channel.connected_at
    if since is None or since <= at or channel.owner is None:
        return channel.address
    earlier = AuditEntry.objects.filter(
        team=channel.owner.team_id,
        actor=channel.owner,
        at__lte=at,
        action=CONNECTED,
        subject=str(channel),
    )
    details = earlier.order_by("-id").values_list("details", flat=True).first()
    return str((details or {}).get("account") or channel.address)


def mends(kind: str, *, user: User, team: Team | None = None) -> bool:
    """Whether to connect this kind is to mend a channel that stopped working."""
    broken = Channel.objects.broken_for(user)
    return broken.filter(kind=kind, team=team).exists()


def after_connecting(channel: Channel, *, user: User, mended: bool) -> str:
    """Say what it means for the mail of `user`, and of a team, that it is connected."""
    if mended:
        return "It works again: mail that waited for it is leaving now."
    if channel.team_id:
        return for_the_team(channel.traits)
    if channel_in_use(user) == channel:
        return "Your mail leaves by it now."
    return "Choose it to let your mail leave by it."


def for_the_team(traits: Traits) -> str:
    """Say what it means for a team to have a channel of this kind."""
    untracked = (
        "Bounces of that mail are not recorded here: only what the server refuses on "
        "the spot appears under Failed deliveries."
    )
    everybody = (
        "Mail of every member who has not chosen a delivery channel leaves by the team’s "
        "server, when they write as their default identity."
    )
    return everybody if traits.records_bounces else f"{everybody} {untracked}"

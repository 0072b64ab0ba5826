"""Sending again through another channel, and what that changes for the recipient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Q

from channels.describing import Fact, describe_view
from channels.models import Channel
from channels.recipient_view import view_from
from conversations.models import Delivery, Message
from conversations.triage.order import Order, Skipped
from conversations.triage.sending_again import send_again
from deliveryportal.accounts.models import User


def send_through_another(deliveries: list[Delivery], order: Order) -> Skipped:
    channel = Channel.objects.filter(uuid=order.options["channel"]).first()
    skipped = {
        delivery.pk: f"{channel} is the channel it failed on: retry it instead."
        for delivery in deliveries
        if channel and delivery.channel_id == channel.pk
    }
    others = [each for each in deliveries if each.pk not in skipped]
    return skipped | send_again(others, order, lambda delivery: channel)


def channels_offered(user: User) -> list[Channel]:
    """Working channels usable for mail that the user may send again."""
    owned = Q(owner=user)
    if user.is_manager:
        owned |= Q(owner__team=user.team_id)
    return list(
        Channel.objects.working()
        .filter(owned | Q(team=user.team_id) | Q(owner=None, team=None))
        .select_related("owner")
        .order_by("owner__name", "pk")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One fact for the recipient or the sender, before and after the change."""

    term: str
    before: str
    after: str

    @property
    def differs(self) -> bool:
        return self.before != self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A channel that may be chosen, and what it changes for each identity."""

    channel: Channel
    whose: str
    changes: list[tuple[str, list[Change]]]


def what_changes(user: User, deliveries: Iterable[Delivery]) -> list[Offered]:
    """For each channel that may be chosen, what it changes, by identity.

    Without examples, all that may be chosen for anything.
    """
    # Newest first, of which each identity's newest on each channel counts.
    examples: dict[tuple[str, int], Delivery] = {}
    for each in deliveries:
        examples.setdefault((each.message.written_as, each.channel_id), each)
    several = {
        name
        for name, number in Counter(name for name, _ in examples).items()
        if number > 1
    }
    return [
        Offered(
            channel=channel,
            whose=_whose(channel, user),
            changes=[
                (
                    f"{name} by {each.channel}" if name in several else name,
                    _changes(each, channel),
                )
                for (name, _), each in examples.items()
                if each.channel_id != channel.pk
            ],
        )
        for channel in channels_offered(user)
        if not examples
        or any(
            channel.pk != each.channel_id and channel.may_be_used_by(each.sender)
            for each in examples.values()
        )
    ]


def _whose(channel: Channel, user: User) -> str:
    if channel.owner:
        return "yours" if channel.owner == user else f"of {channel.owner}"
    return "your team’s" if channel.team_id else "for everybody"


def _changes(delivery: Delivery, channel: Channel) -> list[Change]:
    before = _facts(delivery.message, delivery.channel)
    after = _facts(delivery.message, channel)
    return [
        Change(term=old.term, before=old.words, after=new.words)
        for old, new in zip(before, after, strict=True)
    ]


def _facts(message: Message, channel: Channel) -> list[Fact]:
    view = view_from(message.from_name, message.from_address, channel)
    return describe_view(view, settings.PORTAL_DOMAIN)

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Self

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from channels.models.channel import Channel
from channels.models.reading import instances
from channels.throttle import Room, Usage
from channels.transports import Pace, kind_choices
from deliveryportal.accounts.models import User

MAX_SECONDS = 3600  # for anything longer there is the daily limit


class SendingLimitQuerySet(models.QuerySet["SendingLimit"]):
    def by_kind(self, team_id: int) -> dict[str, SendingLimit]:
        return {limit.kind: limit for limit in self.filter(team=team_id)}

    def paces(self, team_id: int) -> dict[str, Pace]:
        return {kind: limit.pace for kind, limit in self.by_kind(team_id).items()}


class SendingLimit(models.Model):
    """A team's own limit for a kind of channel; no row: the kind's own pace."""

    team = models.ForeignKey(
        "accounts.Team", on_delete=models.CASCADE, related_name="sending_limits"
    )
    kind = models.CharField(max_length=30, choices=kind_choices)
    messages = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)]
    )
    seconds = models.PositiveIntegerField(
        default=45, validators=[MinValueValidator(1), MaxValueValidator(MAX_SECONDS)]
    )
    per_day = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)]
    )

    objects = SendingLimitQuerySet.as_manager()

    class Meta:
        constraints = [
            # "The team's limit" for a kind is one.
            models.UniqueConstraint(
                fields=["team", "kind"], name="channels_limit_one_a_kind"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.team}: {self.get_kind_display()}"

    @property
    def pace(self) -> Pace:
        return Pace(messages=self.messages, seconds=self.seconds, per_day=self.per_day)


def pace_of(channel: Channel, team_id: int) -> Pace:
    """Return how fast a member of the team may send on the channel."""
    limit = SendingLimit.objects.filter(team=team_id, kind=channel.kind).first()
    return _pace(channel, limit.pace if limit else None)


def pace_for(channel: Channel, sender_id: int) -> Pace:
    """The same, asked for a sender: at every look into a lane, so by hand."""
    found = instances(
        SendingLimit,
        "SELECT {columns} FROM channels_sendinglimit WHERE kind = %s "
        "AND team_id = (SELECT team_id FROM accounts_user WHERE id = %s)",
        [channel.kind, sender_id],
    )
    return _pace(channel, found[0].pace if found else None)


def _pace(channel: Channel, of_team: Pace | None) -> Pace:
    provider = channel.config.get("per_day")  # the provider's own, of this account
    if of_team is None:
        pace = channel.traits.pace
        return replace(pace, per_day=provider) if provider else pace
    if provider is None:
        return of_team
    return replace(of_team, per_day=min(provider, of_team.per_day or provider))


class AllowanceQuerySet(models.QuerySet["Allowance"]):
    def on_hold(self, at: datetime) -> Self:
        return self.filter(held_until__gt=at)

    def of_lane(self, channel: Channel, sender: User) -> Allowance:
        """Return the lane's allowance to look at; a fresh one if nothing was sent."""
        found = self.filter(channel=channel, sender=sender).first()
        return found or Allowance(channel=channel, sender=sender)

    def locked(self, channel_id: int, sender_id: int) -> Allowance:
        """Return the lane's allowance, to this transaction alone until it ends."""
        row = self.select_for_update().filter(channel=channel_id, sender=sender_id)
        if found := row.first():
            return found
        self.get_or_create(channel_id=channel_id, sender_id=sender_id)
        return row.get()

    def locked_with_pace(
        self, channel: Channel, sender_id: int
    ) -> tuple[Allowance, Pace]:
        """The same, and how fast it may send, in one query."""
        limit = SendingLimit.objects.filter(
            kind=channel.kind, team__members=models.OuterRef("sender")
        )
        asked = self.annotate(
            **{
                f"limit_{name}": models.Subquery(limit.values(name)[:1])
                for name in ("messages", "seconds", "per_day")
            }
        )
        row = asked.locked(channel.pk, sender_id)
        messages, seconds, per_day = (
            getattr(row, f"limit_{name}") for name in ("messages", "seconds", "per_day")
        )
        if seconds is None:  # never so in a limit that is there
            return row, _pace(channel, None)
        pace = Pace(messages=messages, seconds=seconds, per_day=per_day)
        return row, _pace(channel, pace)


class Allowance(models.Model):
    """What one user has sent lately on one channel, and until when the lane rests."""

    channel = models.ForeignKey(
        "channels.Channel", on_delete=models.CASCADE, related_name="allowances"
    )
    sender = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    recent = models.JSONField(default=list)
    hours = models.JSONField(default=list)
    held_until = models.DateTimeField(null=True, blank=True)
    held_because = models.CharField(max_length=200, blank=True)

    objects = AllowanceQuerySet.as_manager()

    class Meta:
        constraints = [
            # Workers that share a lane share its allowance.
            models.UniqueConstraint(
                fields=["channel", "sender"], name="channels_allowance_one_a_lane"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sender} on {self.channel}"

    @property
    def usage(self) -> Usage:
        return Usage(
            recent=[(when, number) for when, number in self.recent],
            hours=[(when, number) for when, number in self.hours],
        )

    def room(self, pace: Pace, at: datetime, wanted: int) -> Room:
        """Return how many may go; if none, the lane is on hold from now on."""
        if self.held_until is not None and self.held_until > at:
            return Room(0, self.held_until, self.held_because)
        room = self.usage.room(pace, at, wanted)
        self.held_until, self.held_because = room.until, room.because
        return room

    def spend(self, number: int, pace: Pace, at: datetime) -> None:
        usage = self.usage
        usage.spend(number, pace, at)
        self.recent, self.hours = usage.recent, usage.hours
        self.save()

    def give_back(self, number: int) -> None:
        usage = self.usage
        usage.give_back(number)
        self.recent, self.hours = usage.recent, usage.hours
        self.save()

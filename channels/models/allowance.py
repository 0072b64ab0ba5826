from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple, Self, TypeAlias

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import DEFAULT_DB_ALIAS, models
from django.db.models.sql import UpdateQuery

from channels.database.prepared import Sql
from channels.database.reading import instances
from channels.models.channel import Channel
from channels.throttle import Room, Sent, Usage
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


def _pace(channel: Channel, of_team: Pace | None) -> Pace:
    provider = channel.config.get("per_day")  # the provider's own, of this account
    if of_team is None:
        pace = channel.traits.pace
        return replace(pace, per_day=provider) if provider else pace
    if provider is None:
        return of_team
    return replace(of_team, per_day=min(provider, of_team.per_day or provider))


class Also(NamedTuple):
    """More to read with a lane's allowance, where `sender` is the row of its user."""

    columns: Mapping[str, str]  # attribute of the answer → what SELECT asks for
    join: str
    parameters: Sequence[Any]


Changes: TypeAlias = dict[str, Any]  # by the names of fields

NO_HOLD: Changes = {"held_until": None, "held_because": ""}
NOTHING = Also({}, "", ())
LIMIT = ("messages", "seconds", "per_day")


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

    def asked(
        self, channel: Channel, sender_id: int, also: Also = NOTHING
    ) -> list[Allowance]:
        """Return the lane's allowance with its `pace`, once for each row of `also`.

        Nothing if the sender is gone. Asked at every look into a lane, so by hand.
        """
        also_asked = "".join(f", {column}" for column in also.columns.values())
        rows = instances(
            self.model,
            "SELECT {columns}, of_team.messages, of_team.seconds, of_team.per_day"  # noqa: S608
            f"{also_asked} FROM accounts_user sender "
            "LEFT JOIN channels_sendinglimit of_team "
            "ON of_team.team_id = sender.team_id AND of_team.kind = %s "
            "LEFT JOIN channels_allowance "
            "ON channels_allowance.sender_id = sender.id "
            "AND channels_allowance.channel_id = %s "
            f"{also.join} WHERE sender.id = %s",
            [channel.kind, channel.pk, *also.parameters, sender_id],
            annotated=[*LIMIT, *also.columns],
        )
        for row in rows:
            messages, seconds, per_day = (getattr(row, name) for name in LIMIT)
            # A limit always has seconds: without them the team has none.
            limited = seconds is not None
            of_team = Pace(messages=messages, seconds=seconds, per_day=per_day)
            row.pace = _pace(channel, of_team if limited else None)
            if not row.pk:
                row.channel_id, row.sender_id = channel.pk, sender_id
                row.recent, row.hours, row.held_because = [], [], ""
        return rows


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

    pace: Pace  # set by `asked` alone

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

    def rests(self, at: datetime) -> bool:
        return self.held_until is not None and self.held_until > at

    def room(self, at: datetime, wanted: int) -> Room:
        """Return how many may go, at the `pace` that was asked for."""
        if self.rests(at):
            return Room(0, self.held_until, self.held_because)
        return self.usage.room(self.pace, at, wanted)

    def spent(self, number: int, at: datetime, gone_by: datetime) -> Changes:
        """Return the changes that count `number` messages as in hand."""
        usage = self.usage
        usage.spend(number, self.pace, at, gone_by)
        return {"recent": usage.recent, "hours": usage.hours, **NO_HOLD}

    def gone(self, in_hand: Sent, number: int, at: datetime) -> bool:
        """Of what was in hand until these moments, count `number` as gone by now and the
        rest as not sent, unless somebody else has been quicker.

        A hold that the limit itself has put on the lane ends: there is room sooner.
        """
        usage = self.usage
        limit = usage.room(self.pace, at, 1)
        usage.correct(in_hand, number, at)
        ends = limit.because and self.held_because == limit.because
        return self._change(
            {"recent": usage.recent, "hours": usage.hours, **(NO_HOLD if ends else {})}
        )

    def rest(self, until: datetime | None, because: str) -> bool:
        """Let the lane be on hold, unless somebody has changed anything meanwhile."""
        return self._change({"held_until": until, "held_because": because})

    def update(self, changes: Changes) -> Sql:
        """Return the UPDATE that changes the row if it is still as it was read."""
        query: Any = self._as_read.query.chain(UpdateQuery)
        query.add_update_values(changes)
        return Sql(*query.get_compiler(DEFAULT_DB_ALIAS).as_sql())

    def now_has(self, changes: Changes) -> None:
        for name, value in changes.items():
            setattr(self, name, value)

    def _change(self, changes: Changes) -> bool:
        """Change the row if it is still as it was read; return whether it was."""
        changed = bool(self._as_read.update(**changes))
        if changed:
            self.now_has(changes)
        return changed

    @property
    def _as_read(self) -> AllowanceQuerySet:
        """The row, made if there is none, unless it has been changed since."""
        if not self.pk:
            made, _ = Allowance.objects.get_or_create(
                channel_id=self.channel_id, sender_id=self.sender_id
            )
            self.pk = made.pk
        return Allowance.objects.filter(
            pk=self.pk,
            recent=self.recent,
            hours=self.hours,
            held_until=self.held_until,
        )

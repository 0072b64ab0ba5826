from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Coalesce, Concat
from django.utils.timezone import now

from channels.addresses import AddressError, shown_domain, wire_domain
from channels.database.prepared import Sql, moment
from channels.models.allowance import Also
from deliveryportal.accounts.models import User


class Scope(models.TextChoices):
    """Which mail a hold applies to."""

    EVERYTHING = "everything"
    TEAM = "team", "one team"
    SENDER = "sender", "one user"
    CHANNEL = "channel", "one channel"
    DOMAIN = "domain", "one recipient domain"
    # Never placed by hand: a recipient domain asked one channel to slow down.
    SLOWED = "slowed", "a domain that asked a channel to slow down"


# The fields of a hold that must be set for each scope. A delivery's fields have the
# same names, except for the domain: see ON_DELIVERY.
KEYS: dict[Scope, tuple[str, ...]] = {
    Scope.EVERYTHING: (),
    Scope.TEAM: ("team",),
    Scope.SENDER: ("sender",),
    Scope.CHANNEL: ("channel",),
    Scope.DOMAIN: ("domain",),
    Scope.SLOWED: ("channel", "domain"),
}
ON_DELIVERY = {
    "team": "team_id",
    "sender": "sender_id",
    "channel": "channel_id",
    "domain": "recipient_domain",
}
OPEN_END = datetime(9999, 1, 1, tzinfo=UTC)


def _shape(scope: Scope) -> models.Q:
    given = KEYS[scope]
    return models.Q(scope=scope) & models.Q(
        **{
            f"{name}__isnull": name not in given
            for name in ("team", "sender", "channel")
        },
        **({"domain__gt": ""} if "domain" in given else {"domain": ""}),
    )


def _any_shape() -> models.Q:
    shapes = models.Q()
    for scope in Scope:
        shapes |= _shape(scope)
    return shapes


class HoldQuerySet(models.QuerySet["Hold"]):
    def in_force(self, at: datetime) -> Self:
        return self.filter(
            models.Q(until=None) | models.Q(until__gt=at), lifted_at=None
        )

    def scopes(self) -> set[Scope]:
        return {
            Scope(scope) for scope in self.values_list("scope", flat=True).distinct()
        }

    def by_admins(self) -> Self:
        return self.exclude(scope=Scope.SLOWED)

    def by_scope(self) -> dict[str, int]:
        """The number of holds by scope."""
        scopes = self.order_by().values_list("scope")
        return dict(scopes.annotate(models.Count("pk")))

    def over_writer(self, user: User) -> Self:
        """Holds that may apply to mail this user writes."""
        return self.filter(
            models.Q(team=None) | models.Q(team=user.team_id),
            models.Q(sender=None) | models.Q(sender=user),
        )

    def over(self, scope: Scope) -> Self:
        """Holds of `scope` that apply to the delivery of the outer query."""
        return self.filter(
            scope=scope,
            **{key: models.OuterRef(ON_DELIVERY[key]) for key in KEYS[scope]},
        )

    def with_words(self) -> Self:
        """Annotate `words`, which people whose mail waits read, and `ends`."""
        by_hand = Concat(models.Value("Paused by an admin: "), "because")
        return self.annotate(
            words=models.Case(
                models.When(scope=Scope.SLOWED, then="because"), default=by_hand
            ),
            ends=Coalesce("until", models.Value(OPEN_END)),
        )


def over_lane(channel_id: int, at: datetime) -> Also:
    """For `Allowance.objects.asked`: the holds in force that may apply to the lane."""
    return Also(
        {
            "hold_id": "hold.id",
            "hold_team_id": "hold.team_id",
            "hold_domain": "hold.domain",
        },
        "LEFT JOIN conversations_hold hold ON hold.lifted_at IS NULL "
        "AND (hold.until IS NULL OR hold.until > %s) "
        "AND (hold.channel_id IS NULL OR hold.channel_id = %s) "
        "AND (hold.sender_id IS NULL OR hold.sender_id = sender.id)",
        (moment(at), channel_id),
    )


def over_none(at: datetime) -> Sql:
    """A guard for UPDATEs: the delivery is under no hold that is in force.

    Slowed domains are a query of their own, found by an index; other holds are few.
    """
    of_the_row = (
        f"(hold.{column} IS NULL OR hold.{column} = conversations_delivery.{column})"
        for column in ("team_id", "sender_id", "channel_id")
    )
    return Sql(
        "NOT EXISTS (SELECT 1 FROM conversations_hold hold WHERE scope = 'slowed' "  # noqa: S608
        "AND hold.channel_id = conversations_delivery.channel_id "
        "AND domain = conversations_delivery.recipient_domain "
        "AND lifted_at IS NULL AND until > %s) "
        "AND NOT EXISTS (SELECT 1 FROM conversations_hold hold "
        f"WHERE scope IN ({_BY_HAND}) AND lifted_at IS NULL "
        "AND (until IS NULL OR until > %s) "
        f"AND {' AND '.join(of_the_row)} "
        "AND domain IN ('', conversations_delivery.recipient_domain))",
        (at, at),
    )


_BY_HAND = ", ".join(f"'{scope}'" for scope in Scope if scope is not Scope.SLOWED)


class HeldBack(NamedTuple):
    """Which of a lane's due mail has to wait."""

    everything: bool = False
    teams: Collection[int] = ()
    domains: Collection[str] = ()

    @classmethod
    def of(cls, rows: Iterable[Any]) -> HeldBack:
        """Make it from the rows that `over_lane` adds."""
        placed = [row for row in rows if row.hold_id is not None]
        teams = {row.hold_team_id for row in placed} - {None}
        domains = {row.hold_domain for row in placed} - {""}
        named = [row.hold_team_id or row.hold_domain for row in placed]
        return cls(not all(named), teams, domains)


class Hold(models.Model):
    """Lets due mail wait, because an admin or a recipient domain asked for it.

    Kept when it is over, as a record of who paused what and who resumed it, and when.
    """

    Scope = Scope

    scope = models.CharField("what", max_length=10, choices=Scope)
    team = models.ForeignKey(
        "accounts.Team",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
    )
    sender = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        verbose_name="user",
    )
    channel = models.ForeignKey(
        "channels.Channel",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
    )
    domain = models.CharField(
        "recipient domain", max_length=254, blank=True, help_text="As in customer.com."
    )
    until = models.DateTimeField(
        null=True, blank=True, help_text="Empty: until somebody resumes it."
    )
    because = models.CharField(
        max_length=200, help_text="The people whose mail waits read this."
    )
    # How often in a row the domain has asked: each makes the pause longer.
    times = models.PositiveSmallIntegerField(default=0, editable=False)
    placed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="+",
    )
    placed_at = models.DateTimeField(default=now, editable=False)
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="+",
    )
    lifted_at = models.DateTimeField(null=True, editable=False)

    objects = HoldQuerySet.as_manager()

    class Meta:
        verbose_name = "pause"  # as people call it
        indexes = [
            # Holds in force, among all there ever were: for claiming, sweeping, pages.
            models.Index(
                fields=["scope", "channel", "domain"],
                condition=models.Q(lifted_at=None),
                name="conv_hold_in_force",
            ),
        ]
        constraints = [
            # A hold without the keys of its scope would stop more mail than was meant.
            models.CheckConstraint(condition=_any_shape(), name="conv_hold_shape"),
            # Workers that a domain asks at the same moment share one row.
            models.UniqueConstraint(
                fields=["channel", "domain"],
                condition=models.Q(scope="slowed"),
                name="conv_hold_slowed_once",
            ),
        ]

    def __str__(self) -> str:
        return self.what

    @property
    def what(self) -> str:
        """The mail it applies to, in words."""
        named = [
            str(getattr(self, key))
            for key in KEYS[Scope(self.scope)]
            if key != "domain"
        ]
        if self.domain:
            named.append(f"mail to {self.shown_domain}")
        return ", ".join(named) or "Everything"

    @property
    def shown_domain(self) -> str:
        return shown_domain(self.domain)

    def clean(self) -> None:
        domain = self.domain.strip().rstrip(".").rpartition("@")[2]
        try:
            self.domain = wire_domain(domain) if domain else ""
        except AddressError as error:
            raise ValidationError({"domain": str(error)}) from None
        if self.scope not in KEYS:
            return  # the field has its own error
        wanted = KEYS[Scope(self.scope)]
        given = {key for key in ON_DELIVERY if getattr(self, key)}
        errors = {key: "Say which." for key in wanted if key not in given}
        errors |= {
            key: f"This does not go with “{self.get_scope_display()}”: leave it empty."
            for key in given
            if key not in wanted
        }
        if self.until is not None and self.until <= now():
            errors["until"] = "This time has passed."
        if errors:
            raise ValidationError(errors)

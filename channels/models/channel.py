from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.utils.timezone import now

from channels.database.quick_rows import QuickRowsModel
from channels.database.reading import instances
from channels.fields import EncryptedJSONField
from channels.remote_words import RemoteWordsField
from channels.transports import (
    Scope,
    Traits,
    Transport,
    all_transports,
    kind_choices,
    transport_class,
)
from deliveryportal.accounts.models import User

_TO_CHOOSE_FROM = """
FROM channels_channel LEFT JOIN channels_channelchoice choice
ON choice.channel_id = channels_channel.id AND choice.user_id = %(user_id)s
WHERE disconnected_at IS NULL AND (owner_id = %(user_id)s OR team_id = %(users_team)s
OR owner_id IS NULL AND team_id IS NULL) ORDER BY channels_channel.id
"""
# The ids found are those that were `seen`; the chosen channel's has a minus.
_SEEN = f"""
%(seen)s = ARRAY(SELECT CASE WHEN choice.id IS NULL
THEN channels_channel.id ELSE -channels_channel.id END {_TO_CHOOSE_FROM})
"""


class ChannelQuerySet(models.QuerySet["Channel"]):
    def usable_by(self, user: User) -> Self:
        """Theirs, their team's, and the installation's."""
        return self.connected().filter(
            models.Q(owner=user)
            | models.Q(team=user.team_id)
            | models.Q(owner=None, team=None)
        )

    def connected(self) -> Self:
        return self.filter(disconnected_at=None)

    def working(self) -> Self:
        return self.connected().filter(health=Channel.Health.WORKING)

    def working_one(self, pk: int) -> Channel | None:
        """The one with this key, if it works. Asked at every turn of a lane, so by hand."""
        found = instances(
            self.model,
            "SELECT {columns} FROM channels_channel "
            "WHERE id = %s AND disconnected_at IS NULL AND health = 'working'",
            [pk],
        )
        return found[0] if found else None

    def kept_by(self, user: User) -> Self:
        """What a person may change: their own, and as a manager the team's."""
        mine = models.Q(owner=user)
        if user.is_manager:
            mine |= models.Q(team=user.team_id)
        return self.connected().filter(mine)

    def broken_for(self, user: User) -> Self:
        """What a person has to mend before mail goes on: theirs, their team's."""
        return self.connected().filter(
            models.Q(owner=user) | models.Q(team=user.team_id),
            health=Channel.Health.PAUSED,
        )

    def for_everybody(self, kind: str) -> Channel:
        """Return the installation's channel of `kind`, made on first use."""
        channel, _ = self.get_or_create(kind=kind, owner=None, team=None)
        return channel

    def default(self) -> Channel:
        """Return the channel of everyone who picked nothing: Portal servers."""
        return self.for_everybody(
            next(
                kind
                for kind, transport in all_transports().items()
                if transport.traits.scope is Scope.INSTALLATION
            )
        )


class Channel(QuickRowsModel):
    """One way mail leaves: a kind, its settings, its credentials, its health."""

    class Health(models.TextChoices):
        WORKING = "working"
        PAUSED = "paused"  # mail waits until a person has mended it

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=30, choices=kind_choices)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="channels",
        help_text="The person whose channel this is.",
    )
    team = models.ForeignKey(
        "accounts.Team",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="channels",
        help_text="The team whose channel this is. Neither: the installation's.",
    )
    # The connected account's own address, where there is one.
    address = models.EmailField(blank=True, editable=False)
    config = models.JSONField(default=dict, blank=True)
    credentials = EncryptedJSONField()
    # Held by the one process that renews the credentials.
    renewal_until = models.DateTimeField(null=True, blank=True, editable=False)
    health = models.CharField(
        max_length=10, choices=Health, default=Health.WORKING, editable=False
    )
    paused_because = RemoteWordsField(blank=True, editable=False)
    paused_at = models.DateTimeField(null=True, blank=True, editable=False)
    # When somebody last connected it, for the first time or again.
    connected_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Set: kept for the mail that went by it, and for connecting again.
    disconnected_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=now, editable=False)

    objects = ChannelQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(owner=None) | models.Q(team=None),
                name="channels_channel_one_owner",
                violation_error_message="A channel is a person's or a team's.",
            ),
            # "Exactly one account per user", and one server for a team.
            models.UniqueConstraint(
                fields=["owner", "kind"], name="channels_channel_one_a_person"
            ),
            models.UniqueConstraint(
                fields=["team", "kind"], name="channels_channel_one_a_team"
            ),
            # Two workers that meet a fresh installation make one Portal channel.
            models.UniqueConstraint(
                fields=["kind"],
                condition=models.Q(owner=None, team=None),
                name="channels_channel_one_for_all",
            ),
        ]

    def __str__(self) -> str:
        return self.traits.label

    @classmethod
    def to_choose_from(cls, user: User, only: tuple[str, ...]) -> list[Channel]:
        """Return what the user may choose from; `is_chosen` tells what is chosen.

        Asked for nearly every message, so by hand, and with `only` for some fields.
        """
        return instances(
            cls,
            f"SELECT {{columns}}, choice.id IS NOT NULL {_TO_CHOOSE_FROM}",
            {"user_id": user.id, "users_team": user.team_id},
            annotated=["is_chosen"],
            only=only,
        )

    @staticmethod
    def are_still_to_choose_from(
        user: User, seen: Iterable[Channel]
    ) -> tuple[str, dict[str, Any]]:
        """Return SQL of PostgreSQL's: that `to_choose_from` still finds just these."""
        ids = (-each.id if vars(each)["is_chosen"] else each.id for each in seen)
        return _SEEN, {
            "user_id": user.id,
            "users_team": user.team_id,
            "seen": f"{{{','.join(map(str, ids))}}}",
        }

    @property
    def known_as(self) -> str:
        """What people know it by: its server, its account, or its kind."""
        return str(self.config.get("host") or self.address or self)

    def may_be_used_by(self, user: User) -> bool:
        """Theirs, their team's or everybody's, and connected: see `usable_by`."""
        return (
            self.disconnected_at is None
            and self.owner_id in {None, user.pk}
            and self.team_id in {None, user.team_id}
        )

    @property
    def is_working(self) -> bool:
        return self.disconnected_at is None and self.health == self.Health.WORKING

    @property
    def transport_class(self) -> type[Transport]:
        return transport_class(self.kind)

    @property
    def traits(self) -> Traits:
        return self.transport_class.traits

    @property
    def transport_settings(self) -> dict[str, Any]:
        """The installation's settings that its kind names, and its own."""
        installation = self.transport_class.from_installation(settings)
        return {**installation, **self.config}

    @property
    def of_the_log(self) -> dict[str, str]:
        """What the audit log keeps of it besides its name; no secret."""
        return {
            "account": self.address,
            # Where there is an account, it says enough.
            "server": "" if self.address else self.far_end,
            "of": "the team" if self.team_id else "their own",
        }

    @property
    def is_for_everybody(self) -> bool:
        """Whether it is the one of everyone who picked nothing."""
        nobodys = self.owner_id is None and self.team_id is None
        return nobodys and self.traits.scope is Scope.INSTALLATION

    @property
    def far_end(self) -> str:
        """The host whose sessions are counted together, or else the kind."""
        return self.transport_class.far_end(self.transport_settings)[:255] or self.kind

    def open_transport(self) -> Transport:
        return self.transport_class(self.transport_settings, self.credentials)

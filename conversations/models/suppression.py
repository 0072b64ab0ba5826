from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Self
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.timezone import now

from channels.addresses import AddressError, shown_domain, wire_domain
from channels.database.reading import instances
from channels.remote_words import RemoteWordsField
from conversations.bounces.reasons import REASONS, Reason
from conversations.models.by_hand import among
from deliveryportal.accounts.models import User

DOMAIN_MARK = "@"
MOST_LETTERS = 320  # in an address


def address_key(wire: str) -> str:
    """The key that an address (wire form) is stored and compared by, in any case."""
    return wire.casefold()


def keys_stopping(wire: str) -> Iterator[str]:
    """Yield the keys whose suppression stops mail to an address, most specific first.

    The address, then its domain, then each parent domain.
    """
    key = address_key(wire)
    yield key
    domain = key.rpartition("@")[2]
    while domain:
        yield DOMAIN_MARK + domain
        domain = domain.partition(".")[2]


class SuppressionQuerySet(models.QuerySet["Suppression"]):
    def of_team(self, user: User) -> Self:
        return self.filter(team=user.team_id)

    def active(self) -> Self:
        return self.filter(released_at=None)

    def released(self) -> Self:
        return self.exclude(released_at=None)

    def addresses(self) -> Self:
        return self.exclude(address__startswith=DOMAIN_MARK)

    def domains(self) -> Self:
        return self.filter(address__startswith=DOMAIN_MARK)

    def sought(self, text: str) -> Self:
        """Narrow to addresses that contain the text, in which a domain may be in Unicode."""
        if len(text) > MOST_LETTERS:  # no address has them, and no database seeks them
            return self.none()
        local, at, domain = text.rpartition("@")
        with suppress(AddressError):
            domain = wire_domain(domain)
        return self.filter(address__icontains=f"{local}{at}{domain}")

    def stopping(self, team_id: int, wires: Iterable[str]) -> dict[str, Suppression]:
        """Return the suppressions that stop the team's mail, by address (wire form).

        Raw SQL, because it runs for every batch and every message.
        """
        keys = {wire: list(keys_stopping(wire)) for wire in wires}
        wanted = {key for each in keys.values() for key in each}
        if not wanted:
            return {}
        active = instances(
            self.model,
            "SELECT {columns} FROM conversations_suppression "  # noqa: S608
            f"WHERE released_at IS NULL AND team_id = %s AND address {among('value')}",
            [team_id, json.dumps(list(wanted))],
        )
        found = {each.address: each for each in active}
        return {
            wire: next(found[key] for key in each if key in found)
            for wire, each in keys.items()
            if not found.keys().isdisjoint(each)
        }


class Suppression(models.Model):
    """A team does not write to an address, or to a whole domain, until it is released.

    Made by the evidence of failed deliveries (`suppressing`) or by a manager. Kept as
    history after its release.
    """

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    team = models.ForeignKey(
        "accounts.Team", on_delete=models.CASCADE, related_name="suppressions"
    )
    # An `address_key`; or @customer.test for a blocked domain with its subdomains.
    address = models.CharField(max_length=MOST_LETTERS)
    # A key of REASONS; empty if a manager made it.
    reason = models.CharField(max_length=30, blank=True)
    # What the servers said (hostile text), or a manager's note.
    evidence = RemoteWordsField(blank=True)
    # The failed delivery, and its report, that reached the threshold; if any.
    delivery = models.ForeignKey(
        "conversations.Delivery",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="suppressions",
    )
    report = models.ForeignKey(
        "conversations.Report",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="suppressions",
    )
    # NULL: made by evidence.
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    made_at = models.DateTimeField(default=now, editable=False)
    released_at = models.DateTimeField(null=True, blank=True, editable=False)
    released_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    released_because = models.CharField(max_length=500, blank=True)

    objects = SuppressionQuerySet.as_manager()

    class Meta:
        constraints = [
            # An address is suppressed once, however many reports arrive together. The
            # index also finds what stops a batch.
            models.UniqueConstraint(
                fields=["team", "address"],
                condition=models.Q(released_at=None),
                name="conv_suppression_one_active",
            ),
        ]
        indexes = [
            # An address's history, and when it was last released.
            models.Index(
                fields=["team", "address", "-made_at"], name="conv_suppression_history"
            ),
            # A team's list, newest first.
            models.Index(fields=["team", "-made_at"], name="conv_suppression_team"),
        ]

    def __str__(self) -> str:
        local, at, domain = self.address.removeprefix(DOMAIN_MARK).rpartition("@")
        return f"{local}{at}{shown_domain(domain)}"

    def get_absolute_url(self) -> str:
        return reverse("suppression:suppression", args=[self.uuid])

    @property
    def is_domain(self) -> bool:
        return self.address.startswith(DOMAIN_MARK)

    @property
    def stops(self) -> models.Q:
        """The condition on deliveries that it stops, with subdomains."""
        where = self.address.removeprefix(DOMAIN_MARK)
        if not self.is_domain:
            return models.Q(recipient_wire__iexact=where)
        within = models.Q(recipient_domain__iendswith=f".{where}")
        return models.Q(recipient_domain__iexact=where) | within

    @property
    def why(self) -> Reason | None:
        return REASONS.get(self.reason)

    @property
    def title(self) -> str:
        """Why, in a few words."""
        if self.why:
            return self.why.title
        return "Blocked domain" if self.is_domain else "Added by a manager"

    @property
    def fails_with(self) -> str:
        """The reason, a key of REASONS, that a stopped delivery fails with."""
        return "domain_blocked" if self.is_domain else "suppressed"

    @property
    def sentence(self) -> str:
        """The sentence that a delivery stopped by it shows."""
        since = f"{self.made_at:%-d %b %Y}"
        if self.is_domain:
            return f"Not sent: the team has blocked mail to {self} since {since}."
        return f"Not sent: {self} has been suppressed since {since}. {self.title}."

    def may_be_released_by(self, user: User) -> bool:
        """A manager may, and so may the member whose mail brought it about.

        The member may not if the recipient complained or a manager made it.
        """
        if user.team_id != self.team_id or self.released_at:
            return False
        if user.is_manager:
            return True
        return (
            self.reason not in {"", "complaint"}
            and self.delivery is not None
            and self.delivery.sender_id == user.pk
        )

"""Mail of a batch to suppressed addresses: it fails, linked to the suppression."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from django.db import transaction
from django.utils.timezone import now

from channels.addresses import Address
from conversations.models import Delivery, DeliveryEvent, Suppression
from conversations.models.event import Line
from conversations.models.state import State


def stopped_among(
    recipients: Sequence[Address], team_id: int
) -> list[tuple[Address, Suppression]]:
    """Return the recipients that are stopped for the team, and by which suppression."""
    each_once = {address.wire.casefold(): address for address in recipients}
    stopping = Suppression.objects.stopping(
        team_id, [address.wire for address in each_once.values()]
    )
    return [
        (address, stopping[address.wire])
        for address in each_once.values()
        if address.wire in stopping
    ]


def withhold(batch: Sequence[Delivery]) -> list[Delivery]:
    """Fail the deliveries to suppressed addresses and blocked domains; return the rest.

    Only those still queued are failed: nothing of them was sent.
    """
    stopped = _stopped(batch)
    if stopped:
        _fail(stopped)
    return [delivery for delivery in batch if delivery not in stopped]


def _stopped(batch: Sequence[Delivery]) -> dict[Delivery, Suppression]:
    """One query for each team; the deliveries of a batch are nearly always of one."""
    by_team: dict[int, list[Delivery]] = defaultdict(list)
    for delivery in batch:
        by_team[delivery.team_id].append(delivery)
    found: dict[Delivery, Suppression] = {}
    for team_id, deliveries in by_team.items():
        stopping = Suppression.objects.stopping(
            team_id, {delivery.recipient_wire for delivery in deliveries}
        )
        for delivery in deliveries:
            if delivery.recipient_wire in stopping:
                found[delivery] = stopping[delivery.recipient_wire]
    return found


@transaction.atomic
def _fail(stopped: dict[Delivery, Suppression]) -> None:
    at = now()
    by_suppression: dict[Suppression, list[int]] = defaultdict(list)
    for delivery, suppression in stopped.items():
        by_suppression[suppression].append(delivery.pk)
    for suppression, ids in by_suppression.items():
        failed = Delivery.objects.move(
            ids,
            {
                "state": State.FAILED,
                "waiting_for": "",
                "reason": suppression.fails_with,
                "remote_words": suppression.sentence,
                "enhanced_code": "",
                "suppression": suppression.pk,
            },
            {"state": State.QUEUED},
            # Whoever has locked one is cancelling it, say; waiting for it could
            # deadlock, as others are locked already. The next look finds it.
            skip_locked=True,
        )
        DeliveryEvent.objects.record(
            Line(pk, kind=DeliveryEvent.Kind.FAILED, at=at, note=suppression.sentence)
            for pk in failed
        )

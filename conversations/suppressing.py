"""Evidence of failed deliveries against an address, and when that suppresses it.

`Reason.suppresses` says how many deliveries must fail for a reason within what time.
Evidence from before the last release of an address does not count.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Max
from django.utils.timezone import now

from conversations.bounces.reasons import REASONS, Threshold
from conversations.models import Delivery, Evidence, Report, Suppression
from conversations.models.state import State
from conversations.models.suppression import address_key
from conversations.sending.outcomes import Outcome
from deliveryportal.accounts.auditing import Area, Change, record_all
from deliveryportal.accounts.models import Team

SUPPRESSING: dict[str, Threshold] = {
    key: reason.suppresses for key, reason in REASONS.items() if reason.suppresses
}
WORDS = 500  # characters of a server's words that a suppression repeats

Key = tuple[int, str]  # a team's id and an `address_key`


def evidence_of(
    delivery: Delivery,
    reason: str,
    words: str,
    at: datetime,
    report: Report | None = None,
) -> Evidence:
    return Evidence(
        team_id=delivery.team_id,
        address=address_key(delivery.recipient_wire),
        reason=reason,
        at=at,
        words=words,
        delivery=delivery,
        report=report,
    )


def suppress_refused(settled: Iterable[Outcome]) -> list[Suppression]:
    """File as evidence what was refused on the spot; return new suppressions."""
    return suppress_for(
        evidence_of(
            each.delivery,
            each.changes["reason"],
            each.error.words,
            each.event.at,
        )
        for each in settled
        if each.changes["state"] == State.FAILED
        # An answer to MAIL FROM is about the sender, not the address.
        and each.error is not None
        and each.error.stage != "sender"
    )


def suppress_for(evidence: Iterable[Evidence]) -> list[Suppression]:
    """File the evidence, and suppress addresses for which it is enough; return those.

    Reasons that do not suppress are ignored. To be called in the transaction that
    settles the deliveries, so that both are committed together.
    """
    telling = [each for each in evidence if each.reason in SUPPRESSING]
    if not telling:
        return []
    with transaction.atomic(savepoint=False):
        _take_turn(telling)
        fresh = _file(telling)
        enough = _enough(_after_release(fresh))
        made = [_suppression(each, number) for each, number in enough]
        Suppression.objects.bulk_create(made, ignore_conflicts=True)
        _note(made)
    return made


def _note(made: list[Suppression]) -> None:
    # Those suppressed already were ignored.
    stored = Suppression.objects.filter(uuid__in=[each.uuid for each in made])
    record_all(
        Change(
            area=Area.SUPPRESSION,
            action="Suppressed an address by evidence",
            subject=each,
            by=None,
            team_id=each.team_id,
            details={"reason": each.title},
        )
        for each in stored
    )


def _take_turn(evidence: list[Evidence]) -> None:
    """Lock the teams: if two workers each saw four of five, neither would suppress."""
    teams = Team.objects.filter(pk__in={each.team_id for each in evidence})
    list(teams.select_for_update(no_key=True).order_by("pk"))


def _file(telling: list[Evidence]) -> list[Evidence]:
    """Save and return new evidence: a delivery counts once for a reason."""
    said = set(
        Evidence.objects.filter(
            delivery__in=[each.delivery_id for each in telling]
        ).values_list("delivery_id", "reason")
    )
    fresh = {(each.delivery_id, each.reason): each for each in telling}
    return Evidence.objects.bulk_create(
        each for key, each in fresh.items() if key not in said
    )


def _after_release(evidence: list[Evidence]) -> list[tuple[Evidence, datetime | None]]:
    """Drop evidence from before the address's last release; add when that was."""
    released: dict[Key, datetime] = {
        (row["team"], row["address"]): row["last"]
        for row in Suppression.objects.released()
        .filter(
            team__in={each.team_id for each in evidence},
            address__in={each.address for each in evidence},
        )
        .values("team", "address")
        .annotate(last=Max("released_at"))
    }
    with_release = [
        (each, released.get((each.team_id, each.address))) for each in evidence
    ]
    return [
        (each, last) for each, last in with_release if last is None or each.at > last
    ]


def _enough(
    evidence: list[tuple[Evidence, datetime | None]],
) -> list[tuple[Evidence, int]]:
    """Return evidence that reaches the threshold of its reason, with the number."""
    at = now()
    reached: dict[Key, tuple[Evidence, int]] = {}
    for each, released_at in evidence:
        threshold = SUPPRESSING[each.reason]
        number = 1
        if threshold.deliveries > 1:
            lately = Evidence.objects.filter(
                team=each.team_id,
                address=each.address,
                reason=each.reason,
                at__gte=at - threshold.within,
            )
            if released_at:
                lately = lately.filter(at__gt=released_at)
            number = lately.count()
        if number >= threshold.deliveries:
            reached.setdefault((each.team_id, each.address), (each, number))
    return list(reached.values())


def _suppression(evidence: Evidence, number: int) -> Suppression:
    threshold = SUPPRESSING[evidence.reason]
    counted = (
        f"{number} deliveries within {threshold.within.days} days. The last: "
        if threshold.deliveries > 1
        else ""
    )
    return Suppression(
        team_id=evidence.team_id,
        address=evidence.address,
        reason=evidence.reason,
        evidence=counted + evidence.words[:WORDS],
        delivery_id=evidence.delivery_id,
        report_id=evidence.report_id,
    )

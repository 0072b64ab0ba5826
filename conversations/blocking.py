"""Suppressing an address or blocking a domain by hand, and releasing them again."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.template.defaultfilters import pluralize
from django.utils.timezone import now

from conversations.failing_unsent import not_begun
from conversations.models import Delivery, Suppression
from conversations.models.suppression import DOMAIN_MARK, address_key
from deliveryportal.accounts.auditing import Area, record, record_in
from deliveryportal.accounts.models import User


class AlreadySuppressedError(Exception):
    """The address or domain is suppressed: `suppression` says why and since when."""

    def __init__(self, suppression: Suppression) -> None:
        super().__init__(f"{suppression} is suppressed already.")
        self.suppression = suppression


def suppress_address(wire: str, *, by: User, note: str) -> Suppression:
    """Stop the team's mail to an address (wire form); raise AlreadySuppressedError."""
    return _stop(address_key(wire), by, note)


def block_domain(domain: str, *, by: User, note: str) -> Suppression:
    """Stop the team's mail to a domain (wire form) and its subdomains.

    Raises AlreadySuppressedError.
    """
    return _stop(DOMAIN_MARK + domain.casefold(), by, note)


def what_waits(suppression: Suppression) -> str:
    """Say what becomes of queued mail to this address or domain; empty without any."""
    of_team = Delivery.objects.unarchived().filter(team=suppression.team_id)
    number = not_begun(of_team.filter(suppression.stops)).count()
    if not number:
        return ""
    return (
        f"{number:,} mail{pluralize(number)} that wait{pluralize(number, 's,')} to leave "
        "for there will not be sent: when the time comes, it stands under Failed "
        "deliveries. Cancel it in Pending to have it as a draft."
    )


@transaction.atomic
def release(suppression: Suppression, *, by: User, because: str) -> bool:
    """Release it; return False if it was released already.

    The row stays as history. Only evidence that comes from now on counts.
    """
    released = Suppression.objects.active().filter(pk=suppression.pk)
    changed = released.update(
        released_at=now(), released_by=by, released_because=because
    )
    suppression.refresh_from_db()
    if changed:
        record_in(
            suppression.team_id,
            Area.SUPPRESSION,
            "Released",
            suppression,
            by=by,
            because=because,
        )
    return changed == 1


def _stop(address: str, by: User, note: str) -> Suppression:
    try:
        with transaction.atomic():
            made = Suppression.objects.create(
                team_id=by.team_id, address=address, made_by=by, evidence=note
            )
            action = "Blocked a domain" if made.is_domain else "Suppressed an address"
            record(Area.SUPPRESSION, action, made, by=by, note=note)
            return made
    except IntegrityError:
        known = (
            Suppression.objects.active()
            .filter(team=by.team_id, address=address)
            .first()
        )
        if known is None:
            raise
        raise AlreadySuppressedError(known) from None

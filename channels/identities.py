"""The identities a person keeps: one more is added, another becomes the default."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction

from channels.addresses import Address
from channels.models import EmailIdentity
from deliveryportal.accounts.auditing import Area, record
from deliveryportal.accounts.models import User


def add(
    *, owner: User, address: Address, display_name: str, signature: str
) -> EmailIdentity | None:
    """Add an identity, not verified yet; None if they have one with this address.

    The address is kept in its wire form, in which it stands in every mail.
    """
    try:
        with transaction.atomic():
            added = EmailIdentity.objects.create(
                owner=owner,
                address=address.wire,
                display_name=display_name,
                signature=signature,
                is_default=not EmailIdentity.objects.of(owner).exists(),
            )
            record(Area.SETTINGS, "Added an email identity", added.address, by=owner)
            return added
    except IntegrityError:
        return None


@transaction.atomic
def make_default(identity: EmailIdentity) -> bool:
    """Make it the default; return False if it cannot be, since it cannot send."""
    mine = EmailIdentity.objects.of(identity.owner)
    chosen = mine.sendable().filter(pk=identity.pk)
    # Two requests at once take turns here: there is only one default.
    list(mine.select_for_update())
    if not chosen.exists():
        return False
    mine.filter(is_default=True).update(is_default=False)
    chosen.update(is_default=True)
    record(
        Area.SETTINGS,
        "Made an email identity the default",
        identity.address,
        by=identity.owner,
    )
    return True


@transaction.atomic
def change(identity: EmailIdentity, **fields: Any) -> None:
    """Store what its owner has changed; the log names the fields, not their text."""
    changed = [name for name in fields if fields[name] != getattr(identity, name)]
    EmailIdentity.objects.filter(pk=identity.pk).update(**fields)
    if changed:
        record(
            Area.SETTINGS,
            "Changed an email identity",
            identity.address,
            by=identity.owner,
            fields=changed,
        )

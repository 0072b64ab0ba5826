"""Encrypting all that is stored encrypted with the newest key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from allauth.mfa.models import Authenticator
from django.apps import apps
from django.db import models, transaction
from django.db.models.functions import Cast

from channels.fields import EncryptedJSONField
from channels.secrets import SecretUnreadableError, rotate
from deliveryportal.accounts.auditing import Area, Change, record_all

# What of an authenticator's data `mfa_adapter` has encrypted.
SIGN_IN_SECRETS = ("secret", "seed")


@dataclass(slots=True)
class Rotation:
    """What was done: `unreadable` names the rows that were kept as they are."""

    encrypted: int = 0
    unreadable: list[str] = field(default_factory=list)


def rotate_all() -> Rotation:
    """Encrypt every secret with the first of CREDENTIAL_KEYS, row by row.

    Safe while the product runs, and again after it was stopped halfway.
    """
    rotation = Rotation()
    for column in _encrypted_columns():
        for pk in column.model._default_manager.order_by("pk").values_list(
            "pk", flat=True
        ):
            _rotate_one(column, pk, rotation)
    for pk in Authenticator.objects.order_by("pk").values_list("pk", flat=True):
        _rotate_way_to_sign_in(pk, rotation)
    record_all(
        [
            Change(
                area=Area.CREDENTIALS,
                action="Encrypted all credentials with the newest key",
                by=None,
                team_id=None,
                details={
                    "encrypted": rotation.encrypted,
                    "unreadable": len(rotation.unreadable),
                },
            )
        ]
    )
    return rotation


def _encrypted_columns() -> Iterator[EncryptedJSONField]:
    for model in apps.get_models():
        for column in model._meta.concrete_fields:
            if isinstance(column, EncryptedJSONField):
                yield column


@transaction.atomic
def _rotate_one(column: EncryptedJSONField, pk: object, rotation: Rotation) -> None:
    # As it is stored: the field itself would decrypt it.
    row = column.model._default_manager.filter(pk=pk)
    stored = (
        row.select_for_update()
        .annotate(stored=Cast(column.name, models.TextField()))
        .values_list("stored", flat=True)
        .first()
    )
    if not stored:
        return  # nothing secret, or deleted meanwhile
    try:
        fresh = rotate(stored)
    except SecretUnreadableError:
        name = row.values_list("uuid", flat=True).first()
        rotation.unreadable.append(f"{column.model._meta.verbose_name} {name}")
        return
    row.update(**{column.name: models.Value(fresh, output_field=models.TextField())})
    rotation.encrypted += 1


@transaction.atomic
def _rotate_way_to_sign_in(pk: int, rotation: Rotation) -> None:
    row = Authenticator.objects.select_for_update().filter(pk=pk).first()
    secrets = [name for name in SIGN_IN_SECRETS if row and name in row.data]
    if not row or not secrets:
        return  # a passkey's is public, or deleted meanwhile
    try:
        row.data |= {name: rotate(row.data[name]) for name in secrets}
    except SecretUnreadableError:
        rotation.unreadable.append(f"{row.type} of {row.user}")
        return
    row.save(update_fields=["data"])
    rotation.encrypted += 1

"""Everybody starts with an identity made of the name and address they signed up with."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.account.signals import email_confirmed
from django.conf import settings
from django.core.exceptions import ValidationError
from django.dispatch import receiver
from django.utils.timezone import now

from channels.imitation import mate_called
from channels.models import EmailIdentity
from channels.verifying import verify
from deliveryportal.accounts.forms import NameField
from deliveryportal.accounts.joining import joined
from deliveryportal.accounts.models import User


@receiver(joined)
def make_first_identity(user: User, **kwargs: Any) -> None:
    # Verified with the login address. In practice mode nothing can leave this
    # machine; an admin made on the command line is trusted as it is.
    trusted = settings.PRACTICE or user.is_superuser
    EmailIdentity.objects.create(
        owner=user,
        address=user.email,
        display_name=_display_name(user),
        is_default=True,
        verified_at=now() if trusted else None,
    )


def _display_name(user: User) -> str:
    """Their name, unless a team mate is known by it: then what tells them apart.

    An admin may have given them one that no form takes for a sender's.
    """
    try:
        name: str = NameField().clean(user.name)
    except ValidationError:
        name = ""
    if not name or mate_called(name, owner=user, address=user.email):
        return user.email.partition("@")[0]
    return name


@receiver(email_confirmed)
def verify_identity_of_login_address(
    email_address: EmailAddress, **kwargs: Any
) -> None:
    for identity in EmailIdentity.objects.filter(
        owner=email_address.user, address__iexact=email_address.email, verified_at=None
    ).select_related("owner"):
        verify(identity)

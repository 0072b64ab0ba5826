"""What people change about how they sign in, which allauth does, in the audit log."""

from __future__ import annotations

from typing import Any

from allauth.account import signals as account
from allauth.mfa import signals as mfa
from allauth.mfa.models import Authenticator
from allauth.socialaccount import signals as social
from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.db.models.signals import post_save
from django.dispatch import Signal

from deliveryportal.accounts.auditing import Area, record
from deliveryportal.accounts.models import User

# Which of allauth's signals means what.
CHANGES: list[tuple[Signal, str]] = [
    (account.password_set, "Set a password"),
    (account.password_changed, "Changed their password"),
    (account.password_reset, "Reset their password by mail"),
    (account.email_added, "Added an address to sign in by"),
    (account.email_changed, "Changed the address they sign in by"),
    (account.email_removed, "Removed an address to sign in by"),
    (mfa.authenticator_removed, "Removed a way to sign in"),
    (mfa.authenticator_reset, "Renewed a way to sign in"),
]
ACTIONS = {id(signal): action for signal, action in CHANGES}


def note(signal: Signal, user: User, **kwargs: Any) -> None:
    address = kwargs.get("to_email_address") or kwargs.get("email_address")
    way = kwargs.get("authenticator")
    record(
        Area.CREDENTIALS,
        ACTIONS[id(signal)],
        way.get_type_display() if way else getattr(address, "email", ""),
        by=user,
    )


def note_saved(
    instance: Authenticator,
    *,
    created: bool,
    update_fields: frozenset[str] | None,
    **kwargs: Any,
) -> None:
    """In place of allauth's signals: that for a new way to sign in comes after the
    commit, when a crash could lose it, and for a new name there is none.

    A passkey that is saved whole has been renamed: no other change does that.
    """
    way, by = instance.get_type_display(), instance.user
    if created:
        record(Area.CREDENTIALS, "Added a way to sign in", way, by=by)
    elif instance.type == Authenticator.Type.WEBAUTHN and update_fields is None:
        name = instance.wrap().name
        record(Area.CREDENTIALS, "Renamed a way to sign in", way, by=by, name=name)


def note_account_added(sociallogin: SocialLogin, **kwargs: Any) -> None:
    _note_account("Added an account to sign in by", sociallogin.account)


def note_account_removed(socialaccount: SocialAccount, **kwargs: Any) -> None:
    _note_account("Removed an account to sign in by", socialaccount)


def _note_account(action: str, account: SocialAccount) -> None:
    record(Area.CREDENTIALS, action, account.get_provider().name, by=account.user)


def listen() -> None:
    for signal, _ in CHANGES:
        signal.connect(note)
    post_save.connect(note_saved, sender=Authenticator)
    social.social_account_added.connect(note_account_added)
    social.social_account_removed.connect(note_account_removed)

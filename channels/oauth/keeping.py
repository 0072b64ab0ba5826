from __future__ import annotations

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.timezone import now

from channels.connecting import connected
from channels.models import Channel
from channels.oauth.consent import Grant
from channels.transports import Account, SettingsError, transport_class
from deliveryportal.accounts.models import User

STORED = ["address", "config", "credentials", "disconnected_at", "renewal_until"]


class GrantRefusedError(Exception):
    """Nothing was stored; the message says why, for people."""


def keep(grant: Grant, *, kind: str, by: User) -> Channel:
    """Make the account that was granted the user's channel of this kind.

    Raises GrantRefusedError: the grant cannot send, the account is somebody else's
    here, or the user has another one. What was stored before stays as it is.
    """
    try:
        account = transport_class(kind).account(grant.tokens, grant.claims, now())
        with transaction.atomic():
            # Of two who come back at once, in two tabs or two offices, one is first:
            # the row of everybody's channel is the lock.
            everybodys = Channel.objects.default()
            Channel.objects.select_for_update(no_key=True).get(pk=everybodys.pk)
            _refuse_what_is_anothers(grant, kind, by)
            channel = _store(account, grant.uid, kind, by)
            connected(channel, by=by)
            return channel
    except SettingsError as error:
        _give_back(grant, kind)
        raise GrantRefusedError(str(error)) from None
    except GrantRefusedError:
        _give_back(grant, kind)
        raise


def _refuse_what_is_anothers(grant: Grant, kind: str, user: User) -> None:
    channels = _channels_of_account(grant, kind).exclude(owner=user)
    # Or their way to sign in, where that is on.
    sign_ins = SocialAccount.objects.filter(
        provider=grant.login.account.provider, uid=grant.uid
    ).exclude(user=user)
    if channels.exists() or sign_ins.exists():
        raise GrantRefusedError(
            "This account is connected by somebody else here. Nothing was changed."
        )


def _store(account: Account, uid: str, kind: str, user: User) -> Channel:
    """Write the account into the user's channel of this kind, made if need be."""
    stored = Channel.objects.filter(kind=kind, owner=user).first()
    channel = stored or Channel(kind=kind, owner=user)
    was_connected = stored is not None and stored.disconnected_at is None
    if was_connected and channel.config.get("uid") != uid:
        raise GrantRefusedError(
            f"You have connected {channel.address} already, and there can be one "
            "account only. Disconnect it first to connect another."
        )
    # A provider that makes no new refresh token leaves the old one good.
    kept = channel.credentials if was_connected else {}
    channel.credentials = {**kept, **account.credentials}
    if not channel.credentials.get("refresh_token"):
        raise GrantRefusedError(
            "Nothing was connected, because no lasting permission came. Please try "
            "again."
        )
    channel.address = account.address
    channel.config = {**account.config, "uid": uid}
    channel.disconnected_at = channel.renewal_until = None
    # Its health is not among them: a worker may be pausing it this very moment.
    channel.save(update_fields=STORED if stored else None)
    return channel


def _channels_of_account(grant: Grant, kind: str) -> QuerySet[Channel]:
    return Channel.objects.connected().filter(kind=kind, config__uid=grant.uid)


def _give_back(grant: Grant, kind: str) -> None:
    """Let the provider forget a grant that nobody will use.

    Never that of a connected account: a provider takes all grants of an account back
    at once, so a good one would go with the one refused.
    """
    if not _channels_of_account(grant, kind).exists():
        transport = transport_class(kind)
        transport.disconnect(transport.from_installation(settings), grant.tokens)

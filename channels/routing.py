"""Which channel an identity's mail takes, looked up."""

from __future__ import annotations

from channels.choosing import choose
from channels.models import Channel, EmailIdentity
from deliveryportal.accounts.models import User

# What choosing asks for, and queueing.
NEEDED = ("id", "kind", "owner_id", "team_id")


def channel_for(identity: EmailIdentity, *, to_queue: bool = False) -> Channel:
    """Return the channel that mail of `identity` takes now.

    If it is `to_queue`, with nothing but what that needs.
    """
    return _choose(identity, identity.owner, NEEDED if to_queue else ())


def channel_in_use(user: User) -> Channel:
    """Return the channel of the user's default identity; what Settings calls in use."""
    return _choose(EmailIdentity.objects.of(user).filter(is_default=True).first(), user)


def _choose(
    identity: EmailIdentity | None, user: User, only: tuple[str, ...] = ()
) -> Channel:
    """One query: this is asked for every message that is written."""
    usable = Channel.to_choose_from(user, only)
    of_team = [each for each in usable if each.team_id is not None]
    for_all = [each for each in usable if each.is_for_everybody]
    return choose(
        identity=_own_choice(identity, user),
        user=next((each for each in usable if vars(each)["is_chosen"]), None),
        team=next(iter(of_team), None) if identity and identity.is_default else None,
        default=next(iter(for_all), None) or Channel.objects.default(),
    )


def _own_choice(identity: EmailIdentity | None, user: User) -> Channel | None:
    """The identity's own channel, unless its owner has left that channel's team."""
    channel = identity.channel if identity else None
    return channel if channel and channel.may_be_used_by(user) else None

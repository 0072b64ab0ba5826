"""Which channel an identity's mail takes, looked up."""

from __future__ import annotations

from typing import Any, TypeAlias

from channels.choosing import choose
from channels.models import Channel, EmailIdentity
from deliveryportal.accounts.models import User

# The fields that choosing a channel and queueing mail need.
NEEDED = ("id", "kind", "owner_id", "team_id")
# By user and team, the channels they could choose from when they last wrote. What is
# NEEDED of a channel never changes; whether it is connected, or chosen, does.
_seen: dict[tuple[int, int], list[Channel]] = {}
MOST_SEEN = 10_000

# SQL of PostgreSQL's, and its parameters by name.
Condition: TypeAlias = tuple[str, dict[str, Any]]
ALWAYS: Condition = ("true", {})


def channel_for(identity: EmailIdentity, *, to_queue: bool = False) -> Channel:
    """Return the channel that mail of `identity` takes now.

    With `to_queue` only the fields are read that queueing needs.
    """
    user = identity.owner
    usable = Channel.to_choose_from(user, NEEDED if to_queue else ())
    return _choose(identity, user, usable)


def channel_to_try(identity: EmailIdentity) -> tuple[Channel, Condition]:
    """Return the channel its mail takes, and the condition under which that is so.

    What was found last time is not looked up again. Whoever queues mail by it puts the
    condition into the same statement, and calls `forget_choice` where it does not hold.
    """
    user = identity.owner
    usable, still = _seen.get(_whose(user)), ALWAYS
    if usable:
        still = Channel.are_still_to_choose_from(user, usable)
    else:
        usable = Channel.to_choose_from(user, NEEDED)
        if len(_seen) >= MOST_SEEN:
            _seen.clear()
        _seen[_whose(user)] = usable
    return _choose(identity, user, usable), still


def forget_choice(identity: EmailIdentity) -> None:
    _seen.pop(_whose(identity.owner), None)


def _whose(user: User) -> tuple[int, int]:
    return user.id, user.team_id


def channel_in_use(user: User) -> Channel:
    """Return the channel of the user's default identity; what Settings calls in use."""
    default = EmailIdentity.objects.of(user).filter(is_default=True).first()
    return _choose(default, user, Channel.to_choose_from(user, ()))


def _choose(
    identity: EmailIdentity | None, user: User, usable: list[Channel]
) -> Channel:
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

"""Three people, one on each delivery channel, made before anything breaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.chaos.far_end import CALM_DOMAIN
from tests.visitor import PASSWORD


@dataclass(frozen=True, slots=True)
class Wiring:
    """Where the two channels of people's own lead."""

    smtp_port: int
    google_tokens: Mapping[str, str]
    google_address: str


NAMES = ("alice", "bob", "carol")  # Portal servers, Gmail, a server of her own


def address(name: str) -> str:
    return f"{name}@{CALM_DOMAIN}"


def make_people(wiring: Wiring) -> None:
    """Write them into the database that DATABASE_URL names."""
    from allauth.account.models import EmailAddress  # noqa: PLC0415 - needs Django set up

    from channels.connecting import connected  # noqa: PLC0415
    from channels.models import Channel, EmailIdentity, SendingLimit  # noqa: PLC0415
    from channels.transports import all_transports  # noqa: PLC0415
    from deliveryportal.accounts.joining import found_team  # noqa: PLC0415
    from deliveryportal.accounts.models import User  # noqa: PLC0415

    settings: dict[str, tuple[str, dict[str, Any]]] = {
        "bob": (
            "gmail",
            {
                "address": wiring.google_address,
                "credentials": {
                    name: wiring.google_tokens[name]
                    for name in ("access_token", "refresh_token")
                },
            },
        ),
        "carol": (
            "smtp",
            {
                "config": {
                    "host": "127.0.0.1",
                    "port": wiring.smtp_port,
                    "security": "none",
                    "user": "",
                },
                "credentials": {},
            },
        ),
    }
    for name in NAMES:
        user = User(email=address(name), name=name.capitalize())
        user.set_password(PASSWORD)
        found_team(user)
        EmailAddress.objects.create(
            user=user, email=user.email, verified=True, primary=True
        )
        EmailIdentity.objects.filter(owner=user).update(verified_at=user.date_joined)
        for kind in all_transports():
            SendingLimit.objects.create(
                team=user.team, kind=kind, messages=100_000, seconds=1
            )
        if name in settings:
            kind, fields = settings[name]
            channel = Channel.objects.create(kind=kind, owner=user, **fields)
            connected(channel, by=user)

"""Telling managers that mail is refused for a reason that lies with us.

Such a reason is never about the address: our server is blocked somewhere, or our
set-up is wrong. One alert counts all mail of a team that one organisation, or one
channel's server, refuses for one reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from ipaddress import ip_address
from itertools import groupby

from django.db import IntegrityError, transaction
from django.db.models import F
from publicsuffixlist import PublicSuffixList

from conversations.bounces.reasons import REASONS, Speaks
from conversations.models import Alert, Delivery
from conversations.models.state import State
from conversations.sending.outcomes import Outcome

ALARMING = frozenset({"sender_blocked", "auth_failed", "sender_setup"})
SHOWN = 1_000  # characters of the last words

Key = tuple[int, str, str]  # team, reason, organisation


@dataclass(frozen=True, slots=True)
class Refusal:
    """One mail was refused, on the spot or later.

    `remote` is the host that refused it for the recipient, if a report names it. The
    server that we hand mail to is not meant: it may only repeat what others say.
    """

    delivery: Delivery
    reason: str
    words: str
    at: datetime
    remote: str = ""

    @property
    def key(self) -> Key:
        return self.delivery.team_id, self.reason, self._what()

    def _what(self) -> str:
        """The channel, or the organisation that refuses, for all domains it serves."""
        if REASONS[self.reason].of is Speaks.CHANNEL:
            return self.delivery.channel.known_as[:255]
        domain = self.delivery.recipient_wire.rpartition("@")[2]
        return organisation_of(self.remote or domain)


def alert_of_refusals(settled: Iterable[Outcome]) -> None:
    """Raise alerts for what was refused on the spot."""
    raise_alerts(
        Refusal(
            each.delivery,
            each.changes.get("reason", ""),
            each.event.remote_words,
            each.event.at,
        )
        for each in settled
        if each.changes.get("state") == State.FAILED
    )


def raise_alerts(refusals: Iterable[Refusal]) -> None:
    """Count each refusal that is our fault. Safe in any number of workers at once."""
    alarming = [each for each in refusals if each.reason in ALARMING]
    # Sorted, so that no two workers can wait for each other's rows.
    for key, group in groupby(sorted(alarming, key=_key), _key):
        _count(key, list(group))


def _key(refusal: Refusal) -> Key:
    return refusal.key


def _count(key: Key, refusals: list[Refusal]) -> None:
    team_id, reason, remote = key
    last = max(refusals, key=lambda refusal: refusal.at)
    words = last.words[:SHOWN]
    of_this = Alert.objects.filter(team_id=team_id, reason=reason, remote=remote)
    while not of_this.open().update(
        number=F("number") + len(refusals), latest=last.at, last_words=words
    ):
        try:
            with transaction.atomic():
                of_this.create(
                    team_id=team_id,
                    reason=reason,
                    remote=remote,
                    number=len(refusals),
                    since=min(refusal.at for refusal in refusals),
                    latest=last.at,
                    last_words=words,
                )
        except IntegrityError:
            continue  # another worker was quicker: count on its alert
        return


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()  # 0.1 s, and only where something is refused


def organisation_of(host: str) -> str:
    """Return the registered domain (`google.com` for `aspmx.l.google.com`) or IP."""
    name = host.strip(" .[]").lower()[:253]
    try:
        return str(ip_address(name))
    except ValueError:
        return _suffixes().privatesuffix(name) or name or "unknown"

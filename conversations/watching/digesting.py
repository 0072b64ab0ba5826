"""The daily digest: each morning, to managers who want it, what did not arrive.

The sweeper makes a row for each manager and day and announces it. A worker takes the
row and mails the digest as other account mail. If there is nothing to tell, nothing is
mailed.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.signing import BadSignature, Signer
from django.db.models import Q
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.timezone import now

from channels.far_ends import session
from channels.models import Channel
from conversations.models import Alert, Digest
from conversations.watching.causes import Cause, Causes, causes_for
from deliveryportal.accounts.models import User

logger = logging.getLogger(__name__)
State = Digest.State

# By the manager's clock. If no sweeper runs before noon, that day has no digest.
HOURS = range(8, 12)
NEW = timedelta(days=1)
AGAIN_AFTER = timedelta(minutes=5)
BUSY = timedelta(seconds=10)  # until the next try, if all sessions were taken
MOST = 10  # causes, alerts and channels that are named
AT_A_TIME = 500


def make_due(at: datetime) -> None:
    """Make the rows of managers whose morning it is, each once."""
    wanting = User.objects.filter(
        daily_digest=True, is_active=True, role=User.Role.MANAGER
    ).only("time_zone")
    mornings = {
        manager.pk: local.date()
        for manager in wanting
        if (local := at.astimezone(manager.zone)).hour in HOURS
    }
    if not mornings:
        return
    made = set(
        Digest.objects.filter(
            manager__in=mornings, day__in=set(mornings.values())
        ).values_list("manager", "day")
    )
    Digest.objects.bulk_create(
        (
            Digest(manager_id=manager, day=day)
            for manager, day in mornings.items()
            if (manager, day) not in made
        ),
        ignore_conflicts=True,
    )


def taken_to_announce(at: datetime) -> list[int]:
    """Return the ids of due digests, each to one sweeper, and not again for a while."""
    return [
        pk
        for pk in Digest.objects.due(at).values_list("pk", flat=True)[:AT_A_TIME]
        if Digest.objects.due(at).filter(pk=pk).update(not_before=at + AGAIN_AFTER)
    ]


def send(digest_id: int) -> None:
    """Mail the digest, if it is still due, still wanted, and has anything to tell."""
    digest = (
        Digest.objects.filter(pk=digest_id, state=State.DUE)
        .select_related("manager")
        .first()
    )
    if digest is None:
        return
    manager = digest.manager
    with timezone.override(manager.zone):
        news = News(manager, now())
        if (
            not (manager.daily_digest and manager.is_manager and manager.is_active)
            or not news
        ):
            _settle(digest, State.DUE, State.NOTHING)
        else:
            _hand_over_in_turn(digest, letter(news))


def _hand_over_in_turn(digest: Digest, mail: EmailMultiAlternatives) -> None:
    """Take a session first: a relay that hangs keeps no more workers busy than that."""

    def queue_up() -> None:
        Digest.objects.filter(pk=digest.pk).update(not_before=now() + BUSY)

    with session("digests", queue_up) as free:
        if free:
            _hand_over(digest, mail)


def _hand_over(digest: Digest, mail: EmailMultiAlternatives) -> None:
    """Mail it. Once in `handing_over` it is never tried again: it may have left."""
    try:
        connection = get_connection()
        connection.open()
    except OSError:
        logger.warning("Digest %s waits for the relay", digest.pk, exc_info=True)
        return
    try:
        if not _settle(digest, State.DUE, State.HANDING_OVER):
            return  # another worker has it
        connection.send_messages([mail])
    except OSError:
        logger.warning("Digest %s was refused", digest.pk, exc_info=True)
        _settle(digest, State.HANDING_OVER, State.REFUSED)
    else:
        _settle(digest, State.HANDING_OVER, State.SENT)
    finally:
        connection.close()


def _settle(digest: Digest, expected: State, then: State) -> bool:
    same = Digest.objects.filter(pk=digest.pk, state=expected)
    return bool(same.update(state=then))


@dataclass(frozen=True)
class News:
    """What a manager is told about the team's mail this morning."""

    manager: User
    at: datetime

    @cached_property
    def new(self) -> Causes:
        """The open failures of the last day, by cause."""
        return causes_for(self.manager, MOST, since=self.at - NEW)

    @cached_property
    def old(self) -> Causes:
        """The open failures that are older than a day, by cause."""
        return causes_for(self.manager, MOST, before=self.at - NEW)

    @cached_property
    def channels(self) -> list[Channel]:
        """Channels of the team and its members that have stopped working."""
        team = self.manager.team_id
        return list(
            Channel.objects.connected()
            .filter(Q(team=team) | Q(owner__team=team), health=Channel.Health.PAUSED)
            .select_related("owner")
            .order_by("paused_at")[:MOST]
        )

    @cached_property
    def alerts(self) -> list[Alert]:
        return list(
            Alert.objects.manageable_by(self.manager).open().order_by("-number")[:MOST]
        )

    def __bool__(self) -> bool:
        return bool(self.new.number or self.old.number or self.channels or self.alerts)


def letter(news: News) -> EmailMultiAlternatives:
    off = link_to_switch_off(news.manager)
    context = {
        "news": news,
        "channels": [(each.known_as, each) for each in news.channels],
        "new": _linked(news.new.shown),
        "old": _linked(news.old.shown),
        "causes": _absolute("conversations:causes"),
        "failed": _absolute("conversations:failed"),
        "overview": _absolute("conversations:overview"),
        "off": off,
    }
    name = "conversations/email/digest"
    mail = EmailMultiAlternatives(
        # Names come from people and may hold line ends; a subject is one line.
        " ".join(render_to_string(f"{name}_subject.txt", context).split()),
        render_to_string(f"{name}_body.txt", context),
        None,
        [news.manager.email],
        headers={
            "List-Unsubscribe": f"<{off}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Auto-Submitted": "auto-generated",
        },
    )
    mail.attach_alternative(render_to_string(f"{name}_body.html", context), "text/html")
    return mail


def _linked(causes: list[Cause]) -> list[tuple[Cause, str]]:
    return [(cause, settings.BASE_URL + cause.url) for cause in causes]


def _absolute(name: str, *args: str) -> str:
    return str(settings.BASE_URL + reverse(name, args=args))


def link_to_switch_off(manager: User) -> str:
    """A link that works without sign-in, for ever, and only switches the digest off."""
    return _absolute("conversations:digest-off", _signer().sign(str(manager.pk)))


def manager_of(token: str) -> User | None:
    try:
        return User.objects.filter(pk=_signer().unsign(token)).first()
    except BadSignature:
        return None


def _signer() -> Signer:
    return Signer(sep=".", salt="conversations.digesting")

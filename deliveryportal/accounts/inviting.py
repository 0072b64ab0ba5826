"""Inviting a person into a team. The link is what counts; a mail only carries it."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse

from deliveryportal.accounts.auditing import Area, record, record_in
from deliveryportal.accounts.models import Invitation, User

logger = logging.getLogger(__name__)


@transaction.atomic
def invite(*, manager: User, email: str, by: User | None = None) -> str:
    """Invite `email` to the manager's team; return the token of the link.

    Inviting the same address again replaces the earlier link; an admin may do that
    in the manager's place.
    """
    invitation = Invitation.objects.filter(
        team=manager.team, email__iexact=email, accepted_at=None
    ).first() or Invitation(team=manager.team, email=email)
    invitation.invited_by = manager
    token = invitation.renew()
    invitation.save()
    record_in(
        manager.team_id,
        Area.MEMBERSHIP,
        "Invited a person",
        email,
        by=by or manager,
    )
    return token


@transaction.atomic
def revoke(invitation: Invitation, *, by: User) -> None:
    """Let an open invitation die; its link joins nobody any more."""
    invitation.delete()
    record(Area.MEMBERSHIP, "Revoked an invitation", invitation.email, by=by)


@dataclass(frozen=True, slots=True)
class SentInvitation:
    """`link` is known only now: the database keeps a digest of it."""

    email: str
    link: str
    mailed: bool


def invite_by_mail(
    *, manager: User, email: str, by: User | None = None
) -> SentInvitation:
    token = invite(manager=manager, email=email, by=by)
    link = settings.BASE_URL + reverse("accounts:invitation", args=[token])
    return SentInvitation(email, link, mailed=_mail(manager, email, link))


def _mail(manager: User, email: str, link: str) -> bool:
    context = {
        "manager": manager,
        "team": manager.team,
        "link": link,
        "days": settings.INVITATION_DAYS,
    }
    name = "accounts/email/invitation"
    try:
        send_mail(
            # A team's name is text of people; a subject is one line.
            " ".join(render_to_string(f"{name}_subject.txt", context).split()),
            render_to_string(f"{name}_body.txt", context),
            None,
            [email],
        )
    except OSError:
        logger.warning("The invitation of %r did not leave", email, exc_info=True)
        return False
    return True

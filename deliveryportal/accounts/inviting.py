"""Inviting a person by mail. The link is what counts; the mail only carries it."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse

from deliveryportal.accounts.joining import invite
from deliveryportal.accounts.models import User

logger = logging.getLogger(__name__)


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

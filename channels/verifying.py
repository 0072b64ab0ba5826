"""Verifying an address: who reads its mailbox follows a link that was mailed there.

The link is signed and kept nowhere. It expires, and it is spent once the identity is
verified. It counts for the identity's owner only, signed in: a stranger to whom it
is mailed by mistake verifies nothing by following it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.core.mail import send_mail
from django.core.signing import SignatureExpired, TimestampSigner
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.timezone import now

from channels.models import EmailIdentity, VerificationMail
from channels.models.verification_mail import VerificationMailQuerySet
from deliveryportal.accounts.auditing import Area, record_in
from deliveryportal.accounts.models import User

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limit:
    most: int
    within: timedelta


TO_ONE_ADDRESS = Limit(3, timedelta(hours=1))
BY_ONE_PERSON = Limit(30, timedelta(days=1))


class TooManyLinksError(Exception):
    """Enough links were mailed; the next may leave at `again_at`."""

    def __init__(self, again_at: datetime) -> None:
        super().__init__(f"not before {again_at}")
        self.again_at = again_at


@dataclass(frozen=True, slots=True)
class Link:
    identity: UUID
    expired: bool


def link_to_verify(identity: EmailIdentity) -> str:
    token = _signer().sign(identity.uuid.hex)
    return str(settings.BASE_URL + reverse("settings:verification", args=[token]))


def read_link(token: str) -> Link:
    """Raise BadSignature if it was not made here."""
    signer = _signer()
    identity = UUID(signer.unsign(token))
    try:
        signer.unsign(token, max_age=timedelta(days=settings.IDENTITY_LINK_DAYS))
    except SignatureExpired:
        return Link(identity, expired=True)
    return Link(identity, expired=False)


@transaction.atomic
def verify(identity: EmailIdentity, *, by: User | None = None) -> bool:
    """Return whether it was verified now, and not before: `by` its owner, or an admin."""
    unverified = EmailIdentity.objects.filter(pk=identity.pk, verified_at=None)
    if not unverified.update(verified_at=now()):
        return False
    record_in(
        identity.owner.team_id,
        Area.SETTINGS,
        "Verified an email identity",
        identity.address,
        by=by or identity.owner,
    )
    return True


def mail_link(identity: EmailIdentity) -> bool:
    """Mail a link to the identity's address; return whether the mail left.

    Raises TooManyLinksError. To be called when the identity is committed: the mail
    must not be faster than the row. What did not leave is not counted.
    """
    counted = _count(identity)
    if _mail(identity):
        return True
    counted.delete()
    return False


@transaction.atomic
def _count(identity: EmailIdentity) -> VerificationMail:
    # Two at once wait here for each other.
    list(EmailIdentity.objects.of(identity.owner).select_for_update())
    at = now()
    by_person = VerificationMail.objects.asked_by(identity.owner)
    limits = [
        (by_person.to(identity.address), TO_ONE_ADDRESS),
        (by_person, BY_ONE_PERSON),
    ]
    ends = [end for mails, limit in limits if (end := _end_of(limit, mails, at))]
    if ends:
        raise TooManyLinksError(max(ends))
    by_person.filter(sent_at__lte=at - BY_ONE_PERSON.within).delete()
    return VerificationMail.objects.create(
        owner=identity.owner, address=identity.address, sent_at=at
    )


def _end_of(
    limit: Limit, mails: VerificationMailQuerySet, at: datetime
) -> datetime | None:
    """Return when the limit that is reached lets the next one through."""
    lately = mails.filter(sent_at__gt=at - limit.within).order_by("-sent_at")
    times = list(lately.values_list("sent_at", flat=True)[: limit.most])
    return times[-1] + limit.within if len(times) == limit.most else None


def _mail(identity: EmailIdentity) -> bool:
    context = {
        "identity": identity,
        "owner": identity.owner,
        "link": link_to_verify(identity),
        "days": settings.IDENTITY_LINK_DAYS,
    }
    name = "settings/email/identity"
    try:
        send_mail(
            " ".join(render_to_string(f"{name}_subject.txt", context).split()),
            render_to_string(f"{name}_body.txt", context),
            None,
            [identity.address],
        )
    except OSError:
        logger.warning(
            "The link to verify %r did not leave", identity.address, exc_info=True
        )
        return False
    return True


def _signer() -> TimestampSigner:
    return TimestampSigner(sep=".", salt="channels.verifying")

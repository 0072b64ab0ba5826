from __future__ import annotations

from datetime import datetime, timedelta
from typing import Self
from uuid import uuid4

from django.db import models
from django.urls import reverse
from django.utils.timezone import now

from conversations.models import Delivery
from deliveryportal.accounts.models import User


class PracticeMailQuerySet(models.QuerySet["PracticeMail"]):
    def visible_to(self, user: User) -> Self:
        """Mail of deliveries they may see, and account mail to their own login.

        The login address only: an identity's address is whatever its owner typed,
        and must not open somebody else's password mail.
        """
        theirs = Delivery.objects.visible_to(user).filter(
            return_token=models.OuterRef("return_token")
        )
        return self.filter(
            models.Exists(theirs)
            | models.Q(return_token="", envelope_recipient__iexact=user.email)
        )

    def newest_first(self) -> Self:
        return self.order_by("-received_at", "-pk")

    def answer_due_by(self, at: datetime) -> Self:
        return self.filter(answer_due__lte=at).order_by("answer_due")


class PracticeMail(models.Model):
    """One mail to one recipient, as the practice relay took it.

    A later answer (a bounce, a complaint) is owed while `answer` names one of
    `answers.ANSWERS`: it is a row and not a timer, so a restart forgets none.
    """

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    envelope_sender = models.CharField(max_length=320, blank=True)  # empty: <>
    envelope_recipient = models.CharField(max_length=320)
    # The delivery it belongs to; empty for account mail. See channels.return_path.
    return_token = models.CharField(max_length=32, blank=True, editable=False)
    # Decoded, for the list; the page of one mail reads `raw`.
    header_from = models.CharField(max_length=500, blank=True)
    header_subject = models.CharField(max_length=500, blank=True)
    raw = models.BinaryField()
    received_at = models.DateTimeField(default=now, editable=False)
    answer = models.CharField(max_length=20, blank=True, editable=False)
    answer_due = models.DateTimeField(null=True, blank=True, editable=False)

    objects = PracticeMailQuerySet.as_manager()

    class Meta:
        verbose_name = "practice mail"
        verbose_name_plural = "practice mail"
        indexes = [
            # The Practice page, newest first.
            models.Index(fields=["-received_at"], name="practice_mail_newest"),
            # What the relay looks for several times a second.
            models.Index(
                fields=["answer_due"],
                condition=models.Q(answer_due__isnull=False),
                name="practice_mail_answer_due",
            ),
        ]
        constraints = [
            # An answer that is owed has a time, and only then.
            models.CheckConstraint(
                condition=models.Q(answer="", answer_due=None)
                | ~models.Q(answer="") & models.Q(answer_due__isnull=False),
                name="practice_mail_answer_has_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.header_subject or '(no subject)'} → {self.envelope_recipient}"

    def get_absolute_url(self) -> str:
        return reverse("practice:mail", args=[self.uuid])

    def answered(self) -> None:
        """Nothing is owed any more."""
        self._owe("", None)

    def answer_again(self, *, after: timedelta) -> None:
        self._owe(self.answer, now() + after)

    def _owe(self, answer: str, due: datetime | None) -> None:
        self.answer, self.answer_due = answer, due
        PracticeMail.objects.filter(pk=self.pk).update(answer=answer, answer_due=due)

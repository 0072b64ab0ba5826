from __future__ import annotations

from django.contrib import admin
from django.db.models import Q

from channels.return_path import without_return_tokens
from deliveryportal.accounts.admin import AnswerFilter, RecordAdmin
from deliveryportal.practice.models import PracticeMail


class About(AnswerFilter):
    title = "about"
    parameter_name = "about"
    answers = {
        "delivery": ("a delivery", lambda: ~Q(return_token="")),
        "account": ("an account", lambda: Q(return_token="")),
    }


class Owed(AnswerFilter):
    title = "answer"
    parameter_name = "owed"
    answers = {
        "yes": ("still to come", lambda: Q(answer_due__isnull=False)),
        "no": ("none owed", lambda: Q(answer_due=None)),
    }


@admin.register(PracticeMail)
class PracticeMailAdmin(RecordAdmin[PracticeMail]):
    """Without the mail itself: account mail carries links that open accounts."""

    fields = [
        "uuid",
        "sender",
        "envelope_recipient",
        "header_from",
        "header_subject",
        "received_at",
        "answer",
        "answer_due",
    ]
    list_display = [
        "received_at",
        "envelope_recipient",
        "header_from",
        "header_subject",
        "answer",
        "answer_due",
    ]
    list_filter = [About, Owed, "received_at"]
    search_fields = ["envelope_recipient", "header_from", "header_subject", "=uuid"]

    @admin.display(description="envelope sender")
    def sender(self, mail: PracticeMail) -> str:
        return without_return_tokens(mail.envelope_sender) or "<>"

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.db import transaction

from deliveryportal.accounts.joining import accept_invitation, found_team
from deliveryportal.accounts.models import Invitation, User

if TYPE_CHECKING:
    from django import forms
    from django.http import HttpRequest

logger = logging.getLogger(__name__)

INVITATION_KEY = "invitation"  # the session's name for the token of a followed link


def current_invitation(request: HttpRequest) -> Invitation | None:
    return Invitation.objects.by_token(request.session.get(INVITATION_KEY, ""))


class MailNotSentError(OSError):
    """A mail that somebody waits for, to sign in, did not leave."""


class AccountAdapter(DefaultAccountAdapter):
    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "too_many_login_attempts": "There were too many wrong passwords, so this one was "
        "not looked at. Wait five minutes, or choose a new password by “Forgot your "
        "password?”.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return (
            settings.SIGNUP == "open"
            or current_invitation(request) is not None
            or not User.objects.exists()
        )

    def send_mail(
        self, template_prefix: str, email: str, context: dict[str, Any]
    ) -> None:
        try:
            super().send_mail(template_prefix, email, context)
        except OSError as error:
            logger.warning("The mail to %r did not leave", email, exc_info=True)
            raise MailNotSentError(str(error)) from error

    @transaction.atomic
    def save_user(
        self,
        request: HttpRequest,
        user: User,
        form: forms.Form,
        commit: bool = True,  # noqa: FBT001, FBT002 - allauth's signature
    ) -> User:
        user = super().save_user(request, user, form, commit=False)
        user.name = form.cleaned_data["name"]
        user.time_zone = form.cleaned_data["time_zone"]
        if not commit:
            return user
        invitation = current_invitation(request)
        if invitation and accept_invitation(user, invitation):
            # The address is verified by mail like everybody's: the link proves
            # nothing about the mailbox, the manager has seen it too.
            del request.session[INVITATION_KEY]
        else:
            found_team(user)
        return user

    def populate_username(self, request: HttpRequest, user: Any) -> None:
        """Nobody has a user name: people sign in by email."""

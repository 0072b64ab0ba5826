"""Signing people out elsewhere, whoever asks for it: a page of ours or of allauth's."""

from __future__ import annotations

from collections.abc import Iterable

from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from allauth.usersessions.models import UserSession
from django.db import transaction

from deliveryportal.accounts.auditing import Area, record
from deliveryportal.accounts.devices import device_of


class SessionsAdapter(DefaultUserSessionsAdapter):
    """Of allauth's pages; all of them end one's own sessions only."""

    def end_sessions(self, sessions: Iterable[UserSession]) -> None:
        end(sessions)


@transaction.atomic
def end(sessions: Iterable[UserSession]) -> None:
    """Their owner signs out in these browsers."""
    for session in sessions:
        session.end()
        device = device_of(session.user_agent)
        record(Area.CREDENTIALS, "Ended a session", device, by=session.user)

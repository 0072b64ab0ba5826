from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.models import Group

from deliveryportal.accounts.admin._base import (
    MOST_LETTERS,
    AnswerFilter,
    AutocompleteSelectFilter,
    OperatorAdmin,
    ReadOnlyAdmin,
    ThemedInline,
    as_uuid,
    notes_itself,
)
from deliveryportal.accounts.admin.audit import AuditEntryAdmin
from deliveryportal.accounts.admin.email_address import EmailAddressAdmin
from deliveryportal.accounts.admin.invitation import InvitationAdmin
from deliveryportal.accounts.admin.keyset import WholeChangeList
from deliveryportal.accounts.admin.records import RecordAdmin
from deliveryportal.accounts.admin.sign_in import AuthenticatorAdmin, UserSessionAdmin
from deliveryportal.accounts.admin.team import TeamAdmin
from deliveryportal.accounts.admin.user import UserAdmin

__all__ = [
    "MOST_LETTERS",
    "AnswerFilter",
    "AuditEntryAdmin",
    "AuthenticatorAdmin",
    "AutocompleteSelectFilter",
    "EmailAddressAdmin",
    "InvitationAdmin",
    "OperatorAdmin",
    "ReadOnlyAdmin",
    "RecordAdmin",
    "TeamAdmin",
    "ThemedInline",
    "UserAdmin",
    "UserSessionAdmin",
    "WholeChangeList",
    "as_uuid",
    "notes_itself",
]

# What a person may do follows from role, team and "staff"; there are no groups.
admin.site.unregister(Group)

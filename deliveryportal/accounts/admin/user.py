from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.forms import ResetPasswordForm
from django import forms
from django.contrib import admin, messages
from django.contrib.auth import admin as auth_admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import pluralize
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.forms import AdminPasswordChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminSelectWidget

from deliveryportal.accounts.admin._base import (
    AutocompleteSelectFilter,
    OperatorAdmin,
    notes_itself,
)
from deliveryportal.accounts.admin.telling import left_alone
from deliveryportal.accounts.auditing import Area, record_in
from deliveryportal.accounts.deactivating import (
    HeirIsGoneError,
    keep_heir,
    lock_out,
    scheduled_by,
)
from deliveryportal.accounts.forms import ScheduledMailField
from deliveryportal.accounts.joining import found_team, joined
from deliveryportal.accounts.models import User
from deliveryportal.accounts.promoting import (
    LastManagerError,
    has_a_manager,
    keep_a_manager,
)

if TYPE_CHECKING:
    DjangoUserAdmin = auth_admin.UserAdmin[User]
    UserForm = forms.ModelForm[User]
else:
    DjangoUserAdmin = auth_admin.UserAdmin
    UserForm = forms.ModelForm


class NewUserForm(UserCreationForm):
    """Everybody belongs to a team: the one chosen, or a new one they found."""

    class Meta:
        model = User
        fields = ["email", "name", "team", "role"]
        field_classes: dict[str, type[forms.Field]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].required = False
        self.fields[
            "team"
        ].help_text = "Empty: the person founds a new team and is its manager."

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean()
        _need_a_manager(cleaned, None)
        return cleaned


def _need_a_manager(cleaned: dict[str, Any], person: User | None) -> None:
    """Refuse a member in a team that no manager is in."""
    team, role = cleaned.get("team"), cleaned.get("role")
    if team and role == User.Role.MEMBER and not has_a_manager(team, besides=person):
        raise forms.ValidationError(
            f"{team} would have no manager: make this person one, or somebody else first."
        )


class ChangeUserForm(UserForm):
    scheduled = ScheduledMailField(widget=UnfoldAdminSelectWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if field := self._scheduled:
            field.offer_managers(self.instance)

    @property
    def _scheduled(self) -> ScheduledMailField | None:
        """None for who may only look."""
        field = self.fields.get("scheduled")
        return field if isinstance(field, ScheduledMailField) else None

    @property
    def heir(self) -> User | None:
        chosen = self.cleaned_data.get("scheduled", "")
        return self._scheduled.heirs.get(chosen) if self._scheduled else None

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        before = self.instance  # what is asked for is written into it after this
        closes = before.is_active and not self.cleaned_data.get("is_active")
        number = scheduled_by(before) if closes else 0
        if number and not self.cleaned_data.get("scheduled"):
            raise forms.ValidationError(
                f"{number} message{pluralize(number)} of theirs would still leave: say "
                "what becomes of their mail that waits."
            )
        stays = (
            self.cleaned_data.get("is_active")
            and self.cleaned_data.get("role") == User.Role.MANAGER
            and self.cleaned_data.get("team") == before.team
        )
        others = User.objects.filter(team=before.team_id, is_active=True)
        # Whoever is alone in a team may close it behind them.
        if before.is_active and not stays and others.exclude(pk=before.pk).exists():
            try:
                keep_a_manager(before)
            except LastManagerError:
                raise forms.ValidationError(
                    "The team would have no manager: make somebody else one first."
                ) from None
        if self.cleaned_data.get("is_active"):
            _need_a_manager(self.cleaned_data, before)
        try:  # the team is held by now
            keep_heir(self.heir if closes else None, before)
        except HeirIsGoneError:
            raise forms.ValidationError(
                f"{self.heir} has left the team meanwhile: choose somebody else."
            ) from None
        return cleaned


@admin.register(User)
class UserAdmin(DjangoUserAdmin, OperatorAdmin[User]):
    form = ChangeUserForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm

    fieldsets = [
        (None, {"fields": ["email", "name", "team", "role", "password_link"]}),
        ("Access", {"fields": ["is_active", "is_staff", "is_superuser"]}),
        ("Dates", {"fields": ["date_joined", "last_login"]}),
    ]
    add_fieldsets = [
        (None, {"fields": ["email", "name", "team", "role"]}),
        ("Password", {"fields": ["usable_password", "password1", "password2"]}),
    ]
    filter_horizontal = []
    readonly_fields = ["password_link", "date_joined", "last_login"]
    autocomplete_fields = ["team"]

    list_display = [
        "email",
        "name",
        "team",
        "role",
        "is_active",
        "is_staff",
        "last_login",
    ]
    list_filter = [
        "role",
        ("team", AutocompleteSelectFilter),
        "is_active",
        "is_staff",
        "is_superuser",
        "last_login",
    ]
    list_select_related = ["team"]
    search_fields = ["email", "name", "team__name"]
    ordering = ["-pk"]  # Django's own page of users is by a name they have not
    actions = ["mail_reset"]

    @admin.action(description="Mail a password reset", permissions=["change"])
    @notes_itself
    def mail_reset(self, request: HttpRequest, chosen: QuerySet[User]) -> None:
        active = chosen.filter(is_active=True)
        left_alone(
            request,
            len(chosen) - len(active),
            "They are not active: nobody signs in there.",
        )
        for user in active:
            form = ResetPasswordForm({"email": user.email})
            try:
                mailed = form.is_valid() and form.save(request)
            except OSError:
                mailed = False
            if not mailed:
                messages.error(request, f"{user.email}: the mail did not leave.")
                continue
            self.log_change(request, user, "Password reset mailed")
            messages.success(request, f"{user.email}: the reset is mailed.")

    def save_model(
        self,
        request: HttpRequest,
        obj: User,
        form: UserForm,
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        if change:
            if "is_active" in form.changed_data and not obj.is_active:
                assert isinstance(form, ChangeUserForm)
                assert isinstance(request.user, User)
                lock_out(obj, heir=form.heir, by=request.user)
            if "team" in form.changed_data:
                # The change itself is told to the team that they are in by now.
                assert isinstance(request.user, User)
                record_in(
                    form.initial["team"],
                    Area.MEMBERSHIP,
                    "Moved a member to another team",
                    obj.email,
                    by=request.user,
                )
            super().save_model(request, obj, form, change)
        elif form.cleaned_data["team"] is None:
            found_team(obj)
        else:
            obj.save()
            joined.send(User, user=obj)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """What becomes of scheduled mail is asked where there is any."""
        found = super().get_fieldsets(request, obj)
        if obj is None or not scheduled_by(obj):
            return found
        return [
            (name, {**options, "fields": [*options["fields"], "scheduled"]})
            if name == "Access"
            else (name, options)
            for name, options in found
        ]

    def has_delete_permission(
        self, request: HttpRequest, obj: User | None = None
    ) -> bool:
        """People are deactivated: their mail and what they did stay theirs."""
        return False

    @admin.display(description="password")
    def password_link(self, user: User) -> SafeString:
        return format_html(
            '{} <a class="text-link" href="{}">Set another</a>',
            "Set."
            if user.has_usable_password()
            else "None: cannot sign in by password.",
            reverse("admin:auth_user_password_change", args=[user.pk]),
        )

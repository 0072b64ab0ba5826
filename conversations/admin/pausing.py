"""Pausing and resuming a channel's or a user's mail from their lists in the admin.

Accounts and channels know nothing of the queue, so their admins get the actions here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now
from unfold.widgets import UnfoldAdminTextInputWidget

from channels.admin import ChannelAdmin
from channels.models import Channel
from channels.pausing import resume
from conversations.models import Hold
from conversations.models.hold import Scope
from conversations.sending.holding import lift, place
from deliveryportal.accounts.access import UserRequest
from deliveryportal.accounts.admin import OperatorAdmin, UserAdmin, notes_itself
from deliveryportal.accounts.admin.confirming import AT_MOST, ask, is_confirmed
from deliveryportal.accounts.admin.telling import left_alone
from deliveryportal.accounts.models import User

if TYPE_CHECKING:
    Base = OperatorAdmin[Any]
else:
    Base = object


class ReasonForm(forms.Form):
    because = forms.CharField(
        max_length=200,
        label="Why",
        widget=UnfoldAdminTextInputWidget,
        help_text="The people whose mail waits read this.",
    )


class PausingActions(Base):
    """`scope` is that of a pause of such a row, and also names the field of Hold."""

    scope: ClassVar[Scope]

    @admin.action(description="Pause their mail", permissions=["pause"])
    @notes_itself
    def pause_mail(
        self, request: UserRequest, chosen: QuerySet[Model]
    ) -> HttpResponse | None:
        form = ReasonForm(request.POST if is_confirmed(request) else None)
        rows = list(chosen.order_by("pk")[:AT_MOST])
        if not form.is_valid():
            return ask(
                request,
                self,
                [(row, "") for row in rows],
                title="Pause",
                says="Their mail waits, also what is written from now on, until it is "
                "resumed. What is being handed over at this moment still leaves.",
                form=form,
            )
        for row in rows:
            if self._holds(row).exists():
                continue
            held = Hold(scope=self.scope, because=form.cleaned_data["because"])
            setattr(held, self.scope.value, row)
            place(held, request.user)
            self.log_change(request, row, f"Mail paused: {held.because}")
        messages.success(request, "Paused. Pauses shows what is, and resumes it too.")
        return None

    @admin.action(description="Resume their mail", permissions=["pause"])
    @notes_itself
    def resume_mail(self, request: UserRequest, chosen: QuerySet[Model]) -> None:
        resumed = 0
        for row in chosen.order_by("pk")[:AT_MOST]:
            for held in self._holds(row):
                if lift(held, request.user):
                    resumed += 1
                    self.log_change(request, row, "Mail resumed")
        messages.success(
            request, f"Pauses lifted: {resumed}. What waited goes out now."
        )

    def has_pause_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("conversations.add_hold")

    def _holds(self, row: Model) -> QuerySet[Hold]:
        return Hold.objects.in_force(now()).filter(
            scope=self.scope, **{self.scope.value: row}
        )


admin.site.unregister([Channel, User])


@admin.register(User)
class PausableUserAdmin(PausingActions, UserAdmin):
    scope = Scope.SENDER
    actions = [*UserAdmin.actions, "pause_mail", "resume_mail"]


@admin.register(Channel)
class PausableChannelAdmin(PausingActions, ChannelAdmin):
    scope = Scope.CHANNEL
    actions = ["try_again", "pause_mail", "resume_mail"]

    @admin.action(description="Try a broken channel again", permissions=["pause"])
    @notes_itself
    def try_again(self, request: UserRequest, chosen: QuerySet[Channel]) -> None:
        tried = 0
        channels = chosen.order_by("pk")[:AT_MOST]
        for channel in channels:
            if resume(channel):
                tried += 1
                self.log_change(request, channel, "Tried again")
        if tried:
            messages.success(
                request,
                f"{tried} tried again. One that is still broken pauses itself anew.",
            )
        left_alone(request, len(channels) - tried, "They work, or are disconnected.")

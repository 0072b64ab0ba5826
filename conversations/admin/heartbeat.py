from __future__ import annotations

from django.contrib import admin
from django.utils.timesince import timesince

from conversations.models import Heartbeat
from deliveryportal.accounts.admin import RecordAdmin, WholeChangeList


@admin.register(Heartbeat)
class HeartbeatAdmin(RecordAdmin[Heartbeat]):
    """When each background role last did its round."""

    fields = ["role", "at", "ago", "clock_ahead"]
    list_display = ["role", "at", "ago", "clock_ahead"]
    search_fields = ["role"]
    ordering = ["role"]
    change_list = WholeChangeList

    @admin.display
    def ago(self, heartbeat: Heartbeat) -> str:
        return timesince(heartbeat.at)

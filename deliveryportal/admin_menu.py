"""The operator's menu at the side of Django admin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from conversations.models import Alert, Report

Rows = Callable[[], QuerySet[Any]]

# Group → label, Material icon, model whose list it opens.
MENU: dict[str, list[tuple[str, str, str]]] = {
    "People": [
        ("Users", "person", "accounts_user"),
        ("Teams", "groups", "accounts_team"),
        ("Invitations", "mail_lock", "accounts_invitation"),
        ("Audit log", "history", "accounts_auditentry"),
        ("Sign-in addresses", "alternate_email", "account_emailaddress"),
        ("Ways to sign in", "key", "mfa_authenticator"),
        ("Sessions", "devices", "usersessions_usersession"),
    ],
    "Delivery channels": [
        ("Channels", "outgoing_mail", "channels_channel"),
        ("Choices", "rule", "channels_channelchoice"),
        ("Email identities", "badge", "channels_emailidentity"),
        ("Verification mail", "mark_email_read", "channels_verificationmail"),
        ("Sending limits", "speed", "channels_sendinglimit"),
        ("Allowances", "hourglass", "channels_allowance"),
        ("Far ends", "lan", "channels_farendsession"),
        ("Connection tests", "network_check", "channels_connectiontest"),
    ],
    "Conversations": [
        ("Pauses", "pause_circle", "conversations_hold"),
        ("Deliveries", "forward_to_inbox", "conversations_delivery"),
        ("Messages", "mail", "conversations_message"),
        ("Attachments", "attach_file", "conversations_attachment"),
        ("Drafts", "edit_note", "conversations_draft"),
        ("Conversations", "forum", "conversations_conversation"),
        ("Lanes", "conveyor_belt", "conversations_lane"),
        ("Timeline", "timeline", "conversations_deliveryevent"),
        ("Bulk jobs", "checklist", "conversations_bulkjob"),
        ("Items of bulk jobs", "list", "conversations_bulkitem"),
        ("Saved searches", "saved_search", "conversations_savedsearch"),
        ("Layouts of tabs", "view_column", "conversations_tablayout"),
    ],
    "Reports": [
        ("Alerts", "campaign", "conversations_alert"),
        ("Bounces and other reports", "report", "conversations_report"),
        ("Suppressions", "block", "conversations_suppression"),
        ("Evidence", "gavel", "conversations_evidence"),
        ("By the hour", "bar_chart", "conversations_tally"),
        ("By cause", "troubleshoot", "conversations_causetally"),
        ("Changes by cause", "exposure", "conversations_causechange"),
        ("Daily digests", "newspaper", "conversations_digest"),
        ("Totals", "functions", "conversations_total"),
        ("Counted so far", "flag", "conversations_tallymark"),
        ("Heartbeats", "monitor_heart", "conversations_heartbeat"),
        ("Practice mail", "school", "practice_practicemail"),
    ],
}


# Lists to work off: group → label, icon, model, which of its rows, and these rows.
TO_LOOK_AT: dict[str, list[tuple[str, str, str, str, Rows]]] = {
    "Reports": [
        (
            "Reports without a delivery",
            "unknown_document",
            "conversations_report",
            "matched=stray",
            Report.objects.strays,
        ),
        (
            "Unread reports",
            "sync_problem",
            "conversations_report",
            "state__exact=unreadable",
            Report.objects.unreadable,
        ),
        (
            "Open alerts",
            "notification_important",
            "conversations_alert",
            "standing=open",
            Alert.objects.open,
        ),
    ],
}
MANY = 100


def groups(request: HttpRequest) -> list[dict[str, Any]]:
    """Return what unfold's SIDEBAR setting asks for."""
    return [
        {
            "title": title,
            "separator": True,
            "items": [
                {
                    "title": label,
                    "icon": icon,
                    "link": reverse(f"admin:{model}_changelist"),
                }
                for label, icon, model in items
            ]
            + [_to_look_at(request, *entry) for entry in TO_LOOK_AT.get(title, [])],
        }
        for title, items in MENU.items()
    ]


def _to_look_at(
    request: HttpRequest, label: str, icon: str, model: str, query: str, rows: Rows
) -> dict[str, Any]:
    link = f"{reverse(f'admin:{model}_changelist')}?{query}"
    return {
        "title": label,
        "icon": icon,
        "link": link,
        "active": request.get_full_path() == link,
        "badge": number_of(rows),
    }


def number_of(rows: Rows) -> str:
    """Return the number for a badge: no badge for 0, and counting ends at many."""
    number = rows()[:MANY].count()
    return f"{MANY - 1}+" if number == MANY else str(number or "")

"""The operator's menu at the side of Django admin."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

# Group → label, Material icon, model whose list it opens.
MENU: dict[str, list[tuple[str, str, str]]] = {
    "People": [
        ("Users", "person", "accounts_user"),
        ("Teams", "groups", "accounts_team"),
        ("Invitations", "mail_lock", "accounts_invitation"),
        ("Sign-in addresses", "alternate_email", "account_emailaddress"),
    ],
    "Delivery channels": [
        ("Channels", "outgoing_mail", "channels_channel"),
        ("Choices", "rule", "channels_channelchoice"),
        ("Email identities", "badge", "channels_emailidentity"),
        ("Verification mail", "mark_email_read", "channels_verificationmail"),
        ("Sending limits", "speed", "channels_sendinglimit"),
        ("Allowances", "hourglass", "channels_allowance"),
        ("Connection tests", "network_check", "channels_connectiontest"),
    ],
    "Conversations": [
        ("Deliveries", "forward_to_inbox", "conversations_delivery"),
        ("Messages", "mail", "conversations_message"),
        ("Conversations", "forum", "conversations_conversation"),
        ("Timeline", "timeline", "conversations_deliveryevent"),
        ("Work on many", "checklist", "conversations_bulkjob"),
        ("What it is about", "list", "conversations_bulkitem"),
        ("Saved searches", "saved_search", "conversations_savedsearch"),
        ("Layouts of tabs", "view_column", "conversations_tablayout"),
    ],
    "Reports": [
        ("Alerts", "campaign", "conversations_alert"),
        ("Bounces and other reports", "report", "conversations_report"),
        ("Heartbeats", "monitor_heart", "conversations_heartbeat"),
        ("Practice mail", "school", "practice_practicemail"),
    ],
}


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
            ],
        }
        for title, items in MENU.items()
    ]

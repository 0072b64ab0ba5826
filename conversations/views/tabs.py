"""The tabs above a page of Conversations that is itself no list of deliveries."""

from __future__ import annotations

from typing import Any

from conversations.counting import Counting
from conversations.folders import FOLDERS
from deliveryportal.accounts.models import User


def tabs_around(user: User, here: str, folder: str = "") -> dict[str, Any]:
    """Each tab with its number, and the lists of `folder`; `here` names the page."""
    counting = Counting()
    number = counting.of_lists(user)
    opened = FOLDERS.get(folder)
    shown: dict[str, Any] = {
        "here": here,
        "folder": opened,
        "tabs": [
            {
                "folder": each,
                "url": each.url,
                "count": number(each.counted, *each.besides),
            }
            for each in FOLDERS.values()
        ],
    }
    if opened:
        shown["lists"] = [
            {
                "listing": each,
                "url": f"{opened.url}?list={each.key}" if each.key else opened.url,
                "count": number(each),
            }
            for each in opened.all_lists
        ]
        shown["neighbours"] = [
            {"neighbour": each, "count": counting.theirs(user, each.rows)}
            for each in opened.neighbours
        ]
    counting.count()
    return shown

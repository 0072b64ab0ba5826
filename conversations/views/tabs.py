"""The tabs above a page of Conversations that is itself no list of deliveries."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from conversations.counting import Counting
from conversations.folders import FOLDERS, Folder
from deliveryportal.accounts.models import User


def tabs_around(
    user: User, here: str, folder: str = "", member: User | None = None
) -> dict[str, Any]:
    """Each tab with its number, and the lists of `folder`; `here` names the page.

    Of a member's mail alone, if they are looked at as that.
    """
    counting = Counting()
    number = counting.of_lists(user, member)
    whose = {"member": member.pk} if member else {}
    opened = FOLDERS.get(folder)
    shown: dict[str, Any] = {
        "here": here,
        "folder": opened,
        "tabs": [
            {
                "folder": each,
                "url": _address(each, whose),
                "count": number(each.counted, *([] if member else each.besides)),
            }
            for each in FOLDERS.values()
        ],
    }
    if opened:
        shown["lists"] = [
            {
                "listing": each,
                "url": _address(opened, {"list": each.key} | whose),
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


def _address(folder: Folder, query: dict[str, Any]) -> str:
    found = urlencode({key: value for key, value in query.items() if value})
    return f"{folder.url}?{found}" if found else folder.url

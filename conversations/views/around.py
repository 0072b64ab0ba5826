"""What stands around a page of Conversations: tabs, lists and saved searches, each with
its number.
"""

from __future__ import annotations

from typing import Any

from conversations.lists.browsing import Browsing
from conversations.lists.counting import Counting
from conversations.lists.filtering import Known
from conversations.lists.folders import FOLDERS, Folder
from conversations.lists.searches import shown_to
from deliveryportal.accounts.models import User

# Every number refreshes by itself: those of each page, and with the lists of its tab.
LIVE_EVERYWHERE = {
    "live_tabs": "conversations/_tabs.html",
    "live_searches": "conversations/_searches.html",
}
LIVE_AROUND = {**LIVE_EVERYWHERE, "live_lists": "conversations/_lists.html"}
LIVE_LIST = {
    "live_list": "conversations/_list.html",
    "live_matches": "conversations/_matches.html",
    **LIVE_AROUND,
}


def around_page(
    known: Known, here: str, folder: str = "", member: User | None = None
) -> dict[str, Any]:
    """Around one that is not of deliveries; `here` names it where it is linked."""
    counting = Counting()
    shown = around(counting, known, FOLDERS.get(folder), member=member)
    counting.count()
    return {"here": here, **shown}


def around(
    counting: Counting,
    known: Known,
    folder: Folder | None,
    browsing: Browsing | None = None,
    *,
    member: User | None = None,
) -> dict[str, Any]:
    """Around a page of `folder`, if it is in one; as narrowed as what is browsed there.

    Where nothing is, of a `member`'s mail alone if they are looked at as that.
    The numbers are known once `counting` has counted.
    """
    user = known.user
    member = browsing.filter.member if browsing else member
    whose = {"member": str(member.pk)} if member else {}
    number = counting.of_lists(user, member)
    shown: dict[str, Any] = {
        "folder": folder,
        "tabs": [
            {
                "folder": each,
                "url": each.address(**whose),
                "count": number(each.counted, *([] if member else each.besides)),
            }
            for each in FOLDERS.values()
        ],
        "searches": [
            {
                "search": search,
                "url": seen.url,
                "current": browsing is not None and seen.url == browsing.url,
                "removable": search.may_be_removed_by(user),
                "for_managers": seen.filter.names_somebody,
                "count": seen.count(counting)
                if seen.can_be_counted
                else seen.count_latest(counting),
            }
            for search, seen in shown_to(user, known)
        ],
    }
    if folder:
        shown["lists"] = [
            {
                "listing": each,
                "url": browsing.address_in(each)
                if browsing
                else folder.address(list=each.key, **whose),
                "count": number(each),
            }
            for each in folder.all_lists
        ]
        # They have what is the user's own, which nobody looks at as somebody else.
        shown["neighbours"] = [
            {"neighbour": each, "count": counting.theirs(user, each.rows)}
            for each in ([] if member else folder.neighbours)
        ]
    return shown

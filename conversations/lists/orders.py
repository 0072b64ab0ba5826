"""The orders that a list may be in, as a table, by their names in addresses."""

from __future__ import annotations

from dataclasses import dataclass

from conversations.lists.folders import Listing, Neighbour
from conversations.lists.paging import DATE

DEPARTURE = "not_before"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order by the datetime field `by`, the latest first if `down`."""

    key: str  # in the address
    by: str
    down: bool
    says: str
    ends: tuple[str, str]  # the first page, and the last

    @property
    def turned(self) -> Order:
        return next(
            each
            for each in ORDERS.values()
            if each.by == self.by and each.down is not self.down
        )

    def fits(self, listing: Listing | Neighbour) -> bool:
        return self.by == DATE or listing.has_departures


NEWEST_FIRST = Order(
    key="", by=DATE, down=True, says="newest first", ends=("Newest", "Oldest")
)
FIRST_TO_LEAVE = Order(
    key="leaving",
    by=DEPARTURE,
    down=False,
    says="first to leave first",
    ends=("First to leave", "Last to leave"),
)
ORDERS: dict[str, Order] = {
    order.key: order
    for order in (
        NEWEST_FIRST,
        Order(
            key="oldest",
            by=DATE,
            down=False,
            says="oldest first",
            ends=("Oldest", "Newest"),
        ),
        FIRST_TO_LEAVE,
        Order(
            key="leaving-last",
            by=DEPARTURE,
            down=True,
            says="last to leave first",
            ends=("Last to leave", "First to leave"),
        ),
    )
}


BY_COLUMN = {"date": NEWEST_FIRST, "reason": FIRST_TO_LEAVE}


def order_by(column: str, listing: Listing | Neighbour) -> Order | None:
    """The order that a click on this column's head gives first; None if it has none."""
    found = BY_COLUMN.get(column)
    return found if found and found.fits(listing) else None

"""A user's view of a list: its filters, its order and the place of the page.

All of it is in the address, for lists of deliveries and of drafts alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlencode

from django.http import QueryDict

from conversations.lists.filtering import Filter
from conversations.lists.folders import Listing, Neighbour
from conversations.lists.orders import NEWEST_FIRST, ORDERS, Order
from conversations.lists.paging import Place
from deliveryportal.accounts.models import User


@dataclass(frozen=True, kw_only=True)
class Looking:
    """The base of such views. A view whose filter has `problems` shows no rows."""

    user: User
    listing: Listing | Neighbour
    filter: Filter
    order: Order = NEWEST_FIRST
    place: Place = Place()  # noqa: RUF009 - it cannot be changed

    @classmethod
    def read(
        cls,
        user: User,
        listing: Listing | Neighbour,
        query: QueryDict,
        chosen: Filter,
        **more: Any,
    ) -> Self:
        """Read place and order from the address; add what is wrong to the problems."""
        place = Place.from_query(query)
        if place is None:
            chosen.problems.append("This address leads to no page of the list.")
        sort = query.get("sort", "")
        order = ORDERS.get(sort)
        if order is None or not order.fits(listing):
            chosen.problems.append(f"This list cannot be sorted by {sort[:60]!r}.")
            order = NEWEST_FIRST
        return cls(
            user=user,
            listing=listing,
            filter=chosen,
            order=order,
            place=place or Place(),
            **more,
        )

    @property
    def path(self) -> str:
        """The URL path of the list."""
        raise NotImplementedError

    @property
    def which(self) -> dict[str, str]:
        """The parameters that say which of the lists at `path` it is."""
        return {}

    @property
    def query(self) -> str:
        """The query string of list, filters and order, without the place in it."""
        return _as_query(self._values())

    @property
    def url(self) -> str:
        return self.address()

    @property
    def whole(self) -> str:
        """The address of the list without filters or order."""
        return self._with(self.which)

    def address(self, **changes: object) -> str:
        """The address of this view, or of one that differs in `changes`."""
        return self._with(self._values(**changes))

    def _with(self, values: Mapping[str, object]) -> str:
        query = _as_query(values)
        return f"{self.path}?{query}" if query else self.path

    def _values(self, **changes: object) -> dict[str, object]:
        return {
            **self.which,
            **self.filter.values,
            "sort": self.order.key,
            **changes,
        }


def _as_query(values: Mapping[str, object]) -> str:
    return urlencode({key: value for key, value in values.items() if value})

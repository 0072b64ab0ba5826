"""The lists of one database, measured; prints the figures as JSON.

`admin` measures Django admin's changelist of the same rows beside each.
"""

from __future__ import annotations

import json
import sys
from itertools import combinations
from typing import Any

from django.http import QueryDict

# What serves the portal; it sets Django up.
import deliveryportal.wsgi  # noqa: F401
from channels.models import EmailIdentity
from conversations.lists.browsing import Browsing
from conversations.lists.columns import Layout
from conversations.lists.paging import Cursor
from conversations.models import Delivery
from conversations.models.list_indexes import FAILURES
from deliveryportal.accounts.models import User
from tests.bench_conversations.measuring import Figures, Visitor, timed
from tests.bench_conversations.stock_admin import ROWS_OF_PAGE, Admin

PAIR_TIMES, ADMIN_TIMES = 5, 3
FIRST, THOUSANDTH = "failed: first page", "failed: 1,000th page"


class Pages:
    def __init__(self, *, beside_admin: bool) -> None:
        self.manager, self.member = User.objects.order_by("pk")[:2]
        self.admin = Admin() if beside_admin else None
        self.figures: dict[str, Figures] = {}
        team = {"team__id__exact": self.manager.team_id}
        self.failed = {
            **team,
            "state__in": ",".join(FAILURES),
            "archived_at__isnull": "True",
        }
        self.accepted = {**team, "state__exact": "accepted"}
        self.archived = {**team, "archived_at__isnull": "False"}
        self.queued = {**team, "state__exact": "queued"}
        self.mine = {"sender__id__exact": self.member.pk}

    def measure(
        self,
        name: str,
        path: str,
        beside: dict[str, Any],
        by: User | None = None,
        *,
        indexed: bool = True,
    ) -> None:
        """Measure a page, and beside it the changelist narrowed to the same rows."""
        found = Visitor(by or self.manager).measure(path)
        found["indexed"] = indexed  # or looked for among the latest
        if self.admin:
            found["admin"] = self.changelist(beside)
        self.figures[name] = found

    def changelist(self, query: dict[str, Any], site: str = "stock") -> float:
        admin = self.admin
        assert admin
        # The slower by far: fewer times will do, and its fastest is what counts for us.
        return min(timed(lambda: admin.changelist(query, site), ADMIN_TIMES, warm=1))

    def run(self) -> dict[str, Figures]:
        self.failures()
        self.rest()
        return self.figures

    def failures(self) -> None:
        failed = self.failed
        self.measure(FIRST, "failed/", failed)
        if self.admin:
            self.figures[FIRST]["lean"] = self.changelist(failed, "lean")
        deep = self._deep_page()
        if deep:
            self.measure(THOUSANDTH, f"failed/?after={deep}", {**failed, "p": 1000})
        self.measure("failed: oldest page", "failed/?end=1", {**failed, "o": "6"})
        for key in ("failed", "bounced", "spam", "unconfirmed"):
            self.measure(f"failed: list {key}", f"failed/?list={key}", failed)
        filters = self._filters()
        for query, lookups in filters.items():
            key, _, value = query.partition("=")
            self.measure(
                f"failed: filter {key} {value[:12]}",
                f"failed/?{query}",
                {**failed, **lookups},
            )
        in_my_care = {**failed, "triage_owner__id__exact": self.manager.pk}
        self.measure(
            "failed: in the care of one", "failed/?care=me", in_my_care, indexed=False
        )
        self._worst_pair(filters)
        for words, kind in (
            ("anna", "common"),
            ("zeno.sato99", "rare"),
            ("nobody.here", "none"),
        ):
            self.measure(
                f"failed: search, {kind} word",
                f"failed/?q={words}",
                {**failed, "q": words},
            )
        mine = {**failed, **self.mine}
        self.measure("failed: a member's own", "failed/", mine, by=self.member)
        undecided = {**failed, "triage__exact": "open"}
        self.measure("failed: by cause", "failed/causes/", undecided)
        self.measure(
            "failed: of a cause",
            "failed/?triage=open&cause=mailbox_full",
            {**undecided, "reason__exact": "mailbox_full"},
        )

    def rest(self) -> None:
        accepted, mine = self.accepted, {**self.accepted, **self.mine}
        self.measure("sent: first page", "sent/", accepted)
        self.measure("sent: oldest page", "sent/?end=1", {**accepted, "o": "6"})
        self.measure("sent: a member's own", "sent/", mine, by=self.member)
        self.measure("sent: viewed as a member", f"sent/?member={self.member.pk}", mine)
        self.measure("sent: handed over", "sent/?list=handed-over", accepted)
        self.measure("sent: archived", "sent/?list=archived", self.archived)
        self.measure("sent: a common word", "sent/?q=anna", {**accepted, "q": "anna"})
        for name, words in (
            ("a rare word", "zeno.sato99"),
            ("a word that nobody used", "nobody.here"),
        ):
            query = {**accepted, "q": words}
            self.measure(f"sent: {name}", f"sent/?q={words}", query, indexed=False)
            if further := self._further(words):
                label = f"sent: {name}, further back"
                self.measure(label, further, query, indexed=False)
        self.measure("pending: first page", "pending/", self.queued)

    def _further(self, words: str) -> str:
        """Where the first page of a search leads to, if that looks through as many rows.

        In a short list it ends sooner, and is no page to compare others with.
        """
        further = self._seen_to(f"q={words}")
        query = f"q={words}&after={further}"
        return f"sent/?{query}" if further and self._seen_to(query) else ""

    def _seen_to(self, query: str) -> str:
        """Up to where a page of what was sent has looked; empty if that is all of it."""
        browsing = Browsing.of(self.manager, "sent", QueryDict(query))
        assert browsing
        return str(browsing.page(Layout((), ROWS_OF_PAGE)).further or "")

    def _deep_page(self) -> Cursor | None:
        rows = Delivery.objects.visible_to(self.manager).filter(
            state__in=FAILURES, archived_at=None
        )
        before = 999 * ROWS_OF_PAGE
        found = rows.order_by("-state_since", "-pk")[before - 1 : before]
        return next((Cursor.of(row) for row in found), None)

    def _filters(self) -> dict[str, dict[str, Any]]:
        """Each filter with a value, and the changelist's name for it."""
        identity = EmailIdentity.objects.get(owner=self.member)
        return {
            f"member={self.member.pk}": self.mine,
            "channel=gmail": {"channel_kind__exact": "gmail"},
            f"identity={identity.uuid}": {"from_address__exact": identity.address},
            "reason=mailbox_full": {"reason__exact": "mailbox_full"},
            "reason=complaint": {"reason__exact": "complaint"},
            "triage=open": {"triage__exact": "open"},
            "triage=lost": {"triage__exact": "lost"},
            "when=30": {},
            "until=2026-01-31": {},
        }

    def _worst_pair(self, filters: dict[str, dict[str, Any]]) -> None:
        words = {"q=zeno": {"q": "zeno"}, "q=zeno.sato99": {"q": "zeno.sato99"}}
        known = {**filters, **words, "list=bounced": {"state__exact": "bounced"}}
        visitor = Visitor(self.manager)
        took = {
            pair: visitor.measure(f"failed/?{'&'.join(pair)}", PAIR_TIMES)["page"]
            for pair in combinations(known, 2)
            if len({each.partition("=")[0] for each in pair}) == 2
        }
        worst = max(took, key=lambda pair: took[pair])
        names = " and ".join(each[:16] for each in worst)
        self.measure(
            f"failed: worst pair, {names}",
            f"failed/?{'&'.join(worst)}",
            {**self.failed, **known[worst[0]], **known[worst[1]]},
        )


if __name__ == "__main__":
    found = Pages(beside_admin="admin" in sys.argv[1:]).run()
    sys.stdout.write(f"\n{json.dumps(found)}\n")

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conversations.lists.rows import CELLS, rows_of
from conversations.models import Delivery, Hold
from conversations.models.state import IS_DOWN, LATER, State
from deliveryportal.accounts.models import User

HOSTILE = "<i>'\"&"
IN_PAGE = "&lt;i&gt;&#x27;&quot;&amp;"
WITH_WORDS_OF_OTHERS = {"subject", "member", "identity", "reason"}


@pytest.mark.parametrize("column", CELLS)
def test_whatever_others_wrote_is_only_text(
    column: str, alice: User, make_delivery: Callable[..., Delivery]
) -> None:
    User.objects.update(name=HOSTILE)
    delivery = make_delivery(
        alice, state=State.FAILED, reason="unknown", remote_words=HOSTILE
    )
    Delivery.objects.update(
        recipient=HOSTILE, subject=HOSTILE, from_address=HOSTILE, channel_kind="portal"
    )
    [row] = Delivery.objects.filter(pk=delivery.pk).for_list([column])
    found = rows_of([row], [column], waiting=False)
    assert HOSTILE not in found
    assert "<i>" not in found
    assert found.count(IN_PAGE) == 2 + (column in WITH_WORDS_OF_OTHERS)


@pytest.mark.parametrize("state", [State.QUEUED, State.DELAYED])
def test_nor_does_more_come_from_what_mail_waits_for(
    state: State, alice: User, make_delivery: Callable[..., Delivery]
) -> None:
    delivery = make_delivery(
        alice, state=state, waiting_for=HOSTILE, remote_words=HOSTILE
    )
    [row] = Delivery.objects.filter(pk=delivery.pk).for_waiting_list(["reason"])
    found = rows_of([row], ["reason"], waiting=True)
    assert "<i>" not in found
    assert IN_PAGE in found


TRIED = datetime(2026, 3, 10, 12, tzinfo=UTC)
NEXT = {"tried_since": TRIED, "not_before": TRIED + timedelta(hours=3)}


@time_machine.travel(TRIED + timedelta(hours=1))
@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {
                "state": State.DELAYED,
                "accepted_at": TRIED,
                "tried_until": NEXT["not_before"],
            },
            "since 10 Mar 2026, 12:00, until 10 Mar 2026, 15:00 at the latest<",
        ),
        ({"state": State.DELAYED, "accepted_at": TRIED}, "since 10 Mar 2026, 12:00<"),
        (
            {"waiting_for": f"x.test {LATER}", **NEXT},
            "next try 10 Mar 2026, 15:00:00"
            '<div class="muted">We try until 12 Mar 2026, 12:00</div>',
        ),
        # A limit is waited for however long, and what was not tried has its time yet.
        ({"waiting_for": f"x {IS_DOWN}", **NEXT}, "next try 10 Mar 2026, 15:00:00<"),
        (
            {"waiting_for": f"x {LATER}", "not_before": TRIED},
            "next try 10 Mar 2026, 12:00:00</td>",
        ),
        # The two days of what stands still begin anew when it is tried.
        (
            {
                "waiting_for": f"x {LATER}",
                "tried_since": TRIED - timedelta(days=3),
                "not_before": TRIED - timedelta(days=2),
            },
            "next try 8 Mar 2026, 12:00:00</td>",
        ),
    ],
)
def test_what_was_tried_says_until_when_it_is_tried(
    alice: User,
    make_delivery: Callable[..., Delivery],
    fields: dict[str, object],
    told: str,
) -> None:
    delivery = make_delivery(alice, **fields)
    [row] = Delivery.objects.filter(pk=delivery.pk).for_waiting_list(["reason"])
    with CaptureQueriesContext(connection) as queries:
        assert told in rows_of([row], ["reason"], waiting=True)
    assert len(queries) == 1  # for the channel


def test_what_a_pause_holds_is_not_given_up_meanwhile(
    alice: User, make_delivery: Callable[..., Delivery]
) -> None:
    make_delivery(alice, waiting_for=f"x.test {LATER}", **NEXT)
    Hold.objects.create(scope="everything", because="moving house")
    [row] = Delivery.objects.for_waiting_list(["reason"])
    assert "We try until" not in rows_of([row], ["reason"], waiting=True)

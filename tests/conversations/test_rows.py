from __future__ import annotations

from collections.abc import Callable

import pytest

from conversations.models import Delivery
from conversations.models.state import State
from conversations.rows import CELLS, rows_of
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

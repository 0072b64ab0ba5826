from __future__ import annotations

from datetime import UTC, datetime

from conversations.triage.actions import ACTIONS
from conversations.watching.cause_cards import cards_of
from conversations.watching.causes import Cause


def cause(*, title: str = "Full", first: tuple[str, str] | None = None) -> Cause:
    since = datetime(2026, 5, 31, 12, tzinfo=UTC)
    return Cause(
        place=2,
        key="mailbox_full",
        title=title,
        advice="",
        who="",
        number=1,
        since=since,
        last=since,
        actions=(ACTIONS["retry"], ACTIONS["archive"]),
        first=first,
    )


def test_the_first_button_alone_is_the_primary_one() -> None:
    [card] = cards_of([cause()])
    first, second = card.buttons.strip().splitlines()
    assert 'id="retry-2" class="button button--primary"' in first
    assert 'id="archive-2" class="button "' in second


def test_what_has_to_be_done_before_comes_first() -> None:
    [card] = cards_of([cause(first=("Mend it", "/here/"))])
    first, *_ = card.buttons.splitlines()
    assert first.startswith('<a id="first-2" class="button button--primary"')
    assert first.endswith('href="/here/">Mend it</a>')


def test_the_words_of_a_server_in_a_title_are_only_text() -> None:
    [card] = cards_of([cause(title='<b>"{0}')])
    assert "&lt;b&gt;&quot;{0}" in card.buttons
    assert "<b>" not in card.buttons

"""The tables: what can be done about what, and what is said before."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.utils.timezone import now

from channels.models import Channel
from conversations.bounces.reasons import REASONS
from conversations.lists.folders import FOLDERS
from conversations.models import Delivery
from conversations.models.state import FAILURES, State, Triage
from conversations.triage.actions import ACTIONS, offers_in
from conversations.triage.known import KNOWN, Known, what_is_known
from conversations.triage.refusing import Standing, refusal, what_can_be_done
from conversations.triage.remedies import REMEDIES, RESENDING, RETRY
from deliveryportal.accounts.models import User

MakeDelivery = Callable[..., Delivery]


def test_every_reason_has_been_judged() -> None:
    assert REASONS.keys() <= REMEDIES.keys()


@pytest.mark.parametrize("reason", [key for key, why in REASONS.items() if why.hard])
def test_there_is_no_retry_where_it_cannot_work(reason: str) -> None:
    assert RETRY not in REMEDIES[reason]
    assert "cannot help" in refusal(ACTIONS[RETRY], Standing(State.BOUNCED, reason))


def test_every_remedy_is_an_action() -> None:
    assert set(RESENDING) <= set().union(*REMEDIES.values()) <= set(ACTIONS)


@pytest.mark.parametrize(
    ("state", "known"),
    [
        (State.FAILED, "certainly not delivered"),
        (State.BOUNCED, "certainly not delivered"),
        (State.UNCONFIRMED, "may have arrived"),
        (State.ACCEPTED, "was delivered"),
        (State.COMPLAINED, "was delivered"),
    ],
)
def test_what_is_known_is_said(
    alice: User, make_delivery: MakeDelivery, state: State, known: str
) -> None:
    delivery = make_delivery(alice, state=state)
    assert what_is_known(delivery) == known
    assert what_is_known(delivery).asks is (known != "certainly not delivered")


def test_something_is_known_of_every_state() -> None:
    assert set(KNOWN) == set(State)


def test_what_an_untracked_channel_took_may_have_arrived(
    alice: User, make_delivery: MakeDelivery
) -> None:
    delivery = make_delivery(alice, state=State.ACCEPTED)
    delivery.channel = Channel(kind="smtp", owner=alice)
    assert what_is_known(delivery) is Known.MAYBE


@pytest.mark.parametrize(
    ("state", "reason", "keys"),
    [
        (
            State.FAILED,
            "mailbox_full",
            ["retry", "correct", "decide", "archive"],
        ),
        (State.BOUNCED, "address_unknown", ["correct", "decide", "archive"]),
        (State.COMPLAINED, "complaint", ["decide", "archive"]),
        (
            State.UNCONFIRMED,
            "unconfirmed",
            ["arrived", "not-arrived", "retry", "other-channel", "decide", "archive"],
        ),
        (State.ACCEPTED, "", ["again", "other-channel", "archive"]),
        (State.QUEUED, "", ["cancel"]),
        (State.DELAYED, "", []),
    ],
)
def test_what_can_be_done_follows_state_and_reason(
    alice: User,
    make_delivery: MakeDelivery,
    state: State,
    reason: str,
    keys: list[str],
) -> None:
    delivery = make_delivery(alice, state=state, reason=reason)
    found = [each.action.key for each in what_can_be_done(delivery)]
    assert found == [*keys, "export"]


@pytest.mark.parametrize("state", [State.ACCEPTED, *FAILURES])
def test_what_is_archived_and_nothing_else_can_be_deleted(
    alice: User, make_delivery: MakeDelivery, state: State
) -> None:
    for archived_at in (None, now()):
        delivery = make_delivery(alice, state=state, archived_at=archived_at)
        keys = {each.action.key for each in what_can_be_done(delivery)}
        assert keys & {"archive", "unarchive", "delete"} == (
            {"unarchive", "delete"} if archived_at else {"archive"}
        )


def test_every_list_offers_the_file_and_only_the_archive_to_delete() -> None:
    for folder in FOLDERS.values():
        for listing in folder.all_lists:
            keys = [each.key for each in offers_in(folder.key, listing.key)]
            assert keys[-1] == "export"
            assert ("delete" in keys) is (listing.key == "archived")


def test_only_of_what_needs_a_hand_something_is_suggested(
    alice: User, make_delivery: MakeDelivery
) -> None:
    failed = make_delivery(alice, state=State.FAILED, reason="mailbox_full")
    assert [each.action.key for each in what_can_be_done(failed) if each.suggested] == [
        "retry"
    ]
    failed.triage = Triage.RESOLVED
    arrived = make_delivery(alice, state=State.ACCEPTED)
    for done in (failed, arrived):
        assert not any(each.suggested for each in what_can_be_done(done))

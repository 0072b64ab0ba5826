from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import time_machine
from django.http import QueryDict
from django.utils.timezone import now

from channels.models import Channel, EmailIdentity
from conversations.lists.filtering import CRITERIA, Filter, Known
from conversations.models import Delivery
from conversations.models.state import State, Triage
from deliveryportal.accounts.models import User

MakeDelivery = Callable[..., Delivery]


def found(user: User, query: str) -> set[str]:
    chosen = Filter.from_query(QueryDict(query), user)
    assert not chosen.problems
    matching = chosen.apply(Delivery.objects.visible_to(user))
    return {each.recipient.partition("@")[0] for each in matching}


def problems(user: User, query: str) -> list[str]:
    chosen = Filter.from_query(QueryDict(query), user)
    assert not chosen.apply(Delivery.objects.all()).exists()
    return chosen.problems


def test_without_a_filter_everything_matches(
    alice: User, make_delivery: MakeDelivery
) -> None:
    make_delivery(alice, "anna@customer.test")
    assert found(alice, "") == {"anna"}
    assert not Filter.from_query(QueryDict(""), alice)


def test_each_criterion_narrows(
    alice: User, bob: User, make_delivery: MakeDelivery
) -> None:
    make_delivery(alice, "full@customer.test", reason="mailbox_full")
    make_delivery(alice, "lost@customer.test", triage=Triage.LOST)
    make_delivery(bob, "bobs@customer.test")
    identity = EmailIdentity.objects.get(owner=alice)
    assert found(bob, "reason=mailbox_full") == {"full"}
    assert found(bob, "triage=lost") == {"lost"}
    assert found(bob, f"member={bob.pk}") == {"bobs"}
    assert found(bob, f"identity={identity.uuid}") == {"full", "lost"}
    assert found(bob, "channel=portal") == {"full", "lost", "bobs"}
    assert found(bob, "channel=smtp") == set()


def test_a_manager_asks_who_looks_after_a_failure(
    alice: User, bob: User, make_delivery: MakeDelivery
) -> None:
    failed = partial(make_delivery, alice, state=State.FAILED)
    failed("hers@customer.test", triage_owner=alice)
    failed("his@customer.test", triage_owner=bob)
    failed("nobodys@customer.test")
    assert found(bob, "care=me") == {"his"}
    assert found(bob, f"care={alice.pk}") == {"hers"}
    assert found(bob, "care=nobody") == {"nobodys"}
    words = ["Me", "Nobody", "Alice Acme"]
    assert [each for _, each in CRITERIA["care"].options(Known(bob))] == words
    assert problems(alice, "care=me")
    # A search of that kind is shared with managers alone.
    assert Filter.from_query(QueryDict("care=nobody"), bob).names_somebody


def test_a_cause_is_of_one_reason_and_what_it_speaks_of(
    alice: User, bob: User, make_delivery: MakeDelivery
) -> None:
    for name, reason in (
        ("one@bigco.com", "spam_policy"),
        ("two@BigCo.com", "spam_policy"),
        ("three@small.com", "spam_policy"),
        ("four@bigco.com", "rate_limited"),
        ("five@bigco.com", ""),
        ("six@bigco.com", "mailbox_full"),
    ):
        make_delivery(alice, name, state=State.FAILED, reason=reason)
    for user in (alice, bob):
        assert found(user, "cause=spam_policy:bigco.com") == {"one", "two"}
        assert found(user, "cause=spam_policy:bigco.com&q=two") == {"two"}
        assert found(user, "cause=mailbox_full") == {"six"}
        assert found(user, "cause=none") == {"five"}
        assert found(user, "cause=") == {"five"}  # as older addresses have it


def test_a_channel_is_named_to_those_whose_mail_goes_by_it(
    alice: User, bob: User, charlie: User
) -> None:
    server = Channel.objects.create(
        kind="smtp", owner=alice, config={"host": "smtp.acme.com"}
    )
    query = QueryDict(f"cause=channel_down:{server.pk}")
    said = [Filter.from_query(query, user).cause for user in (alice, bob, charlie)]
    assert said == [
        "smtp.acme.com was out of order",
        "smtp.acme.com was out of order",
        "Delivery channel out of order",
    ]


def test_criteria_combine(alice: User, bob: User, make_delivery: MakeDelivery) -> None:
    make_delivery(alice, "one@customer.test", reason="mailbox_full")
    make_delivery(alice, "two@customer.test", reason="spam_policy")
    make_delivery(bob, "three@customer.test", reason="mailbox_full")
    assert found(bob, f"member={alice.pk}&reason=mailbox_full&q=one") == {"one"}


@pytest.mark.parametrize(
    ("words", "matches"),
    [
        ("anna", True),
        ("ANNA", True),
        ("customer.test", True),
        ("quarter offer", True),
        ("anna quarter", True),
        ("anna berta", False),
        ("100%", True),
        ("100_", False),
        ("%%%", False),
    ],
)
def test_every_word_must_stand_in_recipient_or_subject(
    alice: User, make_delivery: MakeDelivery, words: str, *, matches: bool
) -> None:
    make_delivery(alice, "anna@customer.test", subject="Offer for the quarter, 100%")
    query = QueryDict(mutable=True)
    query["q"] = words
    assert bool(found(alice, query.urlencode())) is matches


@time_machine.travel(datetime(2026, 3, 10, 12, tzinfo=UTC), tick=False)
@pytest.mark.parametrize(
    ("query", "days"),
    [
        ("when=today", {0}),
        ("when=yesterday", {1}),
        ("when=7", {0, 1, 6}),
        ("since=2026-03-04&until=2026-03-09", {1, 6}),
        ("when=7&until=2026-03-09", {1, 6}),
        ("since=2026-03-10", {0}),
        ("until=2026-03-03", {7}),
    ],
)
def test_dates_are_whole_days_and_both_ends_belong(
    alice: User, make_delivery: MakeDelivery, query: str, days: set[int]
) -> None:
    for ago in (0, 1, 6, 7):
        at = now() - timedelta(days=ago)
        make_delivery(alice, f"{ago}@customer.test", state_since=at)
    assert found(alice, query) == set(map(str, days))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("reason=nonsense", "Reason: 'nonsense' is not one of the choices."),
        ("channel=<b>", "Channel: '<b>' is not one of the choices."),
        ("member=1", "Member: '1' is not one of the choices."),
        ("identity=x", "Identity: 'x' is not one of the choices."),
        ("cause=<b>", "Cause: '<b>' is not one of the choices."),
        ("triage=x", "Triage: 'x' is not one of the choices."),
        ("when=tomorrow", "Date: 'tomorrow' is not one of the choices."),
        ("since=yesterday", "First day: 'yesterday' is not a day, as in 2026-01-31."),
        ("until=0001-01-01", "Last day: '0001-01-01' is not a day, as in 2026-01-31."),
        ("until=9999-12-31", "Last day: '9999-12-31' is not a day, as in 2026-01-31."),
        (
            "since=2026-02-02&until=2026-02-01",
            "The first day comes after the last: nothing can match.",
        ),
        ("q=ab", "Search for 3 letters or more."),
        ("q=one+two+three+four+five+six+seven", "Search for 6 words at most."),
        (f"q={'a' * 50_000}", "Search for 200 letters at most."),
        ("q=an%00na", "A search is made of letters that can be seen."),
    ],
)
def test_what_makes_no_sense_is_said_and_matches_nothing(
    alice: User, make_delivery: MakeDelivery, query: str, words: str
) -> None:
    make_delivery(alice)
    assert problems(alice, query) == [words]


def test_a_member_filters_by_nobody_and_nobody_by_outsiders(
    alice: User, bob: User, charlie: User
) -> None:
    assert problems(alice, f"member={alice.pk}")
    assert problems(bob, f"member={charlie.pk}")
    outside = EmailIdentity.objects.get(owner=charlie)
    assert problems(bob, f"identity={outside.uuid}")
    colleague = EmailIdentity.objects.get(owner=bob)
    assert problems(alice, f"identity={colleague.uuid}")


def test_every_choice_that_is_offered_can_be_taken(bob: User) -> None:
    known = Filter.from_query(QueryDict(""), bob).known
    for key, criterion in CRITERIA.items():
        for value, _ in criterion.options(known):
            query = QueryDict(mutable=True)
            query[key] = value
            chosen = Filter.from_query(query, bob)
            assert not chosen.problems
            list(chosen.apply(Delivery.objects.filter(state=State.FAILED)))

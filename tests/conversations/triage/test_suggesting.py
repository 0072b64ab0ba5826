from __future__ import annotations

from collections.abc import Callable

import pytest

from channels.models import Channel
from conversations.models import Delivery, Report
from conversations.models.state import State
from conversations.triage.suggesting import Reached, spellings, suggestions
from deliveryportal.accounts.models import User

MakeDelivery = Callable[..., Delivery]
AlsoTo = Callable[..., Delivery]


@pytest.mark.parametrize(
    ("domain", "meant"),
    [
        ("gmial.com", "gmail.com"),
        ("outlok.com", "outlook.com"),
        ("bigcco.com", "bigco.com"),
        ("gmail.com", ""),
        ("bigco.com", ""),
        ("nothing-like-it.example", ""),
    ],
)
def test_a_domain_is_spelt_like_one_that_works(domain: str, meant: str) -> None:
    found = spellings(domain, ["anna@bigco.com", "bert@bigco.com"])
    assert next(iter(found), "") == meant


def test_people_at_the_domain_come_with_the_likest_first(
    alice: User, charlie: User, make_delivery: MakeDelivery
) -> None:
    make_delivery(alice, "zoe@bigco.com", state=State.ACCEPTED)
    make_delivery(alice, "jon.smith@bigco.com", state=State.ACCEPTED)
    make_delivery(charlie, "secret@bigco.com", state=State.ACCEPTED)
    failed = make_delivery(alice, "john.smith@bigco.com", state=State.FAILED)
    assert [each.address for each in suggestions(failed, Reached.by(alice))] == [
        "jon.smith@bigco.com",
        "zoe@bigco.com",
    ]


def test_whom_others_wrote_to_only_a_manager_is_told(
    alice: User, bob: User, make_delivery: MakeDelivery
) -> None:
    make_delivery(bob, "zoe@bigco.com", state=State.ACCEPTED)
    failed = make_delivery(alice, "anna@bigco.com", state=State.FAILED)
    assert suggestions(failed, Reached.by(alice)) == []
    [told] = suggestions(failed, Reached.by(bob))
    assert (told.address, told.why) == (
        "zoe@bigco.com",
        "your team’s mail arrived there, at bigco.com",
    )


def test_no_suggestion_says_that_untracked_mail_arrived(
    alice: User, make_delivery: MakeDelivery
) -> None:
    gmail = Channel.objects.create(kind="gmail", owner=alice)
    taken = make_delivery(alice, "zoe@bigco.com", state=State.ACCEPTED)
    Delivery.objects.filter(pk=taken.pk).update(channel=gmail, tracked=False)
    failed = make_delivery(alice, "anna@bigco.com", state=State.FAILED)
    [told] = suggestions(failed, Reached.by(alice))
    assert told.why == "your mail for it was handed over, not tracked"
    make_delivery(alice, "zoe@bigco.com", state=State.ACCEPTED)
    [told] = suggestions(failed, Reached.by(alice))
    assert told.why == "your mail arrived there, at bigco.com"


def test_where_the_conversation_went_on_comes_first(
    alice: User, make_delivery: MakeDelivery
) -> None:
    failed = make_delivery(alice, "anna@gmial.com", state=State.FAILED)
    corrected = make_delivery(alice, "anna.b@gmail.com", state=State.ACCEPTED)
    corrected.message.resend_of = failed.message
    corrected.message.save()
    Report.objects.create(
        return_token="x",
        digest="x",
        raw=b"",
        source="smtp",
        delivery=failed,
        final_recipient="moved@customer.test",
    )
    assert [
        (each.address, each.why) for each in suggestions(failed, Reached.by(alice))
    ] == [
        ("anna.b@gmail.com", "used in this conversation"),
        ("moved@customer.test", "named in a report about this conversation"),
        ("anna@gmail.com", "the domain’s likely spelling"),
    ]


def test_who_gets_the_mail_already_is_never_suggested(
    alice: User, make_delivery: MakeDelivery, also_to: AlsoTo
) -> None:
    failed = make_delivery(alice, "anna@gmial.com", state=State.FAILED)
    got_it = {"state": State.ACCEPTED, "reason": ""}
    also_to(failed, "Anna@gmail.com", **got_it)  # as the domain is spelt rightly
    also_to(failed, "bert@gmial.com", Delivery.Part.BCC, **got_it)
    assert suggestions(failed, Reached.by(alice)) == []


def test_who_read_along_is_not_taken_for_the_recipient(
    alice: User, make_delivery: MakeDelivery, also_to: AlsoTo
) -> None:
    earlier = make_delivery(alice, "anna@customer.test", state=State.FAILED)
    also_to(earlier, "bert@elsewhere.test")
    make_delivery(alice, "nobody@elsewhere.test")
    failed = make_delivery(alice, "anna@customer.test", state=State.FAILED)
    assert suggestions(failed, Reached.by(alice)) == []


def test_what_may_be_the_right_address_of_another_is_only_named(
    alice: User, make_delivery: MakeDelivery, also_to: AlsoTo
) -> None:
    earlier = make_delivery(alice, "anna@customer.test", state=State.FAILED)
    also_to(earlier, "bert@customer.test")
    corrected = make_delivery(alice, "zoe@elsewhere.test", state=State.ACCEPTED)
    also_to(corrected, "carl@elsewhere.test")
    corrected.message.resend_of = earlier.message
    corrected.message.save()
    failed = make_delivery(alice, "anna@customer.test", state=State.FAILED)
    found = suggestions(failed, Reached.by(alice))
    assert [(each.address, each.likely) for each in found] == [
        ("zoe@elsewhere.test", False)
    ]


def test_a_report_about_another_recipient_says_nothing_of_this_one(
    alice: User, make_delivery: MakeDelivery, also_to: AlsoTo
) -> None:
    failed = make_delivery(alice, state=State.FAILED)
    Report.objects.create(
        return_token="x",
        digest="x",
        raw=b"",
        source="smtp",
        delivery=also_to(failed, "bert@customer.test"),
        final_recipient="bert.b@customer.test",
    )
    assert suggestions(failed, Reached.by(alice)) == []

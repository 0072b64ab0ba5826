from __future__ import annotations

from collections.abc import Callable

import pytest

from channels.models import Channel
from conversations.models import Delivery, Report
from conversations.models.state import State
from conversations.triage.suggesting import Reached, spellings, suggestions
from deliveryportal.accounts.models import User

MakeDelivery = Callable[..., Delivery]


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

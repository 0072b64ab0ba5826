from __future__ import annotations

from collections.abc import Callable

import pytest

from conversations.models import Delivery, Report
from conversations.models.delivery import State
from conversations.triage.suggesting import spellings, suggestions
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
    alice: User, bob: User, charlie: User, make_delivery: MakeDelivery
) -> None:
    make_delivery(bob, "zoe@bigco.com", state=State.ACCEPTED)
    make_delivery(bob, "jon.smith@bigco.com", state=State.ACCEPTED)
    make_delivery(charlie, "secret@bigco.com", state=State.ACCEPTED)
    failed = make_delivery(alice, "john.smith@bigco.com", state=State.FAILED)
    assert [each.address for each in suggestions(failed)] == [
        "jon.smith@bigco.com",
        "zoe@bigco.com",
    ]


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
    assert [(each.address, each.why) for each in suggestions(failed)] == [
        ("anna.b@gmail.com", "used in this conversation"),
        ("moved@customer.test", "named in a report about this conversation"),
        ("anna@gmail.com", "the domain’s likely spelling"),
    ]

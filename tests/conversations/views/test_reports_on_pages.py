"""What came back, as the pages show it to the sender, the manager and nobody else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from django.test import Client
from django.utils.timezone import get_current_timezone

from conversations.bounces.receiving import receive_report
from conversations.bounces.recording import record_report
from conversations.models import Delivery, Suppression
from conversations.models.state import State
from deliveryportal.accounts.models import User
from tests.conversations.bounces.conftest import mail

SignIn = Callable[[User], Client]
HOSTILE = b"<script>alert(1)</script>"


@pytest.fixture
def taken(alice: User, make_delivery: Callable[..., Delivery]) -> Delivery:
    at = datetime(2026, 3, 2, 9, 12, tzinfo=get_current_timezone())
    return make_delivery(
        alice, "nina@customer.test", state=State.ACCEPTED, accepted_at=at
    )


def come(delivery: Delivery, raw: bytes) -> None:
    record_report(receive_report(delivery.return_token, raw, "smtp").pk)


def text_of(client: Client, url: str) -> str:
    return " ".join(client.get(url).content.decode().split())


def test_a_delayed_mail_is_pending_and_says_since_when_and_why(
    taken: Delivery, as_user: SignIn
) -> None:
    come(taken, mail("still_trying").replace(b"timed out", b"timed out " + HOSTILE))
    client = as_user(taken.sender)
    pending = text_of(client, "/conversations/pending/?list=in-progress")
    assert "Their server is still trying since 2 Mar 2026, 09:12" in pending
    assert "Connection timed out &lt;script&gt;" in pending
    for other in ("sent", "failed"):
        assert "nina@customer.test" not in text_of(client, f"/conversations/{other}/")

    page = text_of(client, taken.message.get_absolute_url())
    assert "Their server is still trying since 2 Mar 2026, 09:12" in page
    assert "Still trying" in page
    assert HOSTILE.decode() not in page + pending


def test_what_was_only_passed_on_is_not_called_confirmed(
    taken: Delivery, as_user: SignIn
) -> None:
    come(taken, mail("postfix_relayed"))
    page = text_of(as_user(taken.sender), taken.message.get_absolute_url())
    assert "Passed on, arrival not confirmed" in page
    assert "whether it arrived is not known" in page
    assert "Delivery confirmed" not in page


def test_a_complaint_stands_in_spam(taken: Delivery, as_user: SignIn) -> None:
    come(taken, mail("complaint"))
    client = as_user(taken.sender)
    spam = text_of(client, "/conversations/failed/?list=spam")
    assert "nina@customer.test" in spam
    assert "Marked as spam by the recipient" in spam
    bounced = text_of(client, "/conversations/failed/?list=bounced")
    assert "nina@customer.test" not in bounced
    page = text_of(client, taken.message.get_absolute_url())
    assert "Marked as spam" in page
    assert "Do not write to this person again" in page


def test_an_automatic_reply_is_filed_as_one(taken: Delivery, as_user: SignIn) -> None:
    come(taken, mail("vacation") + HOSTILE + b" 550 5.1.1 " + b"so long " * 10_000)
    client = as_user(taken.sender)
    page = text_of(client, taken.message.get_absolute_url())
    assert "Automatic reply" in page
    assert "Abwesend: Urlaub: Ich bin bis Montag nicht im Büro." in page
    assert HOSTILE.decode() not in page
    event = taken.events.get()
    assert len(event.remote_words) <= 2_000
    assert (event.code, event.enhanced_code) == (None, "")
    taken.refresh_from_db()
    assert taken.state == State.ACCEPTED
    assert "nina@customer.test" in text_of(client, "/conversations/sent/")


def test_everything_known_about_a_bounce_is_on_the_page(
    taken: Delivery, as_user: SignIn
) -> None:
    come(taken, mail("unknown_user"))
    page = text_of(as_user(taken.sender), taken.message.get_absolute_url())
    assert "Once there are" not in page  # it is held back already
    report = taken.reports.get()
    for words in (
        "Address does not exist",  # the reason
        "Correct the address or ask for another",  # what to do
        "Who should act: you.",
        "hard: the address itself is dead",
        "5.1.1",
        "reply 550",
        "Recipient address rejected: User unknown",  # the server's words
        "mx1.customer.test",  # who refused it
        "relay.portal.test",  # who told
        "Action: failed; words “user unknown”",  # what it was concluded from
        f'href="/conversations/reports/{report.uuid}.eml"',
    ):
        assert words in page


def test_a_soft_bounce_is_called_soft(taken: Delivery, as_user: SignIn) -> None:
    come(taken, mail("mailbox_full"))
    page = text_of(as_user(taken.sender), taken.message.get_absolute_url())
    assert "soft: it may pass" in page
    assert "Once there are 5 in 28 days, the team’s mail to this address is" in page


def test_nothing_is_announced_of_an_address_that_is_held_back_at_once(
    taken: Delivery, as_user: SignIn
) -> None:
    come(taken, mail("unknown_user"))
    Suppression.objects.all().delete()  # as where another mail has brought it about
    page = text_of(as_user(taken.sender), taken.message.get_absolute_url())
    assert "Once there are" not in page


@pytest.mark.parametrize("name", ["still_trying", "vacation", "complaint"])
def test_the_manager_reads_it_too_and_no_outsider(
    taken: Delivery, bob: User, charlie: User, as_user: SignIn, name: str
) -> None:
    come(taken, mail(name))
    url = taken.message.get_absolute_url()
    assert "nina@customer.test" in text_of(as_user(bob), url)
    assert as_user(charlie).get(url).status_code == 404
    assert as_user(taken.sender).post(url).status_code == 405

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from pytest_django import DjangoAssertNumQueries

from channels.connecting import connected
from channels.models import Allowance, Channel
from channels.return_path import return_path
from conversations.models import Delivery, DeliveryEvent, Report
from conversations.models.state import State
from conversations.triage.actions import ACTIONS
from conversations.triage.carrying_out import carry_out
from conversations.triage.order import Order
from deliveryportal.accounts.models import User

MakeDelivery = Callable[..., Delivery]
SignIn = Callable[[User], Client]
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def bounced(alice: User, make_delivery: MakeDelivery) -> Delivery:
    delivery = make_delivery(
        alice,
        state=State.BOUNCED,
        reason="address_unknown",
        subject=f"Offer {HOSTILE}",
        body=f"Dear Anna {HOSTILE}",
    )
    report = Report.objects.create(
        raw=f"Subject: Undelivered {HOSTILE}\r\n\r\nraw text".encode(),
        digest="1",
        return_token=delivery.return_token,
        delivery=delivery,
        kind=Report.Kind.BOUNCE,
        final_recipient=f"anna{HOSTILE}@customer.test",
    )
    for kind, words in (
        (DeliveryEvent.Kind.WRITTEN, ""),
        (DeliveryEvent.Kind.ACCEPTED, "2.0.0 taken"),
    ):
        DeliveryEvent.objects.create(delivery=delivery, kind=kind, remote_words=words)
    DeliveryEvent.objects.create(
        delivery=delivery,
        kind=DeliveryEvent.Kind.BOUNCED,
        remote_words=f"550 5.1.1 {HOSTILE}",
        report=report,
    )
    return delivery


def test_the_conversation_around_it_is_shown(
    alice: User,
    bob: User,
    charlie: User,
    make_delivery: MakeDelivery,
    as_user: SignIn,
) -> None:
    mails = [make_delivery(alice, subject=f"Offer {n} {HOSTILE}") for n in range(14)]
    make_delivery(alice, "bert@customer.test", subject="Something else")
    make_delivery(charlie, subject="Of another team")
    seventh = mails[7].message
    for reader in (alice, bob):
        text = as_user(reader).get(seventh.get_absolute_url()).content.decode()
        _, _, around = text.partition("The conversation with anna@customer.test")
        shown = [n for n in range(14) if f"Offer {n} &lt;" in around]
        assert shown == list(range(2, 13))
        assert mails[6].message.get_absolute_url() in around
        assert around.count("Waiting") == len(shown)
        assert HOSTILE not in text
        assert "else" not in around
        assert "another team" not in around
    alone = make_delivery(alice, "carl@customer.test").message
    assert (
        b"The conversation with"
        not in as_user(alice).get(alone.get_absolute_url()).content
    )


def test_the_timeline_tells_the_whole_way(bounced: Delivery, as_user: SignIn) -> None:
    page = as_user(bounced.sender).get(bounced.message.get_absolute_url())
    text = page.content.decode()
    for words in ("Written and queued", "Handed over", "2.0.0 taken", "Bounced"):
        assert words in text
    assert "Address does not exist" in text
    assert "raw text" in text


def test_nothing_from_outside_becomes_markup(
    bounced: Delivery, as_user: SignIn
) -> None:
    page = as_user(bounced.sender).get(bounced.message.get_absolute_url())
    assert HOSTILE.encode() not in page.content
    assert b"&lt;script&gt;" in page.content


def test_old_mail_was_seen_with_the_account_that_was_connected_then(
    alice: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    channel = Channel(kind="gmail", owner=alice)
    seen_with = []
    for account in ("old@gmail.test", "new@gmail.test"):
        waits = make_delivery(alice, f"waiting-for-{account}")
        channel.address = account
        channel.save()
        connected(channel, by=alice)
        sent = make_delivery(alice, account, state=State.ACCEPTED, accepted_at=now())
        seen_with += [(waits, "new@gmail.test"), (sent, account)]
    Delivery.objects.update(channel=channel)
    for delivery, account in seen_with:
        page = as_user(alice).get(delivery.message.get_absolute_url()).content.decode()
        seen = page.partition("The recipient sees")[2].partition("Delivery channel")[0]
        assert account in seen


def test_the_secret_return_path_is_not_shown(
    bounced: Delivery, as_user: SignIn
) -> None:
    page = as_user(bounced.sender).get(bounced.message.get_absolute_url())
    assert bounced.return_token.encode() not in page.content


def test_the_raw_report_is_a_download(bounced: Delivery, as_user: SignIn) -> None:
    report = Report.objects.get()
    response = as_user(bounced.sender).get(f"/conversations/reports/{report.uuid}.eml")
    assert response["Content-Type"] == "application/octet-stream"
    assert "attachment" in response["Content-Disposition"]
    assert response.content == bytes(report.raw)


def test_who_downloads_it_cannot_forge_another(
    bounced: Delivery, as_user: SignIn
) -> None:
    path = return_path(bounced.return_token, "bounce.portal.test").encode()
    Report.objects.update(raw=b"To: <%s>\r\n\r\n\xff raw" % path)
    response = as_user(bounced.sender).get(
        f"/conversations/reports/{Report.objects.get().uuid}.eml"
    )
    zeros = return_path("0" * 32, "bounce.portal.test").encode()
    assert response.content == b"To: <%s>\r\n\r\n\xff raw" % zeros


def test_htmx_gets_only_the_timeline(bounced: Delivery, as_user: SignIn) -> None:
    response = as_user(bounced.sender).get(
        bounced.message.get_absolute_url(), headers={"HX-Request": "true"}
    )
    assert b"<html" not in response.content
    assert b'id="timeline"' in response.content


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"state": State.QUEUED}, "/conversations/pending/"),
        ({"state": State.ACCEPTED}, "/conversations/sent/"),
        ({"state": State.FAILED}, "/conversations/failed/"),
        (
            {"state": State.ACCEPTED, "archived_at": now()},
            "/conversations/sent/?list=archived",
        ),
    ],
)
@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_the_way_back_leads_to_a_list_that_has_the_message_now(
    fields: dict[str, object],
    url: str,
    headers: dict[str, str],
    alice: User,
    make_delivery: MakeDelivery,
    as_user: SignIn,
) -> None:
    message = make_delivery(alice, **fields).message
    address, client = message.get_absolute_url(), as_user(alice)
    page = client.get(address, headers=headers).content.decode()
    back = page.partition('id="back"')[2].partition(">")[0]
    assert f'href="{url}"' in back
    assert address in client.get(url).content.decode()


@pytest.mark.parametrize("page", ["message", "report"])
def test_the_manager_sees_it_the_outsider_gets_404(
    bounced: Delivery, bob: User, charlie: User, as_user: SignIn, page: str
) -> None:
    url = {
        "message": bounced.message.get_absolute_url(),
        "report": f"/conversations/reports/{Report.objects.get().uuid}.eml",
    }[page]
    assert as_user(bob).get(url).status_code == 200
    assert as_user(charlie).get(url).status_code == 404
    assert as_user(bob).post(url).status_code == 405
    assert Client().get(url)["Location"].startswith("/accounts/login/")


def test_a_member_does_not_see_a_team_mates_message(
    bob: User, alice: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    delivery = make_delivery(bob)
    url = delivery.message.get_absolute_url()
    assert as_user(alice).get(url).status_code == 404


@time_machine.travel(datetime(2026, 3, 10, 12, 30, tzinfo=UTC))
def test_what_waits_says_for_what_and_that_nothing_is_lost(
    alice: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    delivery = make_delivery(
        alice,
        waiting_for="customer.test asked us to wait",
        tried_since=datetime(2026, 3, 10, 12, tzinfo=UTC),
        not_before=datetime(2026, 3, 10, 13, tzinfo=UTC),
    )
    page = as_user(alice).get(delivery.message.get_absolute_url()).content.decode()
    assert "customer.test asked us to wait" in page
    assert "We try until 12 Mar 2026, 12:00." in page
    assert "Nothing is lost" in page


def test_the_next_try_is_not_said_to_be_the_time_it_leaves_at(
    alice: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    delivery = make_delivery(
        alice,
        not_before=datetime(2099, 7, 1, 12, 36, 19, tzinfo=UTC),
        waiting_for="Your server cannot take mail at the moment",
    )
    page = as_user(alice).get(delivery.message.get_absolute_url()).content.decode()
    assert "the next try is on 1 Jul 2099, 12:36:19." in page
    assert "It leaves on" not in page
    assert ">Cancel<" in page


def test_mail_over_a_limit_is_due_when_the_limit_lets_it_go(
    alice: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    delivery = make_delivery(alice, not_before=now() - timedelta(minutes=1))
    Allowance.objects.create(
        channel=delivery.channel,
        sender=alice,
        held_until=datetime(2099, 7, 1, 12, 36, 19, tzinfo=UTC),
        held_because="the limit of 10 messages a day",
    )
    page = as_user(alice).get(delivery.message.get_absolute_url()).content.decode()
    assert "the next try is on 1 Jul 2099, 12:36:19." in page
    assert "that is due at" not in page
    assert ">Cancel<" in page


def test_a_time_of_its_own_after_the_limit_is_what_it_waits_for(
    alice: User, make_delivery: MakeDelivery
) -> None:
    leaves_at = now() + timedelta(days=1)
    delivery = make_delivery(alice, not_before=leaves_at)
    Allowance.objects.create(
        channel=delivery.channel,
        sender=alice,
        held_until=now() + timedelta(minutes=1),
        held_because="the limit of 10 messages a day",
    )
    waiting = Delivery.objects.with_hold().get(pk=delivery.pk)
    assert waiting.wait == ("Scheduled", leaves_at)


def test_however_many_have_been_sent_again_the_page_asks_no_more(
    alice: User,
    make_delivery: MakeDelivery,
    as_user: SignIn,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    def failed(copies: int) -> str:
        mail = make_delivery(
            alice, f"to{copies}@x.test", state=State.FAILED, reason="mailbox_full"
        )
        for number in range(copies):
            Delivery.objects.create(
                message=mail.message,
                recipient=f"copy{number}@x.test",
                recipient_wire=f"copy{number}@x.test",
                part=Delivery.Part.BCC,
                channel=mail.channel,
                sender=alice,
                team=alice.team,
                state=State.FAILED,
                reason="mailbox_full",
            )
        carry_out(ACTIONS["retry"], [mail.pk], Order(alice, {}))
        return mail.message.get_absolute_url()

    client, few, many = as_user(alice), failed(1), failed(20)
    client.get(few)
    with CaptureQueriesContext(connection) as asked:
        client.get(few)
    with django_assert_max_num_queries(len(asked)):
        client.get(many)

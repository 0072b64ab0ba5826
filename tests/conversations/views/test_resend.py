from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils.timezone import now

from channels.connecting import connected
from channels.models import Channel
from conversations.models import BulkJob, Delivery, Message
from conversations.models.state import State
from conversations.triage import bulk
from deliveryportal.accounts.models import User

MakeDelivery = Callable[..., Delivery]
AsUser = Callable[[User], Client]
OFFERS = "/conversations/failed/offers/"
SETTINGS = {"host": "mail.acme.test", "port": "25", "security": "none"}


@pytest.fixture
def failed(alice: User, make_delivery: MakeDelivery) -> Delivery:
    """Failed on alice's server, which was mended since."""
    server = Channel.objects.create(kind="smtp", owner=alice, config=SETTINGS)
    delivery = make_delivery(
        alice,
        subject="<i>Offer</i>",
        state=State.FAILED,
        reason="channel_down",
        state_since=now() - timedelta(hours=1),
    )
    Delivery.objects.filter(pk=delivery.pk).update(channel=server)
    connected(server, by=alice)
    delivery.refresh_from_db()
    return delivery


def url_of(delivery: Delivery) -> str:
    return f"/conversations/resend/{delivery.channel.uuid}/"


def html(response: object) -> str:
    return " ".join(response.content.decode().split())  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", ["/settings/channel/", OFFERS])
def test_mending_offers_to_resend_and_afterwards_nothing(
    as_user: AsUser, alice: User, failed: Delivery, path: str
) -> None:
    client = as_user(alice)
    page = html(client.get(path))
    assert "1 mail failed because Custom SMTP server" in page
    assert f'action="{url_of(failed)}"' in page
    assert "One message sent again." in html(client.post(url_of(failed), follow=True))
    assert url_of(failed) not in html(client.get(path))


def test_the_offer_is_fetched_only_where_failures_are(
    as_user: AsUser, alice: User, failed: Delivery
) -> None:
    client, fetched = as_user(alice), f'hx-get="{OFFERS}"'
    assert fetched in html(client.get("/conversations/failed/"))
    assert fetched in html(client.get("/conversations/failed/?list=failed"))
    assert fetched not in html(client.get("/conversations/failed/?list=spam"))
    assert fetched not in html(client.get("/conversations/sent/"))


def test_a_second_click_resends_nothing(
    as_user: AsUser, alice: User, failed: Delivery
) -> None:
    client = as_user(alice)
    client.post(url_of(failed))
    page = html(client.post(url_of(failed), follow=True))
    assert "There is nothing left to be sent again." in page
    assert Message.objects.filter(resend_of=failed.message).count() == 1


def test_many_are_sent_in_the_background_and_their_page_says_how_far_it_is(
    as_user: AsUser,
    alice: User,
    failed: Delivery,
    make_delivery: MakeDelivery,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bulk, "AT_A_TIME", 1)
    other = make_delivery(
        alice,
        state=State.FAILED,
        reason="channel_down",
        state_since=now() - timedelta(hours=1),
    )
    Delivery.objects.filter(pk=other.pk).update(channel=failed.channel)
    client = as_user(alice)
    response = client.post(url_of(failed))
    job = BulkJob.objects.get()
    assert response["Location"].startswith(job.get_absolute_url())
    assert not Message.objects.exclude(resend_of=None).exists()
    assert "0 of 2" in html(client.get(job.get_absolute_url()))
    while bulk.turn(job.pk):
        pass
    assert Message.objects.exclude(resend_of=None).count() == 2


def test_both_messages_lead_to_each_other(
    as_user: AsUser, alice: User, failed: Delivery
) -> None:
    client = as_user(alice)
    old = failed.message
    assert "Sent again as" not in html(client.get(old.get_absolute_url()))
    client.post(url_of(failed))
    new = old.resends.get()
    page = html(client.get(old.get_absolute_url()))
    assert "Sent again as" in page
    assert f'<a href="{new.get_absolute_url()}">&lt;i&gt;Offer&lt;/i&gt;</a>' in page
    page = html(client.get(new.get_absolute_url()))
    assert "Sends again" in page
    assert f'href="{old.get_absolute_url()}"' in page
    assert "Sent again since" in html(client.get("/conversations/failed/"))


def test_a_manager_is_told_whose_channel_it_is_and_may_resend(
    as_user: AsUser, bob: User, failed: Delivery
) -> None:
    client = as_user(bob)
    page = html(client.get(OFFERS))
    assert "failed because Custom SMTP server of Alice Acme did not work" in page
    client.post(url_of(failed))
    assert Message.objects.get(resend_of=failed.message).sender.name == "Alice Acme"


def test_an_outsider_finds_no_such_channel(
    as_user: AsUser, charlie: User, failed: Delivery
) -> None:
    assert as_user(charlie).post(url_of(failed)).status_code == 404
    assert as_user(charlie).post(f"/conversations/resend/{uuid4()}/").status_code == 404
    assert not Message.objects.exclude(resend_of=None).exists()


def test_a_team_mates_mail_is_not_a_members_to_resend(
    as_user: AsUser, bob: User, make_delivery: MakeDelivery, failed: Delivery
) -> None:
    other = make_delivery(bob, state=State.FAILED, reason="channel_down")
    Delivery.objects.filter(pk=other.pk).update(
        channel=failed.channel, state_since=now() - timedelta(hours=1)
    )
    as_user(failed.sender).post(url_of(failed))
    assert not Message.objects.filter(resend_of=other.message).exists()


def test_it_takes_a_post_and_a_sign_in(
    as_user: AsUser, alice: User, failed: Delivery, client: Client
) -> None:
    assert as_user(alice).get(url_of(failed)).status_code == 405
    response = client.post(url_of(failed))
    assert response["Location"].startswith("/accounts/login/")

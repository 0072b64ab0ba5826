"""The way back: to the very page of the list, as it was narrowed, and to no other site."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from urllib.parse import quote, urlsplit

import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from conversations.lists.columns import keep_layout
from conversations.models import Alert, BulkJob, Delivery, Draft
from conversations.models.state import State
from deliveryportal.accounts.models import User

MakeDelivery = Callable[..., Delivery]
AsUser = Callable[[User], Client]
FAILED = "/conversations/failed/"
CAUSES = "/conversations/failed/causes/"
ELSEWHERE = ["https://evil.test/", "//evil.test/", "/\\evil.test", "javascript:x", "{}"]


def page(client: Client, url: str) -> str:
    return unescape(client.get(url).content.decode())


@pytest.fixture
def second_page(
    alice: User, make_delivery: MakeDelivery, as_user: AsUser
) -> tuple[str, Delivery]:
    """The address of the second page of a narrowed list, and what stands there."""
    keep_layout(alice, "failed", ("subject",), 25)
    first, *_ = [
        make_delivery(alice, state=State.FAILED, reason="mailbox_full")
        for _ in range(26)
    ]
    context = as_user(alice).get(f"{FAILED}?reason=mailbox_full").context
    [url] = [each["url"] for each in context["page_links"] if each["key"] == "next"]
    return url, first


def test_what_is_done_to_rows_of_a_page_leads_back_to_that_page(
    alice: User, second_page: tuple[str, Delivery], as_user: AsUser
) -> None:
    url, _ = second_page
    assert f'name="next" value="{url}"' in page(as_user(alice), url)
    last = f"{FAILED}?reason=mailbox_full&end=1"
    assert f'name="next" value="{last}"' in page(as_user(alice), last)


def test_a_message_leads_back_to_the_page_where_it_was_found(
    alice: User, second_page: tuple[str, Delivery], as_user: AsUser
) -> None:
    client, (url, first) = as_user(alice), second_page
    message = first.message.get_absolute_url()
    link = f"{message}?next={quote(url, safe='')}"
    assert f'href="{link}"' in page(client, url)
    found = page(client, link)
    assert f'id="back" href="{url}"' in " ".join(found.split())
    # What is done there leads to the message, and from there to the list as before.
    ways = {
        urlsplit(each) for each in re.findall(r'href="(/conversations/act/.*?)"', found)
    }
    [back] = {query["next"] for query in (QueryDict(each.query) for each in ways)}
    assert urlsplit(back).path == message
    assert QueryDict(urlsplit(back).query)["next"] == url
    # To the whole tab it leads by itself.
    assert not re.search('/messages/[^"]*next', page(client, FAILED))


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_a_message_leads_to_no_other_site(
    alice: User, make_delivery: MakeDelivery, as_user: AsUser, elsewhere: str
) -> None:
    message = make_delivery(alice, state=State.FAILED).message.get_absolute_url()
    found = page(as_user(alice), f"{message}?next={quote(elsewhere, safe='')}")
    assert f'href="{elsewhere}"' not in found
    assert f'href="{FAILED}">← Failed deliveries</a>' in found


def test_what_is_done_to_the_causes_of_one_member_leads_back_to_them(
    alice: User, bob: User, make_delivery: MakeDelivery, as_user: AsUser
) -> None:
    make_delivery(alice, state=State.FAILED, reason="mailbox_full")
    client, hers = as_user(bob), f"{CAUSES}?member={alice.pk}"
    context = client.get(hers).context
    _, archive = context["causes"].shown[0].links[-1]
    assert f'href="{hers}">Leave it</a>' in page(client, archive)
    nonsense = archive.replace(f"member={alice.pk}", "member=//evil.test")
    assert client.get(nonsense)["Location"] == CAUSES


def test_the_way_to_a_job_and_stopping_it_keep_the_way_back(
    alice: User, second_page: tuple[str, Delivery], as_user: AsUser
) -> None:
    client, (url, _) = as_user(alice), second_page
    everything = f"/conversations/act/archive/?everything=1&tab=failed&next={quote(url, safe='')}"
    client.post(everything, {"accepted": "all"})
    job = BulkJob.objects.get()
    way = f"{job.get_absolute_url()}?next={quote(url, safe='')}"
    assert way in page(client, url)
    found = page(client, way)
    assert f'href="{url}">← Back to the list' in found
    stop = reverse("conversations:stop", args=[job.uuid])
    assert f'action="{stop}?next=' in found
    assert client.post(f"{stop}?next={quote(url, safe='')}")["Location"] == way
    evil = client.post(f"{stop}?next=https://evil.test/")["Location"]
    assert "evil" not in evil


@pytest.mark.parametrize(
    "where", ["/conversations/overview/?when=7", f"{FAILED}?reason=mailbox_full"]
)
def test_who_closes_an_alert_stays_where_they_were(
    bob: User, as_user: AsUser, where: str
) -> None:
    alert = Alert.objects.create(
        team=bob.team,
        remote="bigco.test",
        reason="sender_blocked",
        number=1,
        since=now(),
        latest=now(),
    )
    client = as_user(bob)
    close = reverse("conversations:close-alert", args=[alert.uuid])
    way = f"{close}?next={quote(where, safe='')}"
    assert way in page(client, where)
    assert client.post(way)["Location"] == where
    for elsewhere in ELSEWHERE:
        answer = client.post(f"{close}?next={quote(elsewhere, safe='')}")
        assert answer["Location"] == FAILED


def test_deleting_drafts_leads_back_to_their_page(alice: User, as_user: AsUser) -> None:
    draft = Draft.objects.create(owner=alice, subject="Half")
    place = "/conversations/drafts/?q=half&end=1"
    delete = f"/conversations/drafts/delete/?query=q%3Dhalf&draft={draft.uuid}"
    client = as_user(alice)
    way = f"{delete}&next={quote(place, safe='')}"
    assert f'href="{place}">Leave it</a>' in page(client, way)
    assert client.post(way)["Location"] == place


def test_what_takes_a_message_away_leads_back_to_the_whole_address(
    alice: User, make_delivery: MakeDelivery, as_user: AsUser
) -> None:
    archived = make_delivery(alice, state=State.FAILED, archived_at=now())
    url = f"/conversations/sent/?list=archived&q=ann&member={alice.pk}"
    message = archived.message.get_absolute_url()
    seen = page(as_user(alice), f"{message}?next={quote(url, safe='')}")
    assert f"next={quote(url)}" in seen


def test_all_causes_lead_back_to_all_causes(
    bob: User, make_delivery: MakeDelivery, as_user: AsUser
) -> None:
    make_delivery(bob, state=State.FAILED, reason="mailbox_full")
    assert "next=" not in page(as_user(bob), CAUSES)
    all_of_them = f"{CAUSES}?all=1"
    assert f"next={quote(all_of_them, safe='')}" in page(as_user(bob), all_of_them)

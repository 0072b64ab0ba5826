from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.test import Client
from django.utils.timezone import now

from conversations.blocking import block_domain, release, suppress_address
from conversations.bounces.receiving import receive_report
from conversations.bounces.recording import record_report
from conversations.models import Delivery, Message, Suppression
from conversations.models.state import State
from conversations.suppressing import evidence_of, suppress_for
from deliveryportal.accounts.models import User
from tests.conversations.bounces.conftest import mail

URL = "/settings/suppressed/"
DOMAINS = "/settings/team/blocked-domains/"
NINA = "nina@customer.test"
SCRIPT = "<script>alert(1)</script>"
SignIn = Callable[[User], Client]
MakeDelivery = Callable[..., Delivery]


@pytest.fixture
def bounced(alice: User, make_delivery: MakeDelivery) -> Suppression:
    """An address suppressed by the bounce of a mail of alice's."""
    delivery = make_delivery(alice, NINA, subject="Offer", state=State.ACCEPTED)
    report = receive_report(delivery.return_token, mail("unknown_user"), "smtp")
    record_report(report.pk)
    return Suppression.objects.get()


def stopped(suppression: Suppression, delivery: Delivery) -> Delivery:
    Delivery.objects.filter(pk=delivery.pk).update(
        state=State.FAILED, reason=suppression.fails_with, suppression=suppression
    )
    return delivery


def html(client: Client, url: str, **query: str) -> str:
    response = client.get(url, query)
    assert response.status_code == 200
    return response.content.decode()


# --- the list ---------------------------------------------------------------


def test_everybody_in_the_team_sees_its_suppressed_addresses_and_no_outsider(
    alice: User, bob: User, charlie: User, bounced: Suppression, as_user: SignIn
) -> None:
    for member in [alice, bob]:
        page = html(as_user(member), URL)
        assert NINA in page
        assert "Address does not exist" in page
        assert bounced.get_absolute_url() in page
    page = html(as_user(charlie), URL)
    assert NINA not in page
    assert "Nobody is suppressed" in page


def test_addresses_can_be_searched(bob: User, as_user: SignIn) -> None:
    suppress_address(NINA, by=bob, note="")
    suppress_address("anna@customer.test", by=bob, note="")
    page = html(as_user(bob), URL, q="NINA")
    assert NINA in page
    assert "anna@customer.test" not in page
    assert "No suppressed address has “%\\_\x1b” in it" in html(
        as_user(bob), URL, q="%\\_\x1b"
    )


@pytest.mark.parametrize("query", ["Bücher.test", "@bücher.test", "xn--b"])
def test_a_domain_is_shown_and_found_as_people_write_it(
    query: str, bob: User, as_user: SignIn
) -> None:
    suppress_address("nina@xn--bcher-kva.test", by=bob, note="")
    block_domain("xn--bcher-kva.test", by=bob, note="")
    for url in (URL, "/settings/team/blocked-domains/"):
        page = html(as_user(bob), url, q=query)
        assert "bücher.test</a>" in page
        assert "xn--bcher" not in page.replace(query, "")


def test_released_ones_are_history(bob: User, as_user: SignIn) -> None:
    release(suppress_address(NINA, by=bob, note=""), by=bob, because="Wrong.")
    assert NINA not in html(as_user(bob), URL)
    assert NINA in html(as_user(bob), URL, list="released")


def test_blocked_domains_stand_on_their_own_page(bob: User, as_user: SignIn) -> None:
    block_domain("rival.test", by=bob, note="Our rival.")
    assert "rival.test" not in html(as_user(bob), URL)
    page = html(as_user(bob), DOMAINS)
    assert "rival.test" in page
    assert "Our rival." in page
    assert "Bob Acme" in page


def test_blocked_domains_can_be_searched_and_have_pages(
    alice: User, bob: User, as_user: SignIn
) -> None:
    for number in range(60):
        block_domain(f"rival{number:02}.test", by=bob, note="")
    client, url = as_user(alice), "/settings/team/blocked-domains/"
    first = client.get(url).content.decode()
    assert "Page 1 of 2" in first
    assert "rival59.test" not in first
    assert "rival59.test" in client.get(url, {"page": "2"}).content.decode()
    for query in ("VAL59", "@rival59", " rival59.test "):
        found = client.get(url, {"q": query}).content.decode()
        assert "rival59.test</a>" in found
        assert "rival58.test" not in found
    nothing = client.get(url, {"q": "<b>\0"}).content.decode()
    assert "No blocked domain has “&lt;b&gt;” in it" in nothing
    assert "Search for a domain" in nothing


def test_a_manager_suppresses_by_hand(bob: User, as_user: SignIn) -> None:
    client = as_user(bob)
    fields = {"address": "Nina <NINA@Bücher.example>", "note": "Asked us to stop."}
    assert client.post(URL, fields)["Location"] == URL
    made = Suppression.objects.get()
    assert (made.address, made.made_by, made.evidence, made.reason) == (
        "nina@xn--bcher-kva.example",
        bob,
        "Asked us to stop.",
        "",
    )
    assert client.post(URL, fields)["Location"] == made.get_absolute_url()
    assert Suppression.objects.count() == 1


@pytest.mark.parametrize(
    ("url", "fields"),
    [
        (URL, {"address": "nina", "note": "x"}),
        (URL, {"address": '"nina@rival.test"@customer.test', "note": "x"}),
        (URL, {"address": NINA, "note": ""}),
        (URL, {"address": NINA, "note": "a\nb"}),
        (URL, {"address": f"{NINA}, anna@customer.test", "note": "x"}),
        (DOMAINS, {"domain": ""}),
        (DOMAINS, {"domain": "not a domain"}),
        (DOMAINS, {"domain": "anna@rival.test"}),
        (DOMAINS, {"domain": 'b"@rival.test'}),
        (DOMAINS, {"domain": "rival.test", "note": "x\x00"}),
    ],
)
def test_what_cannot_be_is_asked_again(
    bob: User, as_user: SignIn, url: str, fields: dict[str, str]
) -> None:
    response = as_user(bob).post(url, fields)
    assert response.status_code == 200
    assert 'class="errors"' in response.content.decode()
    assert not Suppression.objects.exists()


def test_a_member_changes_neither_list(alice: User, bob: User, as_user: SignIn) -> None:
    blocked = block_domain("rival.test", by=bob, note="")
    client = as_user(alice)
    assert client.post(URL, {"address": NINA, "note": "x"}).status_code == 403
    assert client.post(DOMAINS, {"domain": "x.test"}).status_code == 403
    assert client.post(f"{DOMAINS}{blocked.uuid}/remove/").status_code == 403
    assert Suppression.objects.active().get() == blocked
    page = html(client, DOMAINS)
    assert "Remove" not in page
    assert "A manager of the team can change this" in page


# --- one of them ------------------------------------------------------------


def test_its_page_shows_the_evidence_the_mail_and_the_raw_report(
    alice: User, bob: User, bounced: Suppression, as_user: SignIn
) -> None:
    assert bounced.delivery
    assert bounced.report
    for member in [alice, bob]:
        page = html(as_user(member), bounced.get_absolute_url())
        assert "User unknown in virtual mailbox table" in page
        assert bounced.delivery.message.get_absolute_url() in page
        assert f"/conversations/reports/{bounced.report.uuid}.eml" in page


def test_a_colleague_sees_why_but_not_the_mail(
    bob: User, bounced: Suppression, as_user: SignIn
) -> None:
    dora = User.objects.create(email="dora@acme.test", name="Dora", team=bob.team)
    page = html(as_user(dora), bounced.get_absolute_url())
    assert "User unknown" in page
    assert "A mail of Alice Acme" in page
    assert "Offer" not in page
    assert ".eml" not in page
    assert "Why it may be written to again" not in page


def test_an_outsider_finds_no_page_and_changes_nothing(
    charlie: User, bob: User, bounced: Suppression, as_user: SignIn
) -> None:
    client, page = as_user(charlie), bounced.get_absolute_url()
    blocked = block_domain("rival.test", by=bob, note="")
    assert client.get(page).status_code == 404
    assert client.post(f"{page}release/", {"because": "x"}).status_code == 404
    assert client.post(f"{page}resend/").status_code == 404
    assert client.post(f"{DOMAINS}{blocked.uuid}/remove/").status_code == 404
    assert "rival.test" not in html(client, DOMAINS)
    assert Suppression.objects.active().count() == 2


def test_each_page_takes_its_own_methods_only(
    bob: User, bounced: Suppression, as_user: SignIn
) -> None:
    client, page = as_user(bob), bounced.get_absolute_url()
    assert client.post(page).status_code == 405
    for url in [
        f"{page}release/",
        f"{page}resend/",
        f"{DOMAINS}{bounced.uuid}/remove/",
    ]:
        assert client.get(url).status_code == 405
    for url in [URL, DOMAINS]:
        assert client.put(url).status_code == 405
    assert client.get(f"{URL}{uuid4()}/").status_code == 404


def test_a_stranger_is_asked_to_sign_in(client: Client, bounced: Suppression) -> None:
    for url in [URL, DOMAINS, bounced.get_absolute_url()]:
        assert client.get(url)["Location"].startswith("/accounts/login/")


def test_words_from_outside_are_text(
    alice: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    delivery = make_delivery(alice, NINA, subject=SCRIPT)
    suppress_for([evidence_of(delivery, "address_unknown", SCRIPT, now())])
    found = Suppression.objects.get()
    for url in [URL, found.get_absolute_url()]:
        page = html(as_user(alice), url)
        assert SCRIPT not in page
        assert "&lt;script&gt;" in page


# --- release ----------------------------------------------------------------


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_a_release_needs_a_reason_and_keeps_it(
    alice: User, bob: User, bounced: Suppression, as_user: SignIn, who: str
) -> None:
    person = {"alice": alice, "bob": bob}[who]
    client, url = as_user(person), f"{bounced.get_absolute_url()}release/"
    refused = client.post(url, {"because": " "})
    assert "This field is required" in refused.content.decode()
    bounced.refresh_from_db()
    assert bounced.released_at is None

    client.post(url, {"because": "They mended it."})
    bounced.refresh_from_db()
    assert (bounced.released_by, bounced.released_because) == (
        person,
        "They mended it.",
    )
    page = html(client, bounced.get_absolute_url())
    assert "They mended it." in page
    assert "User unknown" in page, "its evidence stays"


def test_a_member_releases_neither_a_complaint_nor_what_a_manager_added(
    alice: User, bob: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    delivery = make_delivery(alice, NINA)
    suppress_for([evidence_of(delivery, "complaint", "spam", now())])
    suppress_address("anna@customer.test", by=bob, note="")
    client = as_user(alice)
    for each in Suppression.objects.all():
        page = client.post(
            f"{each.get_absolute_url()}release/", {"because": "x"}, follow=True
        )
        assert "Only a manager may release" in page.content.decode()
    assert Suppression.objects.active().count() == 2


def test_releasing_twice_changes_nothing(
    bob: User, bounced: Suppression, as_user: SignIn
) -> None:
    client, url = as_user(bob), f"{bounced.get_absolute_url()}release/"
    client.post(url, {"because": "First."})
    page = client.post(url, {"because": "Second."}, follow=True).content.decode()
    assert "was released before" in page
    bounced.refresh_from_db()
    assert bounced.released_because == "First."


def test_a_later_suppression_of_the_same_address_shows_its_history(
    bob: User, bounced: Suppression, as_user: SignIn
) -> None:
    release(bounced, by=bob, because="They mended it.")
    again = suppress_address(NINA, by=bob, note="")
    page = html(as_user(bob), again.get_absolute_url())
    assert bounced.get_absolute_url() in page
    assert "They mended it." in page


def test_a_removed_domain_stays_as_history(bob: User, as_user: SignIn) -> None:
    client = as_user(bob)
    client.post(DOMAINS, {"domain": "@Rival.test", "note": ""})
    blocked = Suppression.objects.get()
    assert (blocked.address, blocked.made_by) == ("@rival.test", bob)
    client.post(f"{DOMAINS}{blocked.uuid}/remove/")
    blocked.refresh_from_db()
    assert blocked.released_by == bob
    page = html(client, DOMAINS)
    assert "No domain is blocked" in page
    assert "Removed (1)" in page
    assert client.post(f"{DOMAINS}{blocked.uuid}/remove/").status_code == 404


@pytest.mark.parametrize(
    ("url", "form"),
    [(DOMAINS, {"domain": "customer.test"}), (URL, {"address": NINA})],
)
def test_whoever_stops_mail_is_told_what_waits_to_leave_for_there(
    alice: User,
    bob: User,
    charlie: User,
    make_delivery: MakeDelivery,
    as_user: SignIn,
    url: str,
    form: dict[str, str],
) -> None:
    told = "1 mail that waits to leave for there will not be sent"
    client, note = as_user(bob), {"note": "They asked us to."}
    for sender, to in ((charlie, NINA), (alice, "nina@other.test")):
        make_delivery(sender, to)
    make_delivery(bob, NINA, state=State.ACCEPTED)
    page = client.post(url, form | note, follow=True).content.decode()
    assert told not in page

    release(Suppression.objects.get(), by=bob, because="x")
    make_delivery(alice, "Nina@Customer.test")
    page = client.post(url, form | note, follow=True).content.decode()
    assert told in page


# --- what it stopped --------------------------------------------------------


def test_what_was_stopped_is_sent_again_once_after_the_release(
    alice: User, bob: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    found = suppress_address(NINA, by=bob, note="")
    failed = stopped(found, make_delivery(alice, NINA, subject="Offer"))
    client, page = as_user(alice), found.get_absolute_url()
    assert failed.message.get_absolute_url() in html(client, page)
    client.post(f"{page}resend/")
    assert Message.objects.count() == 1, "nothing leaves before the release"

    release(found, by=bob, because="Mended.")
    assert "Send it now" in html(client, page)
    for _ in range(2):
        client.post(f"{page}resend/")
    again = Message.objects.get(resend_of=failed.message)
    assert (again.subject, again.sender) == ("Offer", alice)
    assert again.deliveries.get().state == State.QUEUED
    assert "Send it now" not in html(client, page)


def test_nobody_sends_again_what_they_may_not_see(
    alice: User, bob: User, charlie: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    found = suppress_address(NINA, by=bob, note="")
    stopped(found, make_delivery(bob, NINA))
    release(found, by=bob, because="Mended.")
    as_user(alice).post(f"{found.get_absolute_url()}resend/")
    as_user(charlie).post(f"{found.get_absolute_url()}resend/")
    assert Message.objects.count() == 1


def test_the_message_and_the_list_link_to_what_stopped_it(
    alice: User, bob: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    found = suppress_address(NINA, by=bob, note="")
    failed = stopped(found, make_delivery(alice, NINA))
    for url in [failed.message.get_absolute_url(), "/conversations/failed/"]:
        assert f'href="{found.get_absolute_url()}"' in html(as_user(alice), url)


def test_the_message_whose_bounce_suppressed_it_says_so(
    alice: User, bounced: Suppression, as_user: SignIn
) -> None:
    assert bounced.delivery
    page = html(as_user(alice), bounced.delivery.message.get_absolute_url())
    assert f'href="{bounced.get_absolute_url()}"' in page

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from channels.models import Channel
from conversations.lists import paging
from conversations.models import BulkJob, Delivery, DeliveryEvent, Message, Suppression
from conversations.models.state import State, Triage
from conversations.triage import bulk, preview, scope
from deliveryportal.accounts.models import User
from tests.conftest import person

MakeDelivery = Callable[..., Delivery]
AsUser = Callable[[User], Client]
ALL = "?everything=1&tab=failed"
TOLD = {"accepted": "all"}


@pytest.fixture
def failed(alice: User, make_delivery: MakeDelivery) -> Delivery:
    return make_delivery(
        alice, subject="<i>Offer</i>", state=State.FAILED, reason="mailbox_full"
    )


def url(key: str, *deliveries: Delivery) -> str:
    chosen = "&".join(f"delivery={each.uuid}" for each in deliveries)
    return f"/conversations/act/{key}/?{chosen}"


def html(response: object) -> str:
    return " ".join(response.content.decode().split())  # type: ignore[attr-defined]


def test_a_preview_says_what_is_known_and_does_nothing(
    as_user: AsUser, alice: User, failed: Delivery
) -> None:
    page = html(as_user(alice).get(url("retry", failed)))
    assert "Retry: 1</h1>" in page
    assert "Retry: 1 (certainly not delivered)" in page
    assert "&lt;i&gt;Offer&lt;/i&gt;" in page
    assert not Message.objects.exclude(resend_of=None).exists()


def test_nothing_offers_to_send_where_there_is_no_other_channel(
    as_user: AsUser, alice: User, make_delivery: MakeDelivery
) -> None:
    failed = make_delivery(alice, state=State.FAILED, reason="sender_blocked")
    page = html(as_user(alice).get(url("other-channel", failed)))
    assert "There is no other channel that works." in page
    assert "Send through another channel: 1 (" not in page


def test_of_unconfirmed_mail_its_page_suggests_to_find_out_first(
    as_user: AsUser, alice: User, make_delivery: MakeDelivery
) -> None:
    lost = make_delivery(alice, state=State.UNCONFIRMED, reason="unconfirmed")
    page = html(as_user(alice).get(lost.message.get_absolute_url()))
    arrived, retry = page.index(f'id="arrived-{lost.pk}"'), page.index("/act/retry/")
    assert arrived < retry
    assert "button--primary" in page[arrived : arrived + 80]


def test_one_is_done_at_once(as_user: AsUser, alice: User, failed: Delivery) -> None:
    back = failed.message.get_absolute_url()
    response = as_user(alice).post(f"{url('retry', failed)}&next={back}", follow=True)
    assert response.redirect_chain == [(back, 302)]
    assert "One message sent again." in html(response)
    assert "Sent again as" in html(response)


@pytest.mark.parametrize("elsewhere", ["https://evil.test/", "nowhere", "a/b", "{}"])
def test_it_goes_back_to_no_other_site_and_to_no_nonsense(
    as_user: AsUser, alice: User, failed: Delivery, elsewhere: str
) -> None:
    response = as_user(alice).post(f"{url('retry', failed)}&next={elsewhere}")
    assert response["Location"] == "/conversations/failed/causes/"


def test_a_selection_of_several_kinds_names_what_is_left_out(
    as_user: AsUser, alice: User, make_delivery: MakeDelivery, failed: Delivery
) -> None:
    dead = make_delivery(alice, state=State.BOUNCED, reason="address_unknown")
    page = html(as_user(alice).get(url("retry", failed, dead)))
    assert "Retry: 1 of 2" in page
    assert "1 left out.</strong> Address does not exist: “Retry” cannot help." in page
    page = html(as_user(alice).post(url("retry", failed, dead), follow=True))
    assert "1 sent again, 1 skipped, of 2." in page


def test_where_nothing_can_help_there_is_no_button(
    as_user: AsUser, alice: User, make_delivery: MakeDelivery
) -> None:
    dead = make_delivery(alice, state=State.BOUNCED, reason="address_unknown")
    page = html(as_user(alice).get(url("retry", dead)))
    assert "Retry: 0 of 1" in page
    assert (
        'method="post"> <input type="hidden" name="csrf'
        not in page.partition("<main")[2]
    )
    as_user(alice).post(url("retry", dead))
    assert not BulkJob.objects.exists()


@pytest.fixture
def stopped(alice: User, make_delivery: MakeDelivery) -> Delivery:
    """What was not sent because the team blocks its domain."""
    return make_delivery(
        alice,
        "anna@rival.test",
        state=State.FAILED,
        reason="domain_blocked",
        suppression=Suppression.objects.create(team=alice.team, address="@rival.test"),
    )


@pytest.mark.parametrize("chosen", [True, False])
def test_while_a_domain_is_blocked_nothing_promises_to_send_there(
    as_user: AsUser, alice: User, stopped: Delivery, chosen: bool
) -> None:
    path = url("retry", stopped) if chosen else f"/conversations/act/retry/{ALL}"
    page = html(as_user(alice).get(path))
    assert "Retry: 0 of 1" in page
    assert "1 left out.</strong> Your team blocks the domain" in page
    assert "certainly not delivered" not in page


def test_its_page_says_what_comes_first_and_offers_a_retry_once_that_is_done(
    as_user: AsUser, alice: User, stopped: Delivery
) -> None:
    client, path = as_user(alice), stopped.message.get_absolute_url()
    page = html(client.get(path))
    assert "/act/retry/" not in page
    assert "Retry: Your team blocks the domain: a manager removes that first" in page
    Suppression.objects.update(released_at=now())
    page = html(client.get(path))
    assert "/act/retry/" in page
    assert "removes that first" not in page


def test_a_preview_leaves_out_what_would_be_skipped_and_says_why(
    as_user: AsUser, alice: User, make_delivery: MakeDelivery, failed: Delivery
) -> None:
    full = make_delivery(
        alice, "bert@x.test", state=State.FAILED, reason="mailbox_full"
    )
    Suppression.objects.create(team=alice.team, address="bert@x.test")
    client = as_user(alice)
    for path in (url("retry", failed, full), f"/conversations/act/retry/{ALL}"):
        page = html(client.get(path))
        assert "Retry: 1 of 2" in page
        assert "1 left out.</strong> The address is suppressed" in page
        assert "1 certainly not delivered" in page
    client.post(url("retry", failed))
    page = html(client.get(url("retry", failed)))
    assert "It has been sent again before." in page


def test_a_preview_of_many_leaves_out_what_somebody_has_decided_about(
    as_user: AsUser, alice: User, make_delivery: MakeDelivery, failed: Delivery
) -> None:
    phoned = make_delivery(
        alice,
        "bert@x.test",
        state=State.FAILED,
        reason="mailbox_full",
        triage=Triage.RESOLVED,
    )
    client = as_user(alice)
    for path in (url("retry", failed, phoned), f"/conversations/act/retry/{ALL}"):
        page = html(client.get(path))
        assert "Retry: 1 of 2" in page
        assert "Somebody has decided about it: Resolved. Open it" in page
        assert "1 certainly not delivered" in page
        assert "bert@x.test" not in page
    assert "Retry: 1</h1>" in html(client.get(url("retry", phoned)))
    assert "Archive: 2</h1>" in html(client.get(url("archive", failed, phoned)))


@pytest.mark.parametrize("chosen", [True, False])
def test_so_it_is_where_the_failure_itself_had_its_address_suppressed(
    as_user: AsUser, alice: User, failed: Delivery, chosen: bool
) -> None:
    Suppression.objects.create(
        team=alice.team, address=failed.recipient, delivery=failed
    )
    path = url("retry", failed) if chosen else f"/conversations/act/retry/{ALL}"
    page = html(as_user(alice).get(path))
    assert "Retry: 0 of 1" in page
    assert "1 left out.</strong> The address is suppressed" in page
    assert "certainly not delivered" not in page


def test_of_more_than_can_be_looked_at_the_preview_says_so(
    as_user: AsUser,
    alice: User,
    make_delivery: MakeDelivery,
    failed: Delivery,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_delivery(alice, "bert@x.test", state=State.FAILED, reason="mailbox_full")
    path, words = f"/conversations/act/retry/{ALL}", "Too many to look at each"
    assert words not in html(as_user(alice).get(path))
    monkeypatch.setattr(preview, "CHOSEN_AT_MOST", 1)
    assert words in html(as_user(alice).get(path))


@pytest.mark.parametrize(
    ("tab", "state"), [("sent", State.ACCEPTED), ("failed", State.FAILED)]
)
def test_only_the_archive_offers_to_delete(
    as_user: AsUser, alice: User, make_delivery: MakeDelivery, tab: str, state: State
) -> None:
    mail = make_delivery(alice, state=state)
    client, delete = as_user(alice), 'formaction="/conversations/act/delete/"'
    assert delete not in html(client.get(f"/conversations/{tab}/"))
    page = html(client.get(url("delete", mail)))
    assert "Delete: 0 of 1" in page
    assert "archive it first" in page
    client.post(url("delete", mail))
    assert Delivery.objects.exists()
    client.post(url("archive", mail))
    page = html(client.get("/conversations/sent/?list=archived"))
    assert delete in page
    assert 'formaction="/conversations/act/archive/"' not in page
    assert "Delete: 1</h1>" in html(client.get(url("delete", mail)))


def test_an_archived_failure_is_deleted_from_its_page_after_a_preview(
    as_user: AsUser, alice: User, failed: Delivery
) -> None:
    client, page = as_user(alice), failed.message.get_absolute_url()
    assert "/act/delete/" not in html(client.get(page))
    client.post(url("archive", failed))
    page = html(client.get(page))
    path = f"{url('delete', failed)}&amp;next=/conversations/sent/"
    assert path in page
    path = path.replace("&amp;", "&")
    assert "It is deleted here for good" in html(client.get(path))
    assert Delivery.objects.exists()
    page = html(client.post(path, follow=True))
    assert "One message deleted." in page
    assert not Delivery.objects.exists()


def test_doubtful_mail_is_asked_about(
    as_user: AsUser, alice: User, make_delivery: MakeDelivery
) -> None:
    unsure = make_delivery(alice, state=State.UNCONFIRMED, reason="unconfirmed")
    client = as_user(alice)
    assert "Retry: 1 (may have arrived)" in html(client.get(url("retry", unsure)))
    page = html(client.post(url("retry", unsure)))
    assert "Say that you want it sent, or leave it." in page
    assert not Message.objects.exclude(resend_of=None).exists()
    client.post(url("retry", unsure), {"anyway": "on"})
    assert Message.objects.exclude(resend_of=None).exists()


def test_of_several_the_preview_says_of_each_what_is_known(
    as_user: AsUser, alice: User, make_delivery: MakeDelivery, failed: Delivery
) -> None:
    unsure = make_delivery(
        alice, "bert@x.test", state=State.UNCONFIRMED, reason="unconfirmed"
    )
    client, path = as_user(alice), url("retry", failed, unsure)
    page = html(client.get(path))
    assert "1 certainly not delivered</span>" in page
    assert "1 may have arrived</span>" in page
    assert "Else only what is certainly not delivered is sent." in page
    rows = page.partition("<tbody>")[2].split("</tr>")
    words = {"anna": "certainly not delivered", "bert": "may have arrived"}
    for name, known in words.items():
        [row] = [each for each in rows if f"{name}@" in each]
        assert f">{known}</span>" in row
    client.post(path)
    assert Message.objects.get(resend_of__isnull=False).resend_of == failed.message
    assert "may have arrived" not in html(client.get(url("archive", unsure)))


def test_a_bounce_that_a_confirmation_contradicts_may_have_arrived(
    as_user: AsUser, alice: User, make_delivery: MakeDelivery, failed: Delivery
) -> None:
    unsure = make_delivery(
        alice, "bert@x.test", state=State.BOUNCED, reason="mailbox_full"
    )
    unsure.events.create(kind=DeliveryEvent.Kind.DELIVERED)
    client = as_user(alice)
    page = html(client.get(unsure.message.get_absolute_url()))
    assert "Retry <small>may have arrived</small>" in page
    assert "Retry: 1 (may have arrived)" in html(client.get(url("retry", unsure)))
    for path in (url("retry", failed, unsure), f"/conversations/act/retry/{ALL}"):
        page = html(client.get(path))
        assert "1 certainly not delivered</span>" in page
        assert "1 may have arrived</span>" in page
        assert "Send those too that may be a second time" in page


def test_a_preview_of_contradicted_bounces_asks_the_database_as_often_for_many(
    as_user: AsUser, alice: User, make_delivery: MakeDelivery
) -> None:
    def preview_of(number: int) -> int:
        bounced = [
            make_delivery(alice, state=State.BOUNCED, reason="mailbox_full")
            for _ in range(number)
        ]
        for each in bounced:
            each.events.create(kind=DeliveryEvent.Kind.DELIVERED)
        client = as_user(alice)
        with CaptureQueriesContext(connection) as asked:
            assert "may have arrived" in html(client.get(url("retry", *bounced)))
        return len(asked)

    assert preview_of(2) == preview_of(5)


def test_another_channel_shows_what_changes_first(
    as_user: AsUser, alice: User, make_delivery: MakeDelivery
) -> None:
    failed = make_delivery(alice, state=State.FAILED, reason="server_error")
    server = Channel.objects.create(
        kind="smtp",
        owner=alice,
        config={"host": "mail.acme.test", "port": "25", "security": "none"},
    )
    client, path = as_user(alice), url("other-channel", failed)
    page = html(client.get(path))
    assert "<strong>None.</strong>" in page
    assert (
        "instead of: Likely: Alice Acme &lt;alice@acme.test&gt; via portal.test" in page
    )
    assert "Choose the channel to send by." in html(client.post(path))
    client.post(path, {"channel": server.uuid})
    new = Message.objects.get(resend_of=failed.message)
    assert new.deliveries.get().channel == server


def test_correcting_offers_what_may_have_been_meant(
    as_user: AsUser, alice: User, make_delivery: MakeDelivery
) -> None:
    typo = make_delivery(
        alice, "anna@gmial.com", state=State.FAILED, reason="domain_unknown"
    )
    client, path = as_user(alice), url("correct", typo)
    assert 'value="anna@gmail.com"' in html(client.get(path))
    field = f"address-{typo.uuid}"
    assert "Write at least one address" in html(client.post(path, {field: ""}))
    page = html(client.post(path, {field: "anna@"}))
    assert "has no domain" in page
    assert 'value="anna@"' in page, "what was written is kept"
    client.post(path, {field: "anna@gmail.com"})
    assert Delivery.objects.get(state=State.QUEUED).recipient == "anna@gmail.com"


def test_who_has_got_the_mail_is_no_right_address_for_it(
    as_user: AsUser, alice: User, failed: Delivery
) -> None:
    cc = "bert@customer.test"
    Delivery.objects.create(
        message=failed.message,
        recipient=cc,
        recipient_wire=cc,
        channel=failed.channel,
        sender=alice,
        team=failed.team,
        state=State.ACCEPTED,
    )
    written = {f"address-{failed.uuid}": cc}
    page = html(as_user(alice).post(url("correct", failed), written))
    assert f"{cc} is a recipient of this very mail" in page
    assert not BulkJob.objects.exists()


def test_another_person_is_named_but_never_filled_in(
    as_user: AsUser, alice: User, make_delivery: MakeDelivery
) -> None:
    make_delivery(alice, "zoe@bigco.test", state=State.ACCEPTED)
    gone = make_delivery(
        alice, "anna@bigco.test", state=State.BOUNCED, reason="address_unknown"
    )
    page = html(as_user(alice).get(url("correct", gone)))
    assert "<strong>zoe@bigco.test</strong>" in page
    assert f'name="address-{gone.uuid}" list=' in page


def test_a_domain_is_corrected_for_all_of_a_long_list_that_are_there(
    as_user: AsUser,
    alice: User,
    make_delivery: MakeDelivery,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(preview, "ASKED_ABOUT", 2)
    for address in ("anna@gmial.com", "bob@acme.test", "bert@gmial.com"):
        make_delivery(alice, address, state=State.FAILED, reason="domain_unknown")
    client, path = as_user(alice), f"/conversations/act/correct/{ALL}"
    page = html(client.get(path))
    assert 'value="gmial.com"' in page
    assert 'value="gmail.com"' in page
    wrong = {"wrong": "gmial.com"} | TOLD
    assert "not a domain" in html(client.post(path, wrong | {"domain": "a b"}))
    same = html(client.post(path, wrong | {"domain": "Gmial.com"}))
    assert "The domain is the same as before." in same
    client.post(path, wrong | {"domain": "gmail.com"})
    job = BulkJob.objects.get()
    while bulk.turn(job.pk):
        pass
    found = Delivery.objects.filter(state=State.QUEUED)
    assert {each.recipient for each in found} == {"anna@gmail.com", "bert@gmail.com"}
    skipped = job.items.get(recipient="bob@acme.test")
    assert skipped.why == "It is not at gmial.com, so it was left as it is."


@pytest.mark.parametrize(
    ("other", "asked"),
    [("bert@gmial.com", "domain"), ("bert@hotmial.com", "address-")],
)
def test_a_short_list_that_failed_for_its_one_domain_is_asked_for_another(
    as_user: AsUser, alice: User, make_delivery: MakeDelivery, other: str, asked: str
) -> None:
    for address in ("anna@gmial.com", other):
        make_delivery(alice, address, state=State.FAILED, reason="domain_unknown")
    page = html(as_user(alice).get(f"/conversations/act/correct/{ALL}"))
    assert f'name="{asked}' in page
    assert ('name="domain"' in page) is (asked == "domain")


def test_of_a_short_list_each_address_is_asked_for(
    as_user: AsUser, alice: User, make_delivery: MakeDelivery
) -> None:
    typo, other = (
        make_delivery(alice, address, state=State.FAILED, reason="domain_unknown")
        for address in ("anna@gmial.com", "bob@acme.test")
    )
    client, path = as_user(alice), f"/conversations/act/correct/{ALL}"
    page = html(client.get(path))
    assert 'value="anna@gmail.com"' in page
    assert f'name="address-{other.uuid}"' in page
    assert "The right domain" not in page
    client.post(path, {f"address-{typo.uuid}": "anna@gmail.com"} | TOLD)
    job = BulkJob.objects.get()
    while bulk.turn(job.pk):
        pass
    assert Delivery.objects.get(state=State.QUEUED).recipient == "anna@gmail.com"
    assert job.items.get(recipient="bob@acme.test").why == "No other address was given."


def test_what_was_filled_in_counts_though_the_list_has_shrunk_since(
    as_user: AsUser, alice: User, make_delivery: MakeDelivery
) -> None:
    typo, _, other = (
        make_delivery(alice, address, state=State.FAILED, reason="domain_unknown")
        for address in ("anna@gmial.com", "bert@gmial.com", "bob@acme.test")
    )
    client, path = as_user(alice), f"/conversations/act/correct/{ALL}"
    client.get(path)
    Delivery.objects.filter(pk=other.pk).update(triage=Triage.LOST)
    client.post(path, {f"address-{typo.uuid}": "anna@gmail.com"} | TOLD)
    assert BulkJob.objects.get().options["addresses"] == {
        str(typo.uuid): "anna@gmail.com"
    }


def test_what_may_be_decided_is_one_group_and_explained(
    as_user: AsUser, alice: User, failed: Delivery
) -> None:
    page = html(as_user(alice).get(url("decide", failed)))
    assert "<legend>Decision</legend>" in page
    assert '<fieldset class="field" aria-describedby="id_decision_helptext">' in page
    assert "Accepted loss: it did not arrive" in page


def test_those_are_offered_to_look_after_it_who_can_see_it(
    as_user: AsUser,
    alice: User,
    bob: User,
    failed: Delivery,
    make_delivery: MakeDelivery,
) -> None:
    mate = person("Dana", team_of=bob)
    gone = person("Eve", team_of=bob)
    gone.is_active, gone.role = False, User.Role.MANAGER
    gone.save()

    def offered(*mail: Delivery) -> list[str]:
        answer = as_user(bob).get(url("decide", *mail))
        return [words for _, words in answer.context["form"].fields["owner"].choices]

    everywhere = ["as before", "Nobody", "Whoever wrote it"]
    assert offered(failed) == [*everywhere, "Alice Acme", "Bob Acme"]
    hers = make_delivery(mate, "ben@customer.test", state=State.FAILED)
    assert offered(failed, hers) == [*everywhere, "Bob Acme"]
    path = url("decide", failed)
    page = html(as_user(bob).post(path, {"decision": "open", "owner": mate.pk}))
    assert "Select a valid choice" in page


def test_a_decision_is_written_down(
    as_user: AsUser, alice: User, bob: User, charlie: User, failed: Delivery
) -> None:
    client, path = as_user(bob), url("decide", failed)
    page = html(client.get(f"{path}&decision=waiting"))
    assert "Decide: 1</h1>" in page
    assert "Alice Acme" in page
    assert "Charlie Acme" not in page
    done = client.post(
        path,
        {"decision": "waiting", "owner": alice.pk, "note": "<b>Asked</b>"},
        follow=True,
    )
    assert "One message decided about." in html(done)
    page = html(client.get(failed.message.get_absolute_url()))
    assert "&lt;b&gt;Asked&lt;/b&gt;" in page
    assert "Alice Acme looks after it" in page


def test_the_message_page_offers_what_can_be_done(
    as_user: AsUser, alice: User, make_delivery: MakeDelivery, failed: Delivery
) -> None:
    page = html(as_user(alice).get(failed.message.get_absolute_url()))
    assert "Retry <small>certainly not delivered</small>" in page
    unsure = make_delivery(alice, state=State.UNCONFIRMED, reason="unconfirmed")
    page = html(as_user(alice).get(unsure.message.get_absolute_url()))
    assert "Retry <small>may have arrived</small>" in page
    assert "It did not arrive" in page


def test_a_failure_that_is_done_with_orders_nobody_to_act(
    as_user: AsUser, alice: User, failed: Delivery
) -> None:
    client, path = as_user(alice), failed.message.get_absolute_url()
    page = html(client.get(path))
    assert "Who should act: you." in page
    assert "notice--bad" in page
    client.post(url("decide", failed), {"decision": "lost"})
    page = html(client.get(path))
    assert "Who should act" not in page
    assert "notice--bad" not in page
    assert "Accepted loss: nobody has to act any more." in page


def test_what_arrived_offers_to_be_sent_again_but_does_not_press_for_it(
    as_user: AsUser, alice: User, make_delivery: MakeDelivery
) -> None:
    arrived = make_delivery(alice, state=State.ACCEPTED)
    page = html(as_user(alice).get(arrived.message.get_absolute_url()))
    button = page.index(f'id="again-{arrived.pk}"')
    assert "Send again <small>was delivered</small>" in page
    assert "button--primary" not in page[button : button + 80]
    page = html(as_user(alice).get(url("again", arrived)))
    assert "Send again: 1 (was delivered)" in page
    assert "gets it twice" in page


def test_many_are_left_to_the_background(
    as_user: AsUser, alice: User, failed: Delivery
) -> None:
    client = as_user(alice)
    response = client.post(f"/conversations/act/retry/{ALL}", TOLD)
    job = BulkJob.objects.get()
    assert response["Location"].startswith(job.get_absolute_url())
    page = html(client.get(job.get_absolute_url()))
    assert "Gathering what matches" in page
    assert "every 1s" in page
    client.post(f"/conversations/jobs/{job.uuid}/stop/")
    assert "Stopping" in html(client.get(job.get_absolute_url()))
    bulk.turn(job.pk)
    page = html(client.get(job.get_absolute_url()))
    assert "Stopped" in page
    assert "The rest was left as it was." in page
    again = client.post(f"/conversations/jobs/{job.uuid}/stop/", follow=True)
    assert "It had ended before" in html(again)


@pytest.mark.parametrize("tab", ["sent", "pending", "failed"])
def test_while_it_is_under_way_every_list_leads_to_it(
    tab: str, as_user: AsUser, alice: User, bob: User, failed: Delivery
) -> None:
    client = as_user(alice)
    client.post(f"/conversations/act/retry/{ALL}", TOLD)
    job = BulkJob.objects.get()
    way = f'href="{job.get_absolute_url()}?next='
    mate = person("Mate", team_of=bob)
    for user, shown in [(alice, True), (bob, True), (mate, False)]:
        page = html(as_user(user).get(f"/conversations/{tab}/"))
        assert (way in page) is shown, user
        words = "Retry, asked for by Alice Acme: 0 of 0 so far."
        assert (words in page) is shown, user
    live = html(client.get(f"/conversations/{tab}/", headers={"HX-Request": "true"}))
    assert way in live, "it refreshes with the list"
    while bulk.turn(job.pk):
        pass
    assert way not in html(client.get(f"/conversations/{tab}/"))


def test_without_a_script_its_page_is_looked_at_again_by_a_link(
    as_user: AsUser, alice: User, failed: Delivery
) -> None:
    client = as_user(alice)
    page = client.post(f"/conversations/act/retry/{ALL}", TOLD)["Location"]
    again = '<noscript><a class="button" href="">Look again</a></noscript>'
    assert again in html(client.get(page))
    assert "0 skipped, of 0 so far" in " ".join(html(client.get(page)).split())
    bulk.turn(BulkJob.objects.get().pk)
    assert "0 skipped, of 1." in " ".join(html(client.get(page)).split())
    while bulk.turn(BulkJob.objects.get().pk):
        pass
    assert again not in html(client.get(page))


@pytest.mark.parametrize("query", ["", "?delivery=nonsense", ALL])
def test_nothing_chosen_or_left_is_said(
    as_user: AsUser, alice: User, query: str
) -> None:
    page = html(as_user(alice).get(f"/conversations/act/retry/{query}", follow=True))
    assert "so nothing was done" in page


def test_a_cause_that_cannot_be_finds_nothing(as_user: AsUser, alice: User) -> None:
    address = url("retry") + "everything=1&tab=failed&cause=a%00b"
    page = html(as_user(alice).get(address, follow=True))
    assert "is not one of the choices. So nothing was done." in page


def test_outsiders_find_nothing(
    as_user: AsUser, alice: User, bob: User, charlie: User, failed: Delivery
) -> None:
    client = as_user(charlie)
    for method in (client.get, client.post):
        assert method(url("retry", failed)).status_code == 404
    assert client.get(f"/conversations/act/none/{ALL}").status_code == 404
    as_user(alice).post(f"/conversations/act/archive/{ALL}", TOLD)
    job = BulkJob.objects.get()
    assert client.get(job.get_absolute_url()).status_code == 404
    assert client.post(f"/conversations/jobs/{job.uuid}/stop/").status_code == 404
    assert as_user(bob).get(job.get_absolute_url()).status_code == 200
    assert client.get(f"/conversations/jobs/{uuid4()}/").status_code == 404
    User.objects.filter(pk=alice.pk).update(team=charlie.team)
    assert as_user(alice).get(job.get_absolute_url()).status_code == 404


def test_a_member_does_not_act_on_a_team_mates_mail(
    as_user: AsUser, alice: User, bob: User, make_delivery: MakeDelivery
) -> None:
    other = make_delivery(bob, state=State.FAILED, reason="mailbox_full")
    assert as_user(alice).post(url("retry", other)).status_code == 404


def test_wrong_methods_and_strangers_are_refused(
    as_user: AsUser, alice: User, failed: Delivery, client: Client
) -> None:
    assert as_user(alice).delete(url("retry", failed)).status_code == 405
    as_user(alice).post(f"/conversations/act/archive/{ALL}", TOLD)
    job = BulkJob.objects.get()
    assert as_user(alice).post(job.get_absolute_url()).status_code == 405
    assert (
        as_user(alice).get(f"/conversations/jobs/{job.uuid}/stop/").status_code == 405
    )
    for path in (url("retry", failed), job.get_absolute_url()):
        assert client.get(path)["Location"].startswith("/accounts/login/")


def test_a_list_offers_what_can_be_done_with_what_is_ticked(
    as_user: AsUser, alice: User, failed: Delivery
) -> None:
    page = html(as_user(alice).get("/conversations/failed/?reason=mailbox_full"))
    assert 'formaction="/conversations/act/retry/"' in page
    assert f'name="delivery" value="{failed.uuid}"' in page
    pending = html(as_user(alice).get("/conversations/pending/"))
    assert "formaction" not in pending


def test_of_one_match_the_list_does_not_speak_as_of_many(
    as_user: AsUser, alice: User, make_delivery: MakeDelivery, failed: Delivery
) -> None:
    client = as_user(alice)
    assert "The one that matches" in html(client.get("/conversations/failed/"))
    make_delivery(alice, state=State.FAILED)
    assert "All 2 that match" in html(client.get("/conversations/failed/"))


def test_everything_that_the_list_matches_is_meant(
    as_user: AsUser, alice: User, make_delivery: MakeDelivery, failed: Delivery
) -> None:
    make_delivery(alice, "other@x.test", state=State.FAILED, reason="server_error")
    ticked = {
        "tab": "failed",
        "query": "list=failed&reason=mailbox_full",
        "next": "/conversations/failed/?reason=mailbox_full",
        "everything": "1",
        "delivery": str(failed.uuid),
    }
    response = as_user(alice).get("/conversations/act/archive/", ticked)
    assert "Archive: 1</h1>" in html(response)
    assert 'href="/conversations/failed/?reason=mailbox_full"' in html(response)


@pytest.mark.parametrize("told", ["1", "", "nonsense"])
def test_what_has_come_to_match_since_the_preview_is_asked_about_again(
    as_user: AsUser,
    alice: User,
    make_delivery: MakeDelivery,
    failed: Delivery,
    told: str,
) -> None:
    client, path = as_user(alice), f"/conversations/act/archive/{ALL}"
    assert 'name="accepted" value="1"' in html(client.get(path))
    make_delivery(alice, "late@x.test", state=State.FAILED)
    page = html(client.post(path, {"accepted": told}))
    assert "More matches by now than you were shown, so nothing was done yet." in page
    assert 'name="accepted" value="2"' in page
    assert not Delivery.objects.exclude(archived_at=None).exists()
    assert not BulkJob.objects.exists()
    client.post(path, {"accepted": "2"})
    while bulk.turn(BulkJob.objects.get().pk):
        pass
    assert Delivery.objects.exclude(archived_at=None).count() == 2


@pytest.mark.parametrize("key", ["archive", "retry"])
def test_what_fails_after_the_preview_is_not_meant_and_hinders_nothing(
    as_user: AsUser,
    alice: User,
    make_delivery: MakeDelivery,
    failed: Delivery,
    key: str,
) -> None:
    client, path = as_user(alice), f"/conversations/act/{key}/{ALL}"
    page = html(client.get(path))
    [action] = re.findall(r'<form class="form card" action="(.*?)"', page)
    late = make_delivery(alice, "late@x.test", state=State.FAILED)
    response = client.post(
        f"/conversations/act/{key}/{unescape(action)}", {"accepted": "1"}
    )
    job = BulkJob.objects.get()
    assert response["Location"].startswith(job.get_absolute_url())
    while bulk.turn(job.pk):
        pass
    assert [each.delivery for each in job.items.all()] == [failed]
    late.refresh_from_db()
    assert late.archived_at is None


def test_so_it_is_if_there_is_too_much_now_to_be_looked_through(
    as_user: AsUser, alice: User, long_ago: Delivery
) -> None:
    path = "/conversations/act/archive/?everything=1&tab=sent&q=bert"
    page = html(as_user(alice).post(path, {"accepted": "3"}))
    assert "More matches by now than you were shown" in page
    assert 'name="accepted" value="all"' in page


def test_what_was_decided_stays_filled_in_when_it_is_asked_again(
    as_user: AsUser, alice: User, failed: Delivery
) -> None:
    path = f"/conversations/act/decide/{ALL}"
    filled = {"decision": "lost", "note": "Wrong list.", "accepted": "0"}
    page = html(as_user(alice).post(path, filled))
    assert "More matches by now" in page
    assert "Wrong list.</textarea>" in page


@pytest.fixture
def long_ago(
    alice: User, make_delivery: MakeDelivery, monkeypatch: pytest.MonkeyPatch
) -> Delivery:
    """The mail to anna, sent before more than is looked at while somebody waits."""
    monkeypatch.setattr(paging, "REACH", 3)
    at = now() - timedelta(days=1)
    found = make_delivery(alice, state=State.ACCEPTED, state_since=at)
    for _ in range(4):
        make_delivery(alice, "bert@customer.test", state=State.ACCEPTED)
    return found


def test_of_a_long_list_the_newest_are_told_of_and_all_are_meant(
    as_user: AsUser, alice: User, make_delivery: MakeDelivery, long_ago: Delivery
) -> None:
    newest = make_delivery(alice, state=State.ACCEPTED)
    client, address = as_user(alice), "?everything=1&tab=sent&q=anna"
    page = html(client.get(f"/conversations/act/archive/{address}"))
    assert "Archive: all that match</h1>" in page
    assert "What is told here is about the newest 1 that match;" in page
    client.post(f"/conversations/act/archive/{address}", TOLD)
    while bulk.turn(BulkJob.objects.get().pk):
        pass
    archived = Delivery.objects.filter(archived_at__isnull=False)
    assert set(archived) == {newest, long_ago}


def test_what_was_sent_is_not_looked_through_beforehand_if_it_is_too_much(
    as_user: AsUser,
    alice: User,
    make_delivery: MakeDelivery,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for _ in range(3):
        make_delivery(alice, state=State.ACCEPTED)
    monkeypatch.setattr(scope, "CHOSEN_AT_MOST", 1)
    client, path = as_user(alice), "/conversations/act/archive/?everything=1&tab=sent"
    for most, title in ((3, "Archive: 3"), (2, "Archive: all that match")):
        monkeypatch.setattr(scope, "LOOKED_THROUGH", most)
        assert f"{title}</h1>" in html(client.get(path))


def test_what_matches_may_all_be_older_than_what_is_told_of(
    as_user: AsUser, alice: User, long_ago: Delivery
) -> None:
    client, address = as_user(alice), "?everything=1&tab=sent&q=anna"
    page = html(client.get(f"/conversations/act/again/{address}"))
    assert "None of the newest matches; it is done to all, however old" in page
    # It may have arrived, as far as can be known beforehand.
    assert "Send those too that may be a second time" in page
    client.post(f"/conversations/act/again/{address}", TOLD | {"anyway": "on"})
    while bulk.turn(BulkJob.objects.get().pk):
        pass
    assert Message.objects.get(resend_of__isnull=False).resend_of == long_ago.message

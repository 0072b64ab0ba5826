"""Retry, another channel, another address: a new message linked to the old one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils.timezone import now

from channels.models import Channel, EmailIdentity
from conversations.models import Delivery, DeliveryEvent, Message, Suppression
from conversations.models.state import State, Triage
from conversations.triage.actions import ACTIONS
from conversations.triage.carrying_out import carry_out
from conversations.triage.changing_channel import what_changes
from conversations.triage.order import Order
from conversations.triage.refusing import what_can_be_done
from conversations.triage.sending_again import has_been_sent_again
from deliveryportal.accounts.models import User
from tests.conversations.locks import somebody_waits_for_us
from tests.portal import wait_until

Fail = Callable[..., Delivery]
Do = Callable[..., str]
AlsoTo = Callable[..., Delivery]
TO_IT_BEFORE = "It has been sent again to this address before."


@pytest.fixture
def server(alice: User) -> Channel:
    return Channel.objects.create(
        kind="smtp",
        owner=alice,
        config={"host": "mail.acme.test", "port": "25", "security": "none"},
    )


def resent(delivery: Delivery) -> Delivery:
    return Message.objects.get(resend_of=delivery.message).deliveries.get()


def test_a_retry_is_a_new_message_by_the_same_channel(
    alice: User, fail: Fail, do: Do
) -> None:
    failed = fail(alice, subject="Offer")
    assert do("retry", failed, alice) == ""
    again = resent(failed)
    assert (again.state, again.channel) == (State.QUEUED, failed.channel)
    assert again.message.subject == "Offer"
    assert again.message.conversation == failed.message.conversation
    assert again.message.message_id != failed.message.message_id
    failed.refresh_from_db()
    assert (failed.state, failed.triage) == (State.FAILED, Triage.RESOLVED)
    assert failed.events.last().note == f"Resolved: sent again by {alice}."  # type: ignore[union-attr]


def test_nothing_is_sent_again_twice(alice: User, fail: Fail, do: Do) -> None:
    failed = fail(alice)
    do("retry", failed, alice)
    assert do("retry", failed, alice) == "It has been sent again before."
    assert Message.objects.exclude(resend_of=None).count() == 1


def test_each_who_did_not_get_it_is_sent_it_again(
    alice: User, fail: Fail, also_to: AlsoTo, do: Do
) -> None:
    to = fail(alice)
    cc = also_to(to, "Bert@customer.test")
    assert do("retry", cc, alice) == ""
    assert [each.action.key for each in what_can_be_done(to) if each.resends]
    assert not [each for each in what_can_be_done(cc) if each.resends]
    assert do("retry", to, alice) == ""
    for each in (to, cc):
        assert do("retry", each, alice) == "It has been sent again before."
    again = Delivery.objects.filter(message__resend_of=to.message)
    assert sorted(each.recipient for each in again) == [cc.recipient, to.recipient]


@pytest.mark.parametrize(
    ("address", "sent_again"),
    [
        ("Anna@customer.test", ["Anna@customer.test"]),
        ("bert@customer.test", ["Bert@customer.test"]),
        # Whose right address it is, the new message does not tell.
        ("zoe@customer.test", ["Anna@customer.test", "Bert@customer.test"]),
    ],
)
def test_the_list_says_so_of_whoever_was_sent_it_again_and_of_nobody_else(
    alice: User, fail: Fail, also_to: AlsoTo, address: str, sent_again: list[str]
) -> None:
    to = fail(alice, "Anna@customer.test")
    also_to(to, "Bert@customer.test")
    fail(alice, "carl@customer.test")
    new = fail(alice, address, state=State.ACCEPTED, reason="")
    Message.objects.filter(pk=new.message_id).update(resend_of=to.message)
    rows = Delivery.objects.for_list(["reason"]).order_by("pk")
    told = [each.recipient for each in rows if each.sent_again_as]  # type: ignore[attr-defined]
    assert told == sent_again
    known = Delivery.objects.order_by("pk")
    assert [each.recipient for each in known if has_been_sent_again(each)] == told


def test_the_page_of_a_message_names_each_of_its_resends_and_whom_it_is_to(
    alice: User, fail: Fail, also_to: AlsoTo, do: Do, as_user: Callable[[User], Client]
) -> None:
    to = fail(alice)
    cc = also_to(to, "bert@customer.test")
    for each in (cc, to):
        assert do("retry", each, alice) == ""
    page = as_user(alice).get(to.message.get_absolute_url()).text
    page = " ".join(page.split())
    assert page.count("Sent again as") == 1
    for again in to.message.resends.all():
        link = f'<a href="{again.get_absolute_url()}">{again}</a>'
        assert f"{link} to {again.conversation.person_address} on" in page


@pytest.mark.parametrize(
    ("key", "state", "reason"),
    [("retry", State.UNCONFIRMED, "unconfirmed"), ("again", State.ACCEPTED, "")],
)
def test_what_may_have_arrived_is_sent_again_only_on_a_word(
    alice: User, fail: Fail, do: Do, key: str, state: State, reason: str
) -> None:
    doubtful = fail(alice, state=state, reason=reason)
    assert "did not say to send it again" in do(key, doubtful, alice)
    assert not Message.objects.exclude(resend_of=None).exists()
    assert do(key, doubtful, alice, anyway=True) == ""
    assert resent(doubtful).state == State.QUEUED


def test_a_bounce_that_a_confirmation_contradicts_is_sent_again_only_on_a_word(
    alice: User, fail: Fail, do: Do
) -> None:
    contradicted = fail(alice, state=State.BOUNCED)
    contradicted.events.create(kind=DeliveryEvent.Kind.BOUNCED)
    contradicted.events.create(kind=DeliveryEvent.Kind.DELIVERED)
    assert "It may have arrived, and you did not" in do("retry", contradicted, alice)
    assert not Message.objects.exclude(resend_of=None).exists()
    assert do("retry", contradicted, alice, anyway=True) == ""


def test_a_retry_is_for_failures_alone(alice: User, fail: Fail, do: Do) -> None:
    arrived = fail(alice, state=State.ACCEPTED, reason="")
    assert "is not for mail that stands as" in do("retry", arrived, alice, anyway=True)


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ({"disconnected_at": now()}, "disconnected"),
        ({"health": Channel.Health.PAUSED}, "does not work at the moment"),
    ],
)
def test_no_retry_by_a_channel_that_does_not_work(
    alice: User,
    fail: Fail,
    do: Do,
    server: Channel,
    field: dict[str, object],
    words: str,
) -> None:
    failed = fail(alice)
    Delivery.objects.update(channel=server)
    Channel.objects.filter(pk=server.pk).update(**field)
    assert words in do("retry", failed, alice)


def test_nobody_writes_for_who_has_left_or_as_an_unverified_identity(
    alice: User, bob: User, fail: Fail, do: Do
) -> None:
    failed = fail(alice)
    EmailIdentity.objects.filter(owner=alice).update(verified_at=None)
    assert "not a verified email identity" in do("retry", failed, bob)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert "not in the team any more" in do("retry", failed, bob)


def test_another_channel_takes_it(
    alice: User, fail: Fail, do: Do, server: Channel
) -> None:
    failed = fail(alice, reason="server_error")
    assert do("other-channel", failed, alice, channel=str(server.uuid)) == ""
    assert resent(failed).channel == server


def test_a_channel_of_somebody_else_does_not(
    alice: User, bob: User, fail: Fail, do: Do, server: Channel
) -> None:
    failed = fail(bob, reason="server_error")
    words = do("other-channel", failed, bob, channel=str(server.uuid))
    assert words == f"{bob} cannot use this Custom SMTP server."


def test_the_same_channel_is_not_another_one(alice: User, fail: Fail, do: Do) -> None:
    failed = fail(alice, reason="server_error")
    words = do("other-channel", failed, alice, channel=str(failed.channel.uuid))
    assert "retry it instead" in words


def test_what_changes_for_the_recipient_is_told(
    alice: User, fail: Fail, server: Channel
) -> None:
    [offered] = what_changes(alice, [fail(alice)])
    assert offered.channel == server
    [(name, changes)] = offered.changes
    assert name == "Alice Acme <alice@acme.test>"
    differing = {
        each.term: (each.before, each.after) for each in changes if each.differs
    }
    assert "portal.test" in differing["“via” tag"][0]
    assert differing["“via” tag"][1] == "None."
    assert "From" not in differing


def test_what_changes_is_told_for_each_channel_that_it_failed_on(
    alice: User, fail: Fail, server: Channel
) -> None:
    by_portal = fail(alice)
    by_server = fail(alice, "bert@customer.test")
    Delivery.objects.filter(pk=by_server.pk).update(channel=server)
    by_server.refresh_from_db()
    offered = {
        each.channel: each.changes
        for each in what_changes(alice, [by_server, by_portal])
    }
    assert offered.keys() == {by_portal.channel, server}
    for channel, other in ((server, by_portal.channel), (by_portal.channel, server)):
        [(name, _)] = offered[channel]
        assert name == f"Alice Acme <alice@acme.test> by {other}"


def test_a_corrected_address_gets_the_same_words(
    alice: User, fail: Fail, do: Do
) -> None:
    failed = fail(alice, "anna@gmial.com", "domain_unknown", recipient_name="Anna")
    addresses = {str(failed.uuid): "anna@gmail.com"}
    assert do("correct", failed, alice, addresses=addresses) == ""
    again = resent(failed)
    assert (again.recipient, again.recipient_name) == ("anna@gmail.com", "Anna")
    assert again.message.conversation.person_address == "anna@gmail.com"
    assert "instead of anna@gmial.com" in again.events.last().note  # type: ignore[union-attr]


def test_a_domain_is_corrected_for_all_who_are_at_the_wrong_one(
    alice: User, fail: Fail, do: Do
) -> None:
    failed = fail(alice, "anna@Gmial.com", "domain_unknown")
    other = fail(alice, "bob@acme.test", "domain_unknown")
    domains = {"wrong": "gmial.com", "domain": "gmail.com"}
    assert do("correct", failed, alice, **domains) == ""
    assert resent(failed).recipient == "anna@gmail.com"
    words = "It is not at gmial.com, so it was left as it is."
    assert do("correct", other, alice, **domains) == words
    assert not other.message.resends.exists()


def correct(by: User, *deliveries: Delivery, to: str) -> list[str]:
    """Correct all at once; return why each was not."""
    addresses = {str(each.uuid): to for each in deliveries}
    ids = [each.pk for each in deliveries]
    skipped = carry_out(ACTIONS["correct"], ids, Order(by, {"addresses": addresses}))
    return [skipped.get(pk, "") for pk in ids]


def test_one_mail_is_corrected_to_another_of_its_recipients_once(
    alice: User, fail: Fail, also_to: AlsoTo
) -> None:
    to = fail(alice)
    also_to(to, "bert@customer.test")
    assert correct(alice, to, to="Bert@customer.test") == [""]
    assert correct(alice, to, to="Bert@customer.test") == [TO_IT_BEFORE]
    assert resent(to).recipient == "Bert@customer.test"


@pytest.mark.parametrize(
    ("state", "known"),
    [
        (State.ACCEPTED, "was delivered"),
        (State.UNCONFIRMED, "may have arrived"),
        (State.QUEUED, "is on its way"),
    ],
)
def test_it_is_not_corrected_to_another_of_its_recipients_who_may_get_it_anyway(
    alice: User, fail: Fail, also_to: AlsoTo, state: State, known: str
) -> None:
    to = fail(alice, "anna@gmial.com", "domain_unknown")
    also_to(to, "Anna@gmail.com", state=state, reason="")
    other = fail(alice, "carl@customer.test")
    [why, of_other] = correct(alice, to, other, to="anna@gmail.com")
    words = f"a recipient of this very mail, which for that address {known}"
    assert words in why
    assert of_other == ""
    order = Order(alice, {"wrong": "gmial.com", "domain": "gmail.com"})
    assert words in carry_out(ACTIONS["correct"], [to.pk], order)[to.pk]
    to.refresh_from_db()
    assert to.triage == Triage.OPEN
    assert not to.message.resends.exists()


def test_two_recipients_of_one_mail_corrected_to_one_address_get_one_resend(
    alice: User, fail: Fail, also_to: AlsoTo
) -> None:
    to = fail(alice)
    cc = also_to(to, "bert@customer.test")
    other = fail(alice, "carl@customer.test")
    outcome = correct(alice, to, cc, other, to="zoe@customer.test")
    assert outcome == ["", TO_IT_BEFORE, ""]
    cc.refresh_from_db()
    assert cc.triage == Triage.OPEN, "somebody has to look after it still"
    assert resent(to).recipient == resent(other).recipient == "zoe@customer.test"


def test_a_domain_that_makes_two_recipients_one_sends_one_mail(
    alice: User, fail: Fail, also_to: AlsoTo
) -> None:
    to = fail(alice, "anna@gmial.com", "domain_unknown")
    cc = also_to(to, "Anna@gmial.com")
    order = Order(alice, {"wrong": "gmial.com", "domain": "gmail.com"})
    skipped = carry_out(ACTIONS["correct"], [to.pk, cc.pk], order)
    assert skipped == {cc.pk: TO_IT_BEFORE}
    assert resent(to).recipient == "anna@gmail.com"


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer")
@pytest.mark.django_db(transaction=True)
def test_of_two_who_send_it_to_one_person_at_once_the_second_is_told(
    alice: User, bob: User, fail: Fail, also_to: AlsoTo
) -> None:
    to = fail(alice)
    cc = also_to(to, "bert@customer.test")

    def second() -> list[str]:
        try:
            return correct(bob, cc, to="zoe@customer.test")
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as hand:
        with transaction.atomic():
            assert correct(alice, to, to="zoe@customer.test") == [""]
            later = hand.submit(second)
            wait_until(somebody_waits_for_us)
        assert later.result() in ([TO_IT_BEFORE], ["It has been sent again before."])
    assert resent(to).recipient == "zoe@customer.test"


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("", "No other address"),
        ("ANNA@customer.test", "same as before"),
        ("anna@", "no domain"),
        ("a@b.test\r\nBcc: x@y.test", "control characters"),
    ],
)
def test_what_is_no_other_address_is_refused(
    alice: User, fail: Fail, do: Do, written: str, words: str
) -> None:
    failed = fail(alice, reason="address_unknown")
    addresses = {str(failed.uuid): written}
    assert words in do("correct", failed, alice, addresses=addresses)


@pytest.mark.parametrize("key", ["retry", "correct"])
def test_nothing_goes_to_a_suppressed_address_and_nothing_is_released(
    alice: User, fail: Fail, do: Do, key: str
) -> None:
    failed = fail(alice)
    wire = "anna@customer.test" if key == "retry" else "bert@customer.test"
    Suppression.objects.create(team=alice.team, address=wire, reason="complaint")
    addresses = {str(failed.uuid): "bert@customer.test"}
    assert "has been suppressed since" in do(key, failed, alice, addresses=addresses)
    assert Suppression.objects.active().count() == 1
    assert not Message.objects.exclude(resend_of=None).exists()


def test_a_manager_sends_again_for_a_member_and_the_timeline_says_so(
    alice: User, bob: User, fail: Fail, do: Do
) -> None:
    failed = fail(alice)
    do("retry", failed, bob)
    again = resent(failed)
    assert again.sender == alice
    assert again.events.get().note == (
        "as Alice Acme <alice@acme.test>, again for Portal servers, by Bob Acme"
    )


def test_others_find_nothing_to_act_on(
    alice: User, bob: User, charlie: User, fail: Fail, do: Do
) -> None:
    assert "not yours" in do("retry", fail(alice), charlie)
    assert "not yours" in do("retry", fail(bob), alice)
    assert not Message.objects.exclude(resend_of=None).exists()

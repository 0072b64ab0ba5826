from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from pytest_django import Settings

from channels.models import Channel, EmailIdentity
from conversations.blocking import block_domain, suppress_address
from conversations.models import Delivery, Draft, Hold, Message
from conversations.models.hold import Scope
from deliveryportal.accounts.models import User

URL = "/conversations/new/"
SEEN = "/conversations/new/seen/"
SignIn = Callable[[User], Client]
FIELDS = {"to": "anna@customer.test", "subject": "Hello", "body": "Text."}


def test_a_message_is_written_and_its_page_shown(alice: User, as_user: SignIn) -> None:
    response = as_user(alice).post(URL, FIELDS)
    message = Message.objects.get()
    assert response.status_code == 302
    assert response["Location"] == message.get_absolute_url()
    assert message.sender == alice


def test_the_page_says_what_the_recipient_will_see(
    alice: User, as_user: SignIn
) -> None:
    page = as_user(alice).get(URL).content.decode()
    assert "Alice Acme &lt;alice@acme.test&gt;" in page
    assert "via portal.test" in page


def test_a_name_of_other_letters_is_read_as_it_was_typed(
    alice: User, as_user: SignIn
) -> None:
    EmailIdentity.objects.filter(owner=alice).update(display_name="María 🎉")
    client = as_user(alice)
    client.post(URL, FIELDS)
    pages = [client.get(url) for url in (URL, Message.objects.get().get_absolute_url())]
    for page in (each.content.decode() for each in pages):
        assert "María 🎉 &lt;alice@acme.test&gt;" in page
        assert "=?utf-8" not in page


def test_an_identity_that_cannot_send_yet_says_so_where_it_is_chosen(
    alice: User, as_user: SignIn
) -> None:
    EmailIdentity.objects.create(
        owner=alice, address="sales@acme.test", display_name="Sales"
    )
    page = as_user(alice).get(URL).content.decode()
    assert "Sales &lt;sales@acme.test&gt; (not verified)" in page
    assert "alice@acme.test&gt; (not verified)" not in page


def test_who_chose_no_time_zone_is_told_by_which_clock_mail_leaves(
    alice: User, as_user: SignIn
) -> None:
    client = as_user(alice)
    said = "You have chosen no time zone, so the time is that of UTC"
    page = client.get(URL).content.decode()
    assert f'{said}: <a href="/settings/profile/">choose yours</a>' in page
    User.objects.filter(pk=alice.pk).update(time_zone="Europe/Berlin")
    page = client.get(URL).content.decode()
    assert said not in page
    assert "The time is that of Europe/Berlin" in page


def test_the_recipient_can_be_filled_in_by_a_link(alice: User, as_user: SignIn) -> None:
    page = as_user(alice).get(URL, {"to": 'x"><b>@customer.test'}).content.decode()
    assert 'value="x&quot;&gt;&lt;b&gt;@customer.test"' in page


def test_several_recipients_lead_to_what_is_pending(
    alice: User, as_user: SignIn
) -> None:
    response = as_user(alice).post(URL, {**FIELDS, "to": "a@x.test, b@x.test"})
    assert response["Location"] == "/conversations/pending/"
    assert Message.objects.count() == 2


def test_all_bad_recipients_are_told_at_once(alice: User, as_user: SignIn) -> None:
    response = as_user(alice).post(URL, {**FIELDS, "to": "anna, b@customer.test, <b>@"})
    page = response.content.decode()
    assert "Nothing was sent yet: below stands what has to be changed." in page
    assert "<li>“anna” has no domain" in page
    assert "<li>“&lt;b&gt;@” cannot be read as an address" in page
    assert Delivery.objects.count() == 0


@pytest.mark.parametrize("body", ["", " \n", "<p></p>"])
def test_a_message_that_says_nothing_is_refused(
    alice: User, as_user: SignIn, body: str
) -> None:
    words = {"subject": " ", "body": body, "format": "html" if "<" in body else ""}
    page = as_user(alice).post(URL, {**FIELDS, **words}).content.decode()
    assert "neither a subject nor a text, and was not sent" in page
    assert Delivery.objects.count() == 0


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("subject", "Hello\nBcc: eve@example.com", "one line of plain text"),
        ("subject", "Hello\r\n", "one line of plain text"),
        ("subject", "Hel\x00lo", "control characters"),
        ("subject", "x" * 501, "at most 500 characters"),
        ("body", "a\x00b", "Null characters are not allowed"),
        ("to", "anna@customer.test\nBcc: eve@example.com", "on one line"),
        ("to", "an\x00na@customer.test", "Null characters are not allowed"),
        ("to", "anna", "has no domain"),
        ("to", "anna@", "has no domain"),
        ("to", "", "say here, or on a list, whom it is to"),
        ("to", ",".join(f"p{n}@x.test" for n in range(501)), "501 recipients"),
        ("identity", "999999", "Select a valid choice"),
    ],
)
def test_bad_input_is_refused_with_a_sentence_and_nothing_is_queued(
    alice: User, as_user: SignIn, field: str, value: str, words: str
) -> None:
    response = as_user(alice).post(URL, {**FIELDS, field: value})
    page = response.content.decode()
    assert response.status_code == 200
    assert words in page
    assert "Text." in page or field == "body", "what was written is still there"
    assert Delivery.objects.count() == 0


def test_a_body_of_30_mb_is_refused_with_its_size_and_kept(
    alice: User, as_user: SignIn
) -> None:
    response = as_user(alice).post(URL, {**FIELDS, "body": "x" * 30_000_000})
    page = response.content.decode()
    assert "28.6" in page
    assert "Nothing was sent" in page
    assert "x" * 30_000_000 in page
    assert Delivery.objects.count() == 0


@pytest.mark.parametrize(
    ("to", "wire"),
    [
        ("anna@bücher.example", "anna@xn--bcher-kva.example"),
        ("jürgen@customer.test", "jürgen@customer.test"),
    ],
)
def test_internationalised_addresses_are_taken(
    alice: User, as_user: SignIn, to: str, wire: str
) -> None:
    as_user(alice).post(URL, {**FIELDS, "to": to})
    delivery = Delivery.objects.get()
    assert (delivery.recipient, delivery.recipient_wire) == (to, wire)


@pytest.mark.parametrize("button", ["send", "preview"])
@pytest.mark.parametrize(
    "fields",
    [
        {"to": "{} <anna@customer.test>"},
        {"cc": "{} <bert@customer.test>"},
        {"to": "", "people": "name\temail\n{}\tcarl@customer.test"},
    ],
)
def test_a_name_is_taken_up_to_its_limit_and_refused_in_words_beyond_it(
    alice: User, as_user: SignIn, fields: dict[str, str], button: str
) -> None:
    client = as_user(alice)

    def answer(length: int) -> str:
        named = {name: text.format("Ö" * length) for name, text in fields.items()}
        return client.post(URL, {**FIELDS, **named, button: "1"}).content.decode()

    assert "has 201 characters" in answer(201)
    assert not Message.objects.exists()
    assert "characters" not in answer(200)
    assert Message.objects.exists() == (button == "send")


def test_a_double_click_sends_once(alice: User, as_user: SignIn) -> None:
    client = as_user(alice)
    form = client.get(URL).context["form"]
    fields = {**FIELDS, "submission": str(form.initial["submission"])}
    first, second = client.post(URL, fields), client.post(URL, fields)
    assert first["Location"] == second["Location"]
    assert Message.objects.count() == 1


def test_nobody_writes_as_somebody_else(
    alice: User, charlie: User, as_user: SignIn
) -> None:
    foreign = EmailIdentity.objects.get(owner=charlie)
    response = as_user(alice).post(URL, {**FIELDS, "identity": str(foreign.pk)})
    assert "Select a valid choice" in response.content.decode()
    assert Message.objects.count() == 0


def test_an_unverified_identity_cannot_send(alice: User, as_user: SignIn) -> None:
    EmailIdentity.objects.filter(owner=alice).update(verified_at=None)
    page = as_user(alice).post(URL, FIELDS).content.decode()
    assert "is not verified yet" in page
    assert Message.objects.count() == 0


def test_a_stranger_is_asked_to_sign_in(client: Client, db: None) -> None:
    assert client.get(URL)["Location"].startswith("/accounts/login/")
    assert client.post(URL, FIELDS).status_code == 302
    assert Message.objects.count() == 0


def test_other_methods_are_refused(alice: User, as_user: SignIn) -> None:
    assert as_user(alice).delete(URL).status_code == 405


def test_a_follow_up_goes_to_the_same_person_in_the_same_thread(
    alice: User, as_user: SignIn
) -> None:
    client = as_user(alice)
    client.post(URL, FIELDS)
    first = Message.objects.get()
    form = client.get(URL, {"follows": str(first.uuid)}).context["form"]
    assert form.initial["to"] == "anna@customer.test"
    assert form.initial["subject"] == "Re: Hello"
    client.post(URL, {**FIELDS, "subject": "Re: Hello", "follows": str(first.uuid)})
    second = Message.objects.exclude(pk=first.pk).get()
    assert second.follows == first
    assert second.references == first.message_id
    assert second.conversation == first.conversation


def test_nobody_follows_up_somebody_elses_message(
    alice: User, charlie: User, as_user: SignIn
) -> None:
    as_user(alice).post(URL, FIELDS)
    theirs = Message.objects.get()
    client = as_user(charlie)
    assert (
        "anna@" not in client.get(URL, {"follows": str(theirs.uuid)}).content.decode()
    )
    assert client.get(URL, {"follows": "nonsense"}).status_code == 200
    page = client.post(URL, {**FIELDS, "follows": str(theirs.uuid)})
    assert page.status_code == 200
    assert Message.objects.count() == 1


def test_choosing_another_identity_shows_what_its_recipient_sees(
    alice: User, as_user: SignIn
) -> None:
    other = EmailIdentity.objects.create(
        owner=alice, address="sales@acme.test", display_name="Acme Sales"
    )
    client = as_user(alice)
    page = client.get(URL).context
    assert page["foreseen"].chosen[0].address == "alice@acme.test"
    seen = client.post(SEEN, {"identity": other.pk})
    assert seen.context["foreseen"].chosen[0] == other
    assert b"<html" not in seen.content
    assert b"sales@acme.test is not verified yet" in seen.content
    for refused in (
        client.get(URL, {"identity": "x"}),
        client.post(SEEN, {"identity": "x"}),
    ):
        assert refused.context["foreseen"].chosen[0].address == "alice@acme.test"


CHANGES = [
    {"to": "bert@customer.test"},
    {"to": "Anna <anna@customer.test>"},
    {"cc": "bert@customer.test"},
    {"bcc": "bert@customer.test"},
    {"body": "<p><b>Text.</b></p>", "format": "html"},
    {"send_at": "2099-05-31T14:30"},
]


@pytest.mark.parametrize(
    "change",
    [
        {"to": "anna@customer.test, bert@customer.test"},
        {"body": "Other."},
        *CHANGES,
    ],
)
def test_a_form_that_was_sent_and_changed_is_not_taken_for_the_first(
    alice: User, as_user: SignIn, change: dict[str, str]
) -> None:
    client = as_user(alice)
    submission = str(client.get(URL).context["form"].initial["submission"])
    client.post(URL, {**FIELDS, "submission": submission})
    again = client.post(URL, {**FIELDS, **change, "submission": submission})
    assert "was not sent" in again.content.decode()
    assert Message.objects.count() == 1
    fresh = again.context["form"].data["submission"]
    client.post(URL, {**FIELDS, **change, "submission": fresh})
    assert Message.objects.count() > 1


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_taken_out_of_a_form_that_was_sent_was_sent_with_it(
    alice: User, as_user: SignIn, change: dict[str, str]
) -> None:
    client, fields = as_user(alice), {**FIELDS, "submission": str(uuid4())}
    client.post(URL, {**fields, **change})
    number = Message.objects.count()
    assert "was not sent" in client.post(URL, fields).content.decode()
    assert Message.objects.count() == number


def test_a_file_added_to_a_form_that_was_sent_was_not_sent(
    alice: User, as_user: SignIn
) -> None:
    client, fields = as_user(alice), {**FIELDS, "submission": str(uuid4())}
    client.post(URL, fields)
    file = SimpleUploadedFile("offer.txt", b"100 EUR")
    again = client.post(URL, {**fields, "upload": file})
    assert "was not sent" in again.content.decode()
    assert [each.name for each in again.context["attachments"]] == ["offer.txt"]
    assert not Message.objects.get().attachments.exists()


def test_a_form_sent_from_another_address_is_not_taken_for_the_first(
    alice: User, as_user: SignIn
) -> None:
    EmailIdentity.objects.create(
        owner=alice, address="sales@acme.test", display_name="Sales", verified_at=now()
    )
    client, fields = as_user(alice), {**FIELDS, "submission": str(uuid4())}
    first, second = EmailIdentity.objects.of(alice)
    client.post(URL, {**fields, "identity": first.pk})
    again = client.post(URL, {**fields, "identity": second.pk})
    assert "was not sent" in again.content.decode()
    assert Message.objects.get().from_address == first.address


@pytest.mark.parametrize(
    ("send_at", "put_off"), [("", False), ("", True), ("2099-05-31T14:30", False)]
)
def test_a_form_with_everything_in_it_is_sent_once_until_it_is_changed(
    alice: User, as_user: SignIn, settings: Settings, send_at: str, put_off: bool
) -> None:
    settings.UNDO_SECONDS = 10
    client = as_user(alice)
    fields = {
        "submission": str(uuid4()),
        "to": "Anna <anna@customer.test>, ANNA@customer.test",
        "cc": "Bert <bert@customer.test>, anna@customer.test",
        "bcc": "carl@customer.test",
        "subject": "Hello",
        "body": "<p><b>Text.</b></p>",
        "format": "html",
        "send_at": send_at,
    }

    def sent(**change: str) -> tuple[str, str]:
        file = SimpleUploadedFile("offer.txt", b"100 EUR")
        answer = client.post(URL, {**fields, **change, "upload": file})
        return answer.get("Location", ""), answer.content.decode()

    first = sent()
    assert first[0] == Message.objects.get().get_absolute_url()
    if put_off:
        tomorrow = now() + timedelta(days=1)
        Delivery.objects.update(not_before=tomorrow, waiting_for="its server")
    assert sent() == first
    assert "was not sent" in sent(bcc="carla@customer.test")[1]
    assert Message.objects.count() == 1


@pytest.mark.parametrize("field", ["subject", "to"])
def test_an_encoded_word_cannot_hide_a_header(
    alice: User, as_user: SignIn, field: str
) -> None:
    hidden = "=?utf-8?q?Hello=0d=0aBcc:_eve=40example.com?="
    value = hidden if field == "subject" else f"{hidden} <anna@customer.test>"
    page = as_user(alice).post(URL, {**FIELDS, field: value})
    assert page.status_code == 200
    assert Message.objects.count() == 0


# --- whom it will not reach -------------------------------------------------


def test_a_suppressed_person_is_named_before_sending(
    alice: User, bob: User, as_user: SignIn
) -> None:
    found = suppress_address("nina@customer.test", by=bob, note="")
    client = as_user(alice)
    for page in [
        client.get(URL, {"to": "nina@customer.test"}),
        client.post(URL, {**FIELDS, "to": "Nina@customer.test, anna@customer.test"}),
    ]:
        text = " ".join(page.content.decode().split())
        assert "ina@customer.test</strong> – Added by a manager; suppressed" in text
        assert f'href="{found.get_absolute_url()}"' in text
        assert "does not leave and stands under Failed deliveries" in text
    assert "the other person gets it" in text
    assert "Nothing was sent yet" in text
    assert "Text." in text, "what was written is still there"
    assert Message.objects.count() == 0


@pytest.mark.parametrize(
    ("scope", "of", "identity", "held"),
    [
        (Scope.EVERYTHING, {}, "", True),
        (Scope.TEAM, {"team": "theirs"}, "", True),
        (Scope.TEAM, {"team": "another"}, "", False),
        (Scope.SENDER, {"sender": "alice"}, "", True),
        (Scope.SENDER, {"sender": "bob"}, "", False),
        (Scope.CHANNEL, {"channel": "portal"}, "", True),
        (Scope.CHANNEL, {"channel": "hers"}, "", False),
        (Scope.CHANNEL, {"channel": "hers"}, "by hers", True),
        (Scope.DOMAIN, {"domain": "customer.test"}, "", True),
        (Scope.DOMAIN, {"domain": "elsewhere.test"}, "", False),
        (Scope.SLOWED, {"channel": "portal", "domain": "customer.test"}, "", False),
    ],
)
@pytest.mark.parametrize("written", [False, True])
def test_a_pause_is_told_before_sending_to_whose_mail_would_wait(
    scope: Scope,
    of: dict[str, str],
    identity: str,
    held: bool,
    written: bool,
    alice: User,
    bob: User,
    charlie: User,
    portal_channel: Channel,
    as_user: SignIn,
) -> None:
    hers = Channel.objects.create(kind="smtp", owner=alice)
    by_hers = EmailIdentity.objects.create(
        owner=alice, display_name="A", address="a@acme.test", channel=hers
    )
    things = {"theirs": alice.team, "another": charlie.team, "alice": alice}
    things |= {"bob": bob, "portal": portal_channel, "hers": hers}
    Hold.objects.create(
        scope=scope,
        because="<b>moving house</b>",
        **{name: things.get(key, key) for name, key in of.items()},
    )
    query = {"to": "Anna <anna@CUSTOMER.test>"}
    if identity:
        query["identity"] = str(by_hers.pk)
    client = as_user(alice)
    answer = client.post(SEEN, query) if written else client.get(URL, query)
    page = answer.content.decode()
    assert ("Paused by an admin: &lt;b&gt;moving house" in page) == held
    assert ("until an admin resumes it" in page) == held


def test_a_pause_that_is_over_is_not_told(
    alice: User, portal_channel: Channel, as_user: SignIn
) -> None:
    soon, past = now() + timedelta(hours=1), now() - timedelta(hours=1)
    for because, until in (("moving house", soon), ("moved", past)):
        Hold.objects.create(scope=Scope.EVERYTHING, because=because, until=until)
    page = as_user(alice).get(URL).content.decode()
    assert page.count("Paused by an admin") == 1
    assert "waits until" in page


def test_told_of_it_one_may_send_all_the_same(
    alice: User, bob: User, as_user: SignIn
) -> None:
    found = suppress_address("nina@customer.test", by=bob, note="")
    fields = {**FIELDS, "to": "nina@customer.test, anna@customer.test"}
    response = as_user(alice).post(URL, {**fields, "stopped": str(found.uuid)})
    assert response.status_code == 302
    assert Message.objects.count() == 2, "nobody is dropped"


def test_told_of_one_is_not_told_of_another(
    alice: User, bob: User, as_user: SignIn
) -> None:
    found = suppress_address("nina@customer.test", by=bob, note="")
    block_domain("rival.test", by=bob, note="")
    fields = {**FIELDS, "to": "nina@customer.test, x@eu.rival.test"}
    response = as_user(alice).post(URL, {**fields, "stopped": str(found.uuid)})
    page = response.content.decode()
    assert "your team has blocked rival.test since" in page
    assert "These 2 people will not get it" in page
    assert Message.objects.count() == 0


def test_they_are_named_while_to_is_still_being_written(
    alice: User, bob: User, as_user: SignIn
) -> None:
    suppress_address("nina@customer.test", by=bob, note="")
    to = "nina@customer.test, anna@"
    page = as_user(alice).post(SEEN, {"to": to}).content.decode()
    assert "<strong>nina@customer.test</strong>" in page
    assert 'id="stopped"' in page
    assert 'hx-swap-oob="true"' in page
    assert "<form" not in page, "only the live parts"
    page = as_user(alice).post(SEEN, {"to": "anna@"}).content.decode()
    assert "will not get it" not in page


def a_list(alice: User, bob: User, *, of: int, suppressed: int) -> str:
    for number in range(suppressed):
        suppress_address(f"gone{number:02}@customer.test", by=bob, note="")
    gone = [f"gone{number:02}@customer.test" for number in range(suppressed)]
    return "\n".join(
        [*gone, *(f"p{number}@x.test" for number in range(of - suppressed))]
    )


def test_those_of_a_list_are_named_while_it_is_pasted(
    alice: User, bob: User, as_user: SignIn
) -> None:
    people = a_list(alice, bob, of=1_000, suppressed=21)
    block_domain("rival.test", by=bob, note="")
    half = f"{people}\neve@eu.rival.test\nhalf@"
    page = " ".join(
        as_user(alice).post(SEEN, {"people": half}).content.decode().split()
    )
    assert "These 22 people will not get it" in page
    named, _, others = page.partition("<summary>and 12 more</summary>")
    assert named.count("<li>") == 10
    assert "<strong>gone09@customer.test</strong>" in named
    assert "gone10@customer.test, gone11@customer.test" in others
    assert "eve@eu.rival.test" in others
    assert "the other 979 people get it" in others


def test_it_is_the_same_work_for_a_thousand_people(
    alice: User, bob: User, as_user: SignIn
) -> None:
    people = a_list(alice, bob, of=1_000, suppressed=30)
    client = as_user(alice)
    client.post(SEEN)  # what is looked up once
    with CaptureQueriesContext(connection) as for_one:
        client.post(SEEN, {"people": "gone01@customer.test"})
    with CaptureQueriesContext(connection) as for_many:
        client.post(SEEN, {"people": people})
    assert len(for_many) == len(for_one)


def test_told_of_all_on_a_list_one_may_send_all_the_same(
    alice: User, bob: User, as_user: SignIn
) -> None:
    people = a_list(alice, bob, of=20, suppressed=15)
    client = as_user(alice)
    asked = client.post(URL, {**FIELDS, "to": "", "people": people})
    page = asked.content.decode()
    assert page.count("not everybody can be written to") == 1
    assert Message.objects.count() == 0
    (told_of,) = re.findall(r'name="stopped" value="([^"]*)"', page)
    fields = {**FIELDS, "to": "", "people": people, "stopped": told_of}
    assert client.post(URL, fields).status_code == 302
    assert Message.objects.count() == 20


def test_asking_what_will_be_seen_keeps_and_sends_nothing(
    alice: User, as_user: SignIn
) -> None:
    client = as_user(alice)
    assert client.get(SEEN).status_code == 405
    assert client.post(SEEN, {**FIELDS, "send": "1"}).status_code == 200
    assert (Message.objects.count(), Draft.objects.count()) == (0, 0)


def test_another_teams_suppression_is_nobodys_business(
    alice: User, charlie: User, as_user: SignIn
) -> None:
    suppress_address("anna@customer.test", by=charlie, note="")
    seen = as_user(alice).post(SEEN, {"people": "anna@customer.test"})
    assert "will not get it" not in seen.content.decode()
    assert as_user(alice).post(URL, FIELDS).status_code == 302


def test_any_number_of_addresses_can_be_looked_up(alice: User, as_user: SignIn) -> None:
    to = ",".join(f"p{number}@c{number}.test" for number in range(40_000))
    page = as_user(alice).post(URL, {**FIELDS, "to": to}).content.decode()
    assert "40000 recipients" in page


def test_a_form_whose_answer_was_lost_is_not_said_to_be_unsent(
    alice: User, bob: User, as_user: SignIn
) -> None:
    """Somebody in it has been suppressed since: refused in the very first try, say."""
    client = as_user(alice)
    submission = str(client.get(URL).context["form"].initial["submission"])
    fields = {**FIELDS, "to": "nina@customer.test, anna@customer.test"}
    first = client.post(URL, {**fields, "submission": submission})
    suppress_address("nina@customer.test", by=bob, note="")
    again = client.post(URL, {**fields, "submission": submission})
    assert again["Location"] == first["Location"]
    assert Message.objects.count() == 2


def test_what_is_kept_of_a_form_that_has_gone_is_a_new_one(
    alice: User, as_user: SignIn
) -> None:
    client, submission = as_user(alice), str(uuid4())
    fields = {"submission": submission, "to": "anna@x.test", "subject": "Hello"}
    client.post(URL, {**fields, "body": "Sent."})
    response = client.post(URL, {**fields, "body": "Other words.", "draft": "1"})
    assert response.status_code == 200
    assert "Other words." in response.content.decode()
    assert submission not in response.content.decode()


def test_two_slips_are_told_one_after_the_other_and_not_again(
    alice: User, as_user: SignIn
) -> None:
    fields = {
        "submission": str(uuid4()),
        "to": "anna@x.test",
        "told": ["an earlier one"],
    }
    response = as_user(alice).post(
        URL,
        {**fields, "subject": "Hello", "body": "Text.", "send_at": "2020-01-01T08:00"},
    )
    asked = response.content.decode()
    assert 'name="told" value="an earlier one"' in asked
    assert 'name="told" value="2020-01-01T08:00"' in asked

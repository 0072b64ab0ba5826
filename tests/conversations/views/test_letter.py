"""What goes with a message: formatted text, files, copies, a list of people."""

from __future__ import annotations

from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from channels.transports import OutgoingEmail
from conversations.models import Attachment, Delivery, Message
from conversations.sending.letters import email_for
from deliveryportal.accounts.models import User

SignIn = Callable[[User], Client]
Make = Callable[..., Delivery]

NEW = "/conversations/new/"
FORMATTED = (
    '<p>Hello <strong>Anna</strong>, <a href="https://acme.test/offer">here</a></p>'
    "<ul><li><p>one</p></li></ul><script>alert(1)</script>"
)


@pytest.fixture
def client(alice: User, as_user: SignIn, settings: Settings) -> Client:
    settings.PORTAL_RELAY_URL = "smtp://127.0.0.1:1"  # nothing is sent to it
    return as_user(alice)


def send(client: Client, **fields: object) -> str:
    response = client.post(
        NEW,
        {
            "submission": str(uuid4()),
            "to": "anna@customer.test",
            "subject": "Hello",
            "body": "Text.",
            **fields,
        },
        follow=True,
    )
    return response.content.decode()


def outgoing(delivery: Delivery) -> tuple[OutgoingEmail, EmailMessage]:
    email = email_for(delivery, delivery.channel.open_transport())
    parsed = message_from_bytes(email.content, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    return email, parsed


# --- formatted text -------------------------------------------------------------


def test_formatted_text_goes_out_with_the_plain_text_made_of_it(
    client: Client, alice: User
) -> None:
    alice.identities.update(signature="Alice\nAcme & Sons")
    send(client, body=FORMATTED, format="html")
    _, mail = outgoing(Delivery.objects.get())
    assert mail.get_content_type() == "multipart/alternative"
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text
    assert html
    assert text.get_content().splitlines() == [
        "Hello Anna, here <https://acme.test/offer>",
        "",
        "- one",
        "",
        "-- ",
        "Alice",
        "Acme & Sons",
    ]
    assert "<strong>Anna</strong>" in html.get_content()
    assert "Alice<br>Acme &amp; Sons" in html.get_content()
    assert "script" not in html.get_content()


def test_text_without_formats_goes_out_as_it_was_typed(client: Client) -> None:
    send(client, body="1 < 2 & <b>")
    _, mail = outgoing(Delivery.objects.get())
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().strip() == "1 < 2 & <b>"


def test_a_follow_up_with_formats_stays_in_its_thread(client: Client) -> None:
    send(client)
    first = Message.objects.get()
    send(client, body=FORMATTED, format="html", follows=str(first.uuid))
    _, mail = outgoing(Delivery.objects.latest("pk"))
    assert mail["In-Reply-To"] == mail["References"] == first.message_id


def test_the_page_shows_it_in_a_frame_that_can_do_nothing(client: Client) -> None:
    page = send(client, body=f'{FORMATTED}<img src="https://x.test/p">', format="html")
    message = Message.objects.get()
    address = f"{message.get_absolute_url()}body/"
    assert f'src="{address}"' in page
    assert "<strong>Anna" not in page
    assert "Show the pictures" in page
    framed = client.get(address)
    policy_of_it = framed["Content-Security-Policy"]
    assert "default-src 'none'" in policy_of_it
    assert "img-src data:;" in policy_of_it
    assert "sandbox" in policy_of_it
    assert "allow-scripts" not in policy_of_it
    assert framed["X-Frame-Options"] == "SAMEORIGIN"
    assert b"<strong>Anna</strong>" in framed.content
    asked = client.get(address, {"pictures": ""})
    assert "img-src data: https:" in asked["Content-Security-Policy"]


# --- files ----------------------------------------------------------------------


def test_files_go_out_and_are_downloaded_from_the_page(client: Client) -> None:
    file = SimpleUploadedFile("../Angebot für Anna.html", b"<script>1</script>")
    page = send(client, upload=file)
    attachment = Attachment.objects.get()
    address = f"/conversations/attachments/{attachment.uuid}/"
    assert address in page
    answer = client.get(address)
    assert answer.content == b"<script>1</script>"
    assert answer["Content-Disposition"].startswith("attachment;")
    assert answer["X-Content-Type-Options"] == "nosniff"
    _, mail = outgoing(Delivery.objects.get())
    (part,) = mail.iter_attachments()
    assert part.get_filename() == "Angebot für Anna.html"
    assert part.get_payload(decode=True) == b"<script>1</script>"


def test_a_list_of_people_shares_one_copy_of_a_file(client: Client) -> None:
    send(client, to="a@x.test, b@x.test", upload=SimpleUploadedFile("a.pdf", b"offer"))
    assert Attachment.objects.count() == 1
    for delivery in Delivery.objects.all():
        _, mail = outgoing(delivery)
        assert [part.get_filename() for part in mail.iter_attachments()] == ["a.pdf"]


# --- copies ---------------------------------------------------------------------


def test_each_reader_has_a_delivery_and_a_return_path_of_their_own(
    client: Client,
) -> None:
    page = send(client, cc="Carl <carl@x.test>", bcc="boss@x.test, anna@customer.test")
    mails = [outgoing(each) for each in Delivery.objects.order_by("pk")]
    assert [mail.recipient for mail, _ in mails] == [
        "anna@customer.test",
        "carl@x.test",
        "boss@x.test",
    ]
    assert len({mail.envelope_sender for mail, _ in mails}) == 3
    for _, mail in mails:
        assert (mail["To"], mail["Cc"]) == ("anna@customer.test", "Carl <carl@x.test>")
        assert "boss" not in mail.as_string()
    assert "boss@x.test" in page


def test_copies_of_a_list_are_refused(client: Client) -> None:
    page = send(client, to="a@x.test, b@x.test", bcc="boss@x.test")
    assert "would get every one of them" in page
    assert not Message.objects.exists()


# --- a list of people -------------------------------------------------------------


def test_each_on_the_list_gets_their_own_words(client: Client) -> None:
    send(
        client,
        to="",
        people="email;name;company\na@x.test;Anna;A & B\nb@x.test;Bert;C",
        subject="For {{company}}",
        body="<p>Dear {{first name}} of {{company}}</p>",
        format="html",
    )
    first, second = Message.objects.order_by("pk")
    assert (first.subject, first.body) == ("For A & B", "Dear Anna of A & B")
    assert first.body_html == "<p>Dear Anna of A &amp; B</p>"
    assert second.subject == "For C"
    assert first.conversation.person_name == "Anna"


def test_an_unknown_field_and_a_missing_value_are_named_before_sending(
    client: Client,
) -> None:
    page = send(client, people="Bert <bert@x.test>", body="{{first_name}} {{town}}")
    assert "No “first_name” is known of anna@customer.test" in page
    assert "Nobody has a “town”" in page
    assert "Nothing was sent yet: not every field can be filled in." in page
    assert "What you wrote is kept" in page
    assert not Message.objects.exists()


def test_a_value_cannot_hide_a_header_in_the_subject(client: Client) -> None:
    page = send(
        client, to="", people="email;x\na@x.test;=?utf-8?q?=0d=0a?=", subject="{{x}}"
    )
    assert "For a@x.test" in page
    assert not Message.objects.exists()


def test_every_person_has_a_preview(client: Client) -> None:
    fields = {"to": "Anna <a@x.test>, Bert <b@x.test>", "body": "Dear {{name}}"}
    assert "Dear Anna" in send(client, **fields, preview="1")
    second = send(client, **fields, preview="2")
    assert "Dear Bert" in second
    assert "2 of 2" in second
    assert "2 of 2" in send(client, **fields, preview="99")
    assert not Message.objects.exists()


def test_a_row_that_is_none_is_named_by_its_line(client: Client) -> None:
    page = send(client, people="email;name\nnobody;X")
    assert "Line 2 of the list" in page


# --- who may see it ---------------------------------------------------------------


def test_outsiders_see_neither_text_nor_files(
    client: Client, bob: User, charlie: User, as_user: SignIn
) -> None:
    file = SimpleUploadedFile("a.pdf", b"offer")
    send(client, body=FORMATTED, format="html", upload=file)
    message, attachment = Message.objects.get(), Attachment.objects.get()
    for address in (
        f"{message.get_absolute_url()}body/",
        f"/conversations/attachments/{attachment.uuid}/",
    ):
        assert as_user(bob).get(address).status_code == 200
        assert as_user(charlie).get(address).status_code == 404
        assert Client().get(address).status_code == 302
        assert client.post(address).status_code == 405

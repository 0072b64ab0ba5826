from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils.timezone import now
from pytest_django import Settings

from conversations.models import Attachment, Draft, Message
from conversations.writing.drafting import forget_sent
from deliveryportal.accounts.models import User

SignIn = Callable[[User], Client]

NEW = "/conversations/new/"
SAVE = "/conversations/drafts/save/"
DRAFTS = "/conversations/drafts/"


def undo_in(response: object) -> str:
    [action] = re.findall(r'action="([^"]+/restore/\d+/)"', response.content.decode())  # type: ignore[attr-defined]
    return str(action)


def form(**fields: object) -> dict[str, object]:
    return {"submission": str(uuid4()), "version": "0", "subject": "Hello", **fields}


@pytest.fixture
def draft(alice: User) -> Draft:
    return Draft.objects.create(owner=alice, subject="Hello", to="anna@customer.test")


def test_what_is_typed_is_kept_as_it_stands(alice: User, as_user: SignIn) -> None:
    client = as_user(alice)
    fields = form(to="anna", body="Half a", people="x", send_at="nonsense")
    page = client.post(SAVE, fields).content.decode()
    draft = Draft.objects.get()
    assert str(draft.uuid) == fields["submission"]
    assert (draft.to, draft.body, draft.people) == ("anna", "Half a", "x")
    assert 'name="version" value="1"' in page
    assert "Draft saved at" in page
    client.post(SAVE, {**fields, "version": "1", "body": "Half a word"})
    assert Draft.objects.get().body == "Half a word"


def test_an_empty_form_leaves_no_draft(alice: User, as_user: SignIn) -> None:
    as_user(alice).post(SAVE, form(subject=" "))
    assert not Draft.objects.exists()


@pytest.mark.parametrize("blank", ["<p> </p>", "<p><br></p>"])
def test_formatted_text_that_is_blank_is_no_text(
    alice: User, as_user: SignIn, blank: str
) -> None:
    client, fields = as_user(alice), form(to="anna", body=blank, format="html")
    client.post(SAVE, fields)
    draft = Draft.objects.get()
    assert (draft.body, draft.body_html) == ("", "")
    page = client.post(NEW, {**fields, "version": "1"})
    assert page.context["form"]["body"].value() == ""
    assert page.context["formatted"] == ""


def test_two_tabs_lose_nothing_to_each_other(alice: User, as_user: SignIn) -> None:
    client = as_user(alice)
    fields = form(body="First tab")
    client.post(SAVE, fields)
    client.post(SAVE, {**fields, "version": "1", "body": "First tab, more"})
    page = client.post(SAVE, {**fields, "version": "1", "body": "Second tab"})
    assert b"Another tab has saved this draft" in page.content
    kept = set(Draft.objects.values_list("body", flat=True))
    assert kept == {"First tab, more", "Second tab"}


def test_the_same_words_from_a_page_that_came_back_are_no_second_draft(
    alice: User, as_user: SignIn
) -> None:
    client, fields = as_user(alice), form(to="anna", body="Half a word")
    client.post(SAVE, fields)  # as the page is left
    page = client.post(SAVE, fields).content.decode()  # as it comes back
    assert 'name="version" value="1"' in page
    assert "Another tab" not in page
    client.post(SAVE, {**fields, "upload": SimpleUploadedFile("offer.pdf", b"%PDF")})
    assert Draft.objects.count() == 2


def test_a_draft_is_gone_on_with_in_the_form(
    alice: User, draft: Draft, as_user: SignIn
) -> None:
    client = as_user(alice)
    assert draft.get_absolute_url() in client.get(DRAFTS).content.decode()
    page = client.get(draft.get_absolute_url())
    assert page.context["form"].initial["to"] == "anna@customer.test"
    client.post(NEW, {**form(), "submission": str(draft.uuid), "to": "a@b.test"})
    assert Message.objects.get().submission == draft.uuid


def test_the_button_saves_without_javascript(alice: User, as_user: SignIn) -> None:
    response = as_user(alice).post(NEW, form(draft="1", to="anna"), follow=True)
    assert response.redirect_chain[0][0] == Draft.objects.get().get_absolute_url()
    assert b"Your draft is saved" in response.content


def test_what_could_not_be_sent_is_kept_with_its_files(
    alice: User, as_user: SignIn
) -> None:
    file = SimpleUploadedFile("offer.pdf", b"offer")
    page = as_user(alice).post(NEW, form(to="anna", body="Long text", upload=file))
    assert b"has no domain" in page.content
    assert b"offer.pdf" in page.content
    draft = Draft.objects.get()
    assert (draft.body, draft.attachments.get().name) == ("Long text", "offer.pdf")


def test_files_that_are_too_large_leave_everything_else(
    alice: User, as_user: SignIn, settings: Settings
) -> None:
    settings.MAX_ATTACHMENT_BYTES = 4
    fields = form(to="anna@customer.test", body="Long text")
    file = SimpleUploadedFile("offer.pdf", b"offer")
    page = as_user(alice).post(NEW, {**fields, "upload": file})
    assert b"They were not added, everything else stands as it was" in page.content
    assert b"Long text" in page.content
    assert not Message.objects.exists()
    saved = as_user(alice).post(
        SAVE, {**fields, "version": "1", "upload": SimpleUploadedFile("a", b"offer")}
    )
    assert b"They were not added" in saved.content
    assert Draft.objects.get().body == "Long text"


def test_so_do_files_that_are_too_many(alice: User, as_user: SignIn) -> None:
    files = [SimpleUploadedFile(f"{number}.txt", b"a") for number in range(101)]
    fields = form(to="anna@customer.test", body="Long text")
    page = as_user(alice).post(NEW, {**fields, "upload": files})
    assert b"These are 101 files; a message carries at most 100" in page.content
    assert b"Long text" in page.content
    assert not Message.objects.exists()


def test_a_file_that_was_refused_while_writing_holds_the_mail_back_once(
    alice: User, as_user: SignIn, settings: Settings
) -> None:
    settings.MAX_ATTACHMENT_BYTES = 4
    client, fields = as_user(alice), form(to="anna@customer.test", body="See the file")
    upload = SimpleUploadedFile("offer.pdf", b"offer")
    refused = '<input type="hidden" name="refused" value="1">'
    saved = client.post(SAVE, {**fields, "upload": upload}).content.decode()
    assert refused in saved
    asked = client.post(NEW, {**fields, "version": "1", "refused": "1"})
    assert "nothing was sent yet" in asked.content.decode()
    assert refused not in asked.content.decode()
    assert not Message.objects.exists()
    client.post(NEW, {**fields, "version": "2"})
    assert Message.objects.count() == 1


def test_what_was_refused_is_remembered_until_it_is_told(
    alice: User, as_user: SignIn
) -> None:
    fields = form(to="anna@customer.test", body="See the file", refused="1")
    page = as_user(alice).post(NEW, {**fields, "preview": "1"}).content.decode()
    assert "The files you chose last were not added." in page
    assert 'name="refused"' in page


def test_a_file_that_was_added_after_all_holds_nothing_back(
    alice: User, as_user: SignIn
) -> None:
    fields = form(to="anna@customer.test", refused="1")
    upload = SimpleUploadedFile("small.pdf", b"offer")
    saved = as_user(alice).post(SAVE, {**fields, "upload": upload}).content.decode()
    assert "small.pdf" in saved
    assert 'name="refused"' not in saved


def test_a_file_without_a_word_is_sent_once_that_is_what_is_meant(
    alice: User, as_user: SignIn
) -> None:
    client = as_user(alice)
    fields = form(to="anna@customer.test", subject="", body="")
    upload = SimpleUploadedFile("offer.pdf", b"offer")
    asked = client.post(NEW, {**fields, "upload": upload}).content.decode()
    assert "there is a file, and neither a subject nor a text" in asked
    assert 'name="told" value="no words"' in asked
    assert not Message.objects.exists()
    attached = {"attached": str(Attachment.objects.get().uuid), "version": "1"}
    client.post(NEW, {**fields, **attached, "told": "no words"})
    assert Message.objects.get().attachments.get().name == "offer.pdf"


def test_a_draft_that_has_been_sent_leads_to_what_became_of_it(
    alice: User, bob: User, as_user: SignIn
) -> None:
    client = as_user(alice)
    fields = form(to="anna@customer.test")
    client.post(SAVE, fields)
    draft = Draft.objects.get().get_absolute_url()
    assert "no-store" in client.get(draft)["Cache-Control"]
    client.post(NEW, {**fields, "version": "1"})
    assert client.get(draft)["Location"] == Message.objects.get().get_absolute_url()
    assert as_user(bob).get(draft).status_code == 404


def test_two_lines_for_one_person_that_differ_are_told_before_the_first_is_sent(
    alice: User, as_user: SignIn
) -> None:
    client = as_user(alice)
    people = "email;town\nanna@x.test;Rome\nanna@x.test;Paris"
    fields = form(to="", people=people, body="In {{town}}")
    asked = client.post(NEW, fields).content.decode()
    assert "several lines for anna@x.test that do not say the same" in asked
    assert not Message.objects.exists()
    client.post(NEW, {**fields, "version": "1", "told": "twice"})
    assert Message.objects.get().body == "In Rome"


def test_a_link_that_cannot_go_along_is_told_before_its_words_go_alone(
    alice: User, as_user: SignIn
) -> None:
    client = as_user(alice)
    body = '<p>See <a href="ftp://files.acme.test/<b>">our files</a></p>'
    fields = form(to="anna@customer.test", body=body, format="html")
    asked = client.post(NEW, fields).content.decode()
    assert (
        "the link to “ftp://files.acme.test/&lt;b&gt;” is taken off its words" in asked
    )
    assert 'name="told" value="ftp://files.acme.test/&lt;b&gt;"' in asked
    assert not Message.objects.exists()
    told = {"version": "1", "told": "ftp://files.acme.test/<b>"}
    client.post(NEW, {**fields, **told})
    assert Message.objects.get().body == "See our files"


def test_a_file_is_removed_again(alice: User, as_user: SignIn) -> None:
    client = as_user(alice)
    fields = form(to="anna@customer.test")
    client.post(SAVE, {**fields, "upload": SimpleUploadedFile("a.pdf", b"a")})
    one = Attachment.objects.get()
    page = client.post(
        NEW, {**fields, "version": "1", "attached": str(one.uuid), "remove": one.uuid}
    )
    assert b"a.pdf" not in page.content
    assert not Draft.objects.get().attachments.exists()


def test_nobody_attaches_somebody_elses_file(
    alice: User, charlie: User, as_user: SignIn
) -> None:
    as_user(alice).post(SAVE, form(upload=SimpleUploadedFile("a.pdf", b"a")))
    theirs = str(Attachment.objects.get().uuid)
    as_user(charlie).post(NEW, form(to="x@y.test", attached=[theirs, "nonsense"]))
    assert not Message.objects.get(sender=charlie).attachments.exists()


def test_saving_after_sending_does_not_bring_a_draft_back(
    alice: User, as_user: SignIn
) -> None:
    client = as_user(alice)
    fields = form(to="anna@customer.test")
    client.post(NEW, fields)
    assert client.post(SAVE, {**fields, "body": "late"}).status_code == 204
    assert not Draft.objects.exists()


def test_deleting_a_draft_deletes_the_files_nothing_else_needs(
    alice: User, draft: Draft, as_user: SignIn
) -> None:
    draft.attachments.create(
        owner=alice, name="a", content=b"a", size=1, digest="0", content_type="x"
    )
    as_user(alice).post(f"{draft.get_absolute_url()}delete/")
    forget_sent(now() + timedelta(days=2))
    assert not Draft.objects.exists()
    assert not Attachment.objects.exists()


def test_a_draft_deleted_by_a_slip_is_had_back(
    alice: User, bob: User, draft: Draft, as_user: SignIn
) -> None:
    client = as_user(alice)
    deleted = client.post(f"{draft.get_absolute_url()}delete/", follow=True)
    assert not Draft.objects.of(alice).exists()
    assert client.get(draft.get_absolute_url()).status_code == 404
    undo = undo_in(deleted)
    assert as_user(bob).post(undo).status_code == 404
    back = client.post(undo, follow=True)
    assert back.redirect_chain[-1][0] == draft.get_absolute_url()
    assert Draft.objects.of(alice).get() == draft


def test_what_is_typed_on_in_another_tab_outlives_the_draft_deleted_here(
    alice: User, draft: Draft, as_user: SignIn
) -> None:
    client = as_user(alice)
    client.post(f"{draft.get_absolute_url()}delete/")
    fields = {"submission": str(draft.uuid), "version": "1", "subject": "Hello Anna"}
    assert "a draft of its own" in client.post(SAVE, fields).content.decode()
    kept = Draft.objects.of(alice).get()
    assert (kept.subject, kept.uuid == draft.uuid) == ("Hello Anna", False)


def test_what_was_sent_is_not_had_back_as_a_draft(
    alice: User, draft: Draft, as_user: SignIn
) -> None:
    client = as_user(alice)
    undo = undo_in(client.post(f"{draft.get_absolute_url()}delete/", follow=True))
    until = Draft.objects.get().forget_at
    fields = {"submission": str(draft.uuid), "version": "1", "subject": "Hello"}
    client.post(draft.get_absolute_url(), {**fields, "to": "anna@customer.test"})
    assert Message.objects.exists()
    Draft.objects.update(forget_at=until)
    assert client.post(undo).status_code == 404
    assert not Draft.objects.of(alice).exists()


def test_a_sent_draft_is_forgotten_after_its_time(draft: Draft) -> None:
    Draft.objects.update(forget_at=now())
    forget_sent(now())
    assert not Draft.objects.exists()


def test_a_draft_is_nobody_elses_business(
    bob: User, charlie: User, draft: Draft, as_user: SignIn
) -> None:
    for other in (bob, charlie):
        client = as_user(other)
        assert client.get(draft.get_absolute_url()).status_code == 404
        assert client.post(f"{draft.get_absolute_url()}delete/").status_code == 404
        assert b"Hello" not in client.get(DRAFTS).content
        client.post(SAVE, {**form(body="x"), "submission": str(draft.uuid)})
    assert Draft.objects.get(owner=draft.owner).subject == "Hello"


def test_wrong_methods_are_refused(alice: User, draft: Draft, as_user: SignIn) -> None:
    client = as_user(alice)
    assert client.get(SAVE).status_code == 405
    assert client.get(f"{draft.get_absolute_url()}delete/").status_code == 405
    assert client.put(draft.get_absolute_url()).status_code == 405

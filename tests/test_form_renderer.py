"""After errors a page begins where the first of them stands."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from deliveryportal.accounts.models import User


def begins_at(page: bytes) -> list[str]:
    """The fields that ask for the focus; of a notice its class."""
    tags = re.findall(
        r"<(?:input|textarea|select|div)[^>]*\sautofocus\b[^>]*>", page.decode()
    )
    found = [
        re.search(r'\bname="(\w+)"', tag) or re.search(r'class="([^"]+)"', tag)
        for tag in tags
    ]
    return [each[1] for each in found if each]


@pytest.mark.django_db
def test_a_form_begins_at_its_first_error(client: Client) -> None:
    assert begins_at(client.get("/accounts/signup/").content) == ["name"]
    form = {"name": "Ann", "email": "nobody", "password1": "short"}
    page = client.post("/accounts/signup/", form).content
    assert begins_at(page) == ["email"]


def test_what_is_wrong_as_a_whole_comes_before_the_fields(
    client: Client, bob: User
) -> None:
    page = client.post(
        "/accounts/login/", {"login": bob.email, "password": "wrong"}
    ).content
    assert begins_at(page) == ["notice notice--bad"]


def test_a_form_without_errors_takes_no_focus(
    as_user: Callable[[User], Client], bob: User
) -> None:
    assert begins_at(as_user(bob).get("/conversations/new/").content) == []


def test_a_text_that_is_too_long_and_a_file_that_is_too_large_are_begun_at(
    as_user: Callable[[User], Client], bob: User, settings: Settings
) -> None:
    settings.MAX_MESSAGE_BYTES, settings.MAX_ATTACHMENT_BYTES = 100, 10
    client, words = as_user(bob), {"to": "anna@customer.test", "subject": "Hello"}
    form = {**words, "body": "x" * 101}
    assert begins_at(client.post("/conversations/new/", form).content) == ["body"]
    upload = SimpleUploadedFile("a.txt", b"x" * 11)
    page = client.post("/conversations/new/", {**words, "upload": upload}).content
    assert begins_at(page) == ["upload"]

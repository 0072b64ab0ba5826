from __future__ import annotations

import logging

import pytest

from channels.return_path import new_token, return_path
from deliveryportal.practice.filing import file_mail
from deliveryportal.practice.models import PracticeMail
from tests.practice.conftest import LETTER

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_practice")]

LINK = "http://127.0.0.1:8000/accounts/password/reset/key/1-abc/"
RESET = LETTER + b"\r\n" + LINK.encode() + b"\r\n"


def test_account_mail_is_filed_without_a_token() -> None:
    file_mail(
        sender="portal@portal.test", recipients=["alice@acme.test"], content=RESET
    )

    assert PracticeMail.objects.get().return_token == ""


def test_account_mail_is_shown_in_the_log_for_who_is_signed_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, logger="deliveryportal.practice"):
        file_mail(
            sender="portal@portal.test", recipients=["alice@acme.test"], content=RESET
        )

    # A line of its own, with nothing behind it: it can be copied.
    assert f"Account mail to alice@acme.test: {LINK}" in caplog.messages


def test_mail_of_a_delivery_is_not_shown_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, logger="deliveryportal.practice"):
        file_mail(
            sender=return_path(new_token(), "bounce.portal.test"),
            recipients=["anna@customer.test"],
            content=LETTER,
        )

    assert not caplog.messages


def test_hostile_headers_are_filed_in_what_a_row_holds() -> None:
    file_mail(
        sender="eve@evil.test",
        recipients=["anna@customer.test"],
        content=b"Subject: \x00\xff" + b"long " * 500 + b"\r\n\r\n",
    )

    mail = PracticeMail.objects.get()
    assert "\0" not in mail.header_subject
    assert len(mail.header_subject) == 500

"""Mail without a valid return path changes no delivery, and the admin gets to see it."""

from __future__ import annotations

import smtplib
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from channels.return_path import new_token, return_path, tokens_in
from conversations.bounces import recording
from conversations.bounces.addresses import STRAY
from conversations.bounces.dsn import read_reports
from conversations.bounces.receiver import BounceReceiver
from conversations.bounces.receiving import receive_report
from conversations.bounces.recording import record_report
from conversations.models import Delivery, DeliveryEvent, Report
from conversations.models.state import State
from conversations.sweeping import sweep
from deliveryportal.accounts.models import User
from tests.conftest import PASSWORD
from tests.conversations.bounces.conftest import BOUNCE, Start, bring, mail

DOMAIN = settings.BOUNCE_DOMAIN
CHANGELIST = reverse("admin:conversations_report_changelist")
HOSTILE = b"<script>alert(1)</script>"
A_MAIL_OF_EACH_KIND = [
    "unknown_user",
    "complaint",
    "delivered",
    "still_trying",
    "vacation",
]


def come(raw: bytes, token: str = STRAY) -> Report:
    report = receive_report(token, raw, "smtp")
    record_report(report.pk)
    report.refresh_from_db()
    return report


@pytest.fixture
def operator(db: None, as_user: Callable[[User], Client]) -> Client:
    return as_user(User.objects.create_superuser("op@portal.test", PASSWORD))


@pytest.mark.parametrize("role", ["postmaster", "ABUSE", "fbl"])
def test_mail_to_an_agreed_address_is_taken(
    receiver: BounceReceiver, delivery: Delivery, role: str
) -> None:
    bring(receiver, f"{role}@{DOMAIN}")
    assert Report.objects.strays().get().source == "smtp"


@pytest.mark.parametrize("local_part", ["b123", "b" + "0" * 32, "info"])
def test_what_a_local_server_has_taken_is_not_refused(
    start_receiver: Start, delivery: Delivery, local_part: str
) -> None:
    """It would bounce a bounce, and nobody would see it."""
    with smtplib.LMTP(*start_receiver("lmtp").address) as mta:
        mta.sendmail("<>", [f"{local_part}@{DOMAIN}"], BOUNCE)
    assert Report.objects.strays().get().source == "lmtp"


def test_other_domains_mail_is_refused_by_lmtp_too(
    start_receiver: Start, delivery: Delivery
) -> None:
    with (
        smtplib.LMTP(*start_receiver("lmtp").address) as mta,
        pytest.raises(smtplib.SMTPRecipientsRefused),
    ):
        mta.sendmail("<>", ["postmaster@elsewhere.test"], BOUNCE)


@pytest.mark.parametrize("name", A_MAIL_OF_EACH_KIND)
@pytest.mark.parametrize("token", [STRAY, "0" * 32], ids=["none", "forged"])
def test_without_a_valid_token_nothing_changes(
    delivery: Delivery, name: str, token: str
) -> None:
    report = come(mail(name), token)
    assert report.state == Report.State.READ
    assert report.delivery is None
    delivery.refresh_from_db()
    assert delivery.state == State.ACCEPTED
    assert not DeliveryEvent.objects.exists()


def looped(path: str) -> bytes:
    """A complaint as a feedback loop sends it: the return path is only inside."""
    return mail("complaint").replace(
        b"Message-ID: <6f1d2c3b@portal.test>",
        f"Return-Path: <{path}>\nMessage-ID: <6f1d2c3b@portal.test>".encode(),
    )


def test_a_feedback_loops_complaint_finds_its_delivery(
    delivery: Delivery, path: str
) -> None:
    report = come(looped(path))
    assert report.delivery == delivery
    delivery.refresh_from_db()
    assert delivery.state == State.COMPLAINED


def test_a_forged_token_inside_changes_nothing(delivery: Delivery) -> None:
    assert come(looped(return_path(new_token(), DOMAIN))).delivery is None


def test_of_two_deliveries_inside_none_is_meant(
    delivery: Delivery, path: str, make_delivery: Callable[..., Delivery]
) -> None:
    other = make_delivery(delivery.sender, state=State.ACCEPTED)
    raw = looped(path) + return_path(other.return_token, DOMAIN).encode()
    assert come(raw).delivery is None


def test_only_a_complaint_is_looked_into(delivery: Delivery, path: str) -> None:
    raw = mail("unknown_user") + f"\nReturn-Path: <{path}>\n".encode()
    assert come(raw).delivery is None
    delivery.refresh_from_db()
    assert delivery.state == State.ACCEPTED


def test_tokens_are_found_in_any_text() -> None:
    token = "0123456789abcdef" * 2
    assert tokens_in(f"<B{token.upper()}@{DOMAIN}>, x", DOMAIN) == {token}
    assert tokens_in(f"b{token}@{DOMAIN}.", DOMAIN) == {token}
    assert not tokens_in(f"b{token}@{DOMAIN}.evil.test", DOMAIN)
    assert not tokens_in(f"ab{token}@{DOMAIN} b{token}0@{DOMAIN}", DOMAIN)


def test_the_admin_has_a_list_of_them_with_a_count(
    operator: Client, delivery: Delivery
) -> None:
    ours = come(mail("unknown_user"), delivery.return_token)
    stray = come(mail("mailbox_full").replace(b"nina@", HOSTILE + b"@"))
    assert stray.delivery is None
    page = operator.get(CHANGELIST, {"matched": "stray"}).content.decode()
    assert "Reports without a delivery" in page
    assert "Unread reports" in page
    assert f"/{stray.pk}/change/" in page
    assert f"/{ours.pk}/change/" not in page
    assert HOSTILE.decode() not in page


@pytest.fixture
def unreadable(delivery: Delivery, monkeypatch: pytest.MonkeyPatch) -> Report:
    def stumble(raw: bytes) -> None:
        raise ArithmeticError

    to = return_path(delivery.return_token, DOMAIN).encode()
    raw = b"To: " + to + b"\r\n" + mail("unknown_user") + HOSTILE
    monkeypatch.setattr(recording, "read_reports", stumble)
    report = come(raw, delivery.return_token)
    monkeypatch.setattr(recording, "read_reports", read_reports)
    return report


def test_an_unread_report_is_listed_and_read_again(
    operator: Client, delivery: Delivery, unreadable: Report
) -> None:
    page = operator.get(CHANGELIST, {"state__exact": "unreadable"}).content.decode()
    assert f"/{unreadable.pk}/change/" in page

    again = {"action": "read_again", "_selected_action": [unreadable.pk]}
    response = operator.post(CHANGELIST, again, follow=True)
    assert "1 will be read again" in response.content.decode()
    record_report(unreadable.pk)  # as the sweeper has it done
    delivery.refresh_from_db()
    assert delivery.state == State.BOUNCED


def test_what_led_to_something_is_not_read_again(
    operator: Client, delivery: Delivery
) -> None:
    report = come(mail("unknown_user"), delivery.return_token)
    operator.post(CHANGELIST, {"action": "read_again", "_selected_action": [report.pk]})
    report.refresh_from_db()
    assert report.state == Report.State.READ


def test_the_raw_mail_is_a_download_without_the_secret(
    operator: Client, delivery: Delivery, unreadable: Report
) -> None:
    page = operator.get(
        reverse("admin:conversations_report_change", args=[unreadable.pk])
    ).content.decode()
    url = reverse("admin:conversations_report_download", args=[unreadable.pk])
    assert f'href="{url}"' in page
    response = operator.get(url)
    assert response["Content-Type"] == "application/octet-stream"
    assert "attachment" in response["Content-Disposition"]
    assert b"To: b" + b"0" * 32 + b"@" in response.content
    assert delivery.return_token.encode() not in response.content
    assert len(response.content) == len(unreadable.raw)


def test_the_download_is_the_admins_only(
    unreadable: Report,
    alice: User,
    bob: User,
    charlie: User,
    as_user: Callable[[User], Client],
) -> None:
    url = reverse("admin:conversations_report_download", args=[unreadable.pk])
    for user in (alice, bob, charlie):
        assert as_user(user).get(url).status_code == 302
    assert "/login/" in Client().get(url)["Location"]


def test_strays_go_after_a_month_and_nothing_else_does(delivery: Delivery) -> None:
    ours = come(mail("unknown_user"), delivery.return_token)
    come(mail("mailbox_full"))
    sweep()
    assert Report.objects.count() == 2
    Report.objects.update(received_at=now() - timedelta(days=31))
    sweep()
    assert Report.objects.get() == ours

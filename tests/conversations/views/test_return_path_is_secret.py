"""A server's words often repeat the return path, by which a bounce can be forged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse, StreamingHttpResponse
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from channels.return_path import MASK, return_path
from conversations.bounces.receiving import receive_report
from conversations.bounces.recording import record_report
from conversations.models import Delivery, Report, Suppression
from conversations.models.state import State
from conversations.watching.alerting import Refusal, raise_alerts
from deliveryportal.accounts.models import User
from tests.conftest import PASSWORD
from tests.conversations.bounces.conftest import mail

SignIn = Callable[[User], Client]


@pytest.fixture
def bounced(alice: User, make_delivery: Callable[..., Delivery]) -> Delivery:
    """Refused by a server that says everything twice."""
    delivery = make_delivery(alice, "nina@customer.test", state=State.ACCEPTED)
    path = return_path(delivery.return_token, "bounce.portal.test")
    words = f"User unknown. Sender was <{path}>".encode()
    raw = mail("unknown_user").replace(b"User unknown in virtual mailbox table", words)
    raw = raw.replace(
        b"To: b0123456789abcdef0123456789abcdef@bounce.portal.test",
        f"To: {path}".encode(),
    )
    record_report(receive_report(delivery.return_token, raw, "smtp").pk)
    raise_alerts([Refusal(delivery, "sender_blocked", words.decode(), now())])
    return delivery


def content(response: Any) -> str:
    if isinstance(response, StreamingHttpResponse):
        return b"".join(response.streaming_content).decode()  # type: ignore[arg-type]
    assert isinstance(response, HttpResponse)
    return response.content.decode()


PAGES: dict[str, Callable[[Delivery], str]] = {
    "list, with its alerts": lambda _: "/conversations/failed/",
    "timeline": lambda delivery: delivery.message.get_absolute_url(),
    "CSV file": lambda _: "/conversations/export.csv?everything=1",
    "suppression": lambda _: Suppression.objects.get().get_absolute_url(),
}


@pytest.mark.parametrize("page", PAGES)
def test_members_and_managers_read_the_words_without_it(
    bounced: Delivery, bob: User, as_user: SignIn, page: str
) -> None:
    for user in (bounced.sender, bob):
        shown = content(as_user(user).get(PAGES[page](bounced)))
        assert "Sender was" in shown
        assert MASK in shown
        assert bounced.return_token not in shown


def test_nor_does_the_raw_report_tell_it(bounced: Delivery, as_user: SignIn) -> None:
    url = f"/conversations/reports/{Report.objects.get().uuid}.eml"
    shown = content(as_user(bounced.sender).get(url))
    assert "Sender was" in shown
    assert bounced.return_token not in shown


@pytest.mark.parametrize(
    "model", ["delivery", "deliveryevent", "report", "evidence", "suppression", "alert"]
)
def test_nor_do_admins_read_it(bounced: Delivery, as_user: SignIn, model: str) -> None:
    admin = User.objects.create_superuser("root@portal.test", PASSWORD)
    shown = content(
        as_user(admin).get(reverse(f"admin:conversations_{model}_changelist"))
    )
    assert bounced.return_token not in shown


def test_the_database_keeps_the_words_as_they_came(bounced: Delivery) -> None:
    kept = Delivery.objects.filter(remote_words__contains=bounced.return_token)
    assert kept.exists()

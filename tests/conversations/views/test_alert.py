from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from conversations.models import Alert
from deliveryportal.accounts.models import User
from tests.conftest import PASSWORD

SignIn = Callable[[User], Client]
FAILED = "/conversations/failed/"
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def alert(bob: User) -> Alert:
    return Alert.objects.create(
        team=bob.team,
        reason="sender_blocked",
        remote=f"bigco.test{HOSTILE}",
        number=31,
        since=now(),
        latest=now(),
        last_words=f"550 5.7.1 blocked {HOSTILE}",
    )


def url(alert: Alert) -> str:
    return reverse("conversations:close-alert", args=[alert.uuid])


def test_a_manager_sees_how_many_mails_since_when_and_what_was_said(
    alert: Alert, bob: User, as_user: SignIn
) -> None:
    for part in ({}, {"HX-Request": "true"}):
        page = as_user(bob).get(FAILED, headers=part).content.decode()
        assert "blocks our server or domain" in page
        assert "Refused by the mail servers of bigco.test" in page
        assert "31 mails since" in page
        assert "550 5.7.1 blocked" in page
        assert "Who should act: your admin." in page
        assert HOSTILE not in page


@pytest.mark.parametrize("page", [FAILED, "/conversations/overview/"])
def test_the_worst_stands_open_and_the_others_are_folded(
    alert: Alert, bob: User, as_user: SignIn, page: str
) -> None:
    for number, remote in ((2, "small.test"), (40, "worst.test")):
        Alert.objects.create(
            team=bob.team,
            reason="auth_failed",
            remote=remote,
            number=number,
            since=now(),
            latest=now(),
        )
    shown, _, folded = (
        as_user(bob).get(page).content.decode().partition('id="alerts-more"')
    )
    assert "worst.test" in shown
    assert "2 more that refuse your mail" in folded
    assert "31 mails since" in folded
    assert "31 mails since" not in shown
    assert "small.test" in folded


@pytest.mark.parametrize("tab", ["sent", "pending"])
def test_it_stands_beside_the_failures_only(
    alert: Alert, bob: User, as_user: SignIn, tab: str
) -> None:
    page = as_user(bob).get(f"/conversations/{tab}/").content.decode()
    assert "bigco.test" not in page


def test_members_and_other_teams_do_not_see_it(
    alert: Alert, alice: User, charlie: User, as_user: SignIn
) -> None:
    for user in (alice, charlie):
        assert "bigco.test" not in as_user(user).get(FAILED).content.decode()


def test_a_manager_closes_it(alert: Alert, bob: User, as_user: SignIn) -> None:
    client = as_user(bob)
    response = client.post(url(alert), follow=True)
    page = response.content.decode()
    assert "Closed: bigco.test" in page
    assert "31 mails" not in page
    alert.refresh_from_db()
    assert alert.closed_by == bob
    assert alert.closed_at is not None
    assert "was closed already" in client.post(url(alert), follow=True).content.decode()


def test_nobody_else_closes_it(
    alert: Alert, alice: User, bob: User, charlie: User, as_user: SignIn
) -> None:
    assert as_user(alice).post(url(alert)).status_code == 403
    assert as_user(charlie).post(url(alert)).status_code == 404
    assert as_user(bob).get(url(alert)).status_code == 405
    assert "/login/" in Client().post(url(alert))["Location"]
    alert.refresh_from_db()
    assert alert.closed_at is None


def test_an_admin_lists_and_closes_it(alert: Alert, as_user: SignIn) -> None:
    operator = User.objects.create_superuser("op@portal.test", PASSWORD)
    changelist = reverse("admin:conversations_alert_changelist")
    client = as_user(operator)
    page = client.get(changelist, {"standing": "open"}).content.decode()
    assert "Our server or domain is blocked" in page
    assert HOSTILE not in page
    client.post(changelist, {"action": "close", "_selected_action": [alert.pk]})
    alert.refresh_from_db()
    assert alert.closed_by == operator

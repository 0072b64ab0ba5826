"""A person connects Gmail to the running portal, loses the grant, and mends it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from tests.peers.google import ALICE, CLIENT_ID, CLIENT_SECRET, Google, require_google
from tests.portal import Portal, wait_until

pytestmark = [pytest.mark.google, pytest.mark.processes]


@pytest.fixture
def google() -> Iterator[Google]:
    require_google()
    with Google() as google:
        yield google


@pytest.fixture
def portal(tmp_path: Path, google: Google) -> Iterator[Portal]:
    with Portal(
        tmp_path,
        GOOGLE_BASE=google.url,
        GOOGLE_CLIENT_ID=CLIENT_ID,
        GOOGLE_CLIENT_SECRET=CLIENT_SECRET,
    ) as portal:
        google.allow_redirect(f"{portal.url}/accounts/google/login/callback/")
        yield portal


def connect(portal: Portal, google: Google) -> str:
    """Press the button, agree as Alice, come back; return the page then shown."""
    consent = portal.press(
        "/settings/channel/", "/accounts/google/login/?process=connect"
    )
    back = google.consent(consent, ALICE)
    return unescape(portal.get(back.removeprefix(portal.url)))


def test_mail_leaves_by_gmail_waits_without_it_and_goes_on_by_itself(
    portal: Portal, google: Google
) -> None:
    portal.sign_up()
    assert f"Gmail is connected as {ALICE}." in connect(portal, google)

    portal.write("anna@customer.test", "First")
    wait_until(lambda: portal.count("accepted") == 1)
    (first,) = google.sent(ALICE)
    assert first.message["From"] == f"Alice Acme <{ALICE}>"
    assert portal.rows(
        "SELECT remote_id, remote_thread FROM conversations_delivery"
    ) == [(first.id, first.thread)]

    google.revoke_grants()
    portal.write("anna@customer.test", "Second")
    wait_until(lambda: "stopped working" in portal.get("/conversations/sent/"))
    page = unescape(portal.get("/conversations/sent/"))
    assert "The permission was taken back, or it has expired." in page
    assert portal.count("queued") == 1
    assert len(google.sent(ALICE)) == 1

    connect(portal, google)
    wait_until(lambda: portal.count("accepted") == 2)
    assert [mail.message["Subject"] for mail in google.sent(ALICE)] == [
        "First",
        "Second",
    ]
    assert "stopped working" not in portal.get("/conversations/sent/")
    assert not re.search(r"google_(refresh_)?[\w-]{20}", portal.log.read_text())

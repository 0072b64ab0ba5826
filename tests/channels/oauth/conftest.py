from __future__ import annotations

from collections.abc import Callable
from html import unescape

import pytest
from django.test import Client

from deliveryportal.accounts.models import User
from tests.peers.google import Google

BEGIN = "/accounts/google/login/?process=connect"
CALLBACK = "/accounts/google/login/callback/"


class Browser:
    """A signed-in person who goes to Google and comes back."""

    def __init__(self, client: Client, google: Google) -> None:
        self.client = client
        self.google = google

    def ask(self) -> str:
        """Press the button; return the consent page it leads to."""
        return self.client.post(BEGIN)["Location"]

    def agree(self, address: str) -> str:
        """Agree as `address`; return where Google leads back to."""
        back = self.google.consent(self.ask(), address)
        return back.removeprefix("http://testserver")

    def connect(self, address: str) -> str:
        """Go there and back; return the page that is shown then."""
        return self.come_back(self.agree(address))

    def come_back(self, path: str) -> str:
        answer = self.client.get(path)
        assert answer.status_code == 302, answer
        assert answer["Location"] == "/settings/channel/"
        return unescape(self.client.get("/settings/channel/").content.decode())


@pytest.fixture
def browser(
    as_user: Callable[[User], Client], google: Google
) -> Callable[[User], Browser]:
    return lambda user: Browser(as_user(user), google)

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from deliveryportal.accounts.inviting import invite
from deliveryportal.accounts.models import User


@pytest.fixture(autouse=True)
def _fresh_rate_limits() -> None:
    cache.clear()


@pytest.fixture
def production(settings: Settings) -> None:
    settings.PRACTICE = False
    settings.SIGNUP = "invitation"
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"


@pytest.fixture
def invited(bob: User) -> str:
    """The path of the link by which dora may join bob's team."""
    return f"/accounts/invitations/{invite(manager=bob, email='dora@acme.test')}/"


@pytest.fixture
def sign_up() -> Callable[..., bytes]:
    """Fill in the sign-up form as the page shows it; return the answer's text."""

    def fill_in(client: Client, **fields: str) -> bytes:
        form = {
            "name": "Dora Diaz",
            "email": "dora@acme.test",
            "password1": "correct horse battery staple",
        }
        response = client.post("/accounts/signup/", form | fields)
        return bytes(response.content)

    return fill_in


@pytest.fixture
def path_in() -> Callable[[str, str], str]:
    """The path of the one link in a mail's text that starts with `start`."""

    def find(text: str, start: str) -> str:
        links = [word for word in text.split() if word.startswith("http")]
        [path] = [p for p in map(_path, links) if p.startswith(start)]
        return path

    return find


def _path(link: str) -> str:
    return urlsplit(link).path

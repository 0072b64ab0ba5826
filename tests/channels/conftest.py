from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from allauth.socialaccount.providers.google import views
from pytest_django import Settings

from tests.peers.google import CLIENT_ID, CLIENT_SECRET, Google, require_google


@pytest.fixture(scope="session")
def google_server() -> Iterator[Google]:
    require_google()
    with Google() as google:
        yield google


@pytest.fixture
def google(
    google_server: Google, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Google:
    """A fresh Google that this installation is set up for."""
    google_server.reset()
    base = google_server.url
    settings.GOOGLE_CLIENT_ID = CLIENT_ID
    settings.GOOGLE_CLIENT_SECRET = CLIENT_SECRET
    settings.GOOGLE_BASE = base
    settings.SOCIALACCOUNT_PROVIDERS = _with_app(settings.SOCIALACCOUNT_PROVIDERS)
    # allauth has read these when it was imported.
    monkeypatch.setattr(views, "ID_TOKEN_ISSUER", base)
    for name, path in {
        "authorize_url": "/o/oauth2/v2/auth",
        "access_token_url": "/oauth2/token",
        "identity_url": "/oauth2/v2/userinfo",
    }.items():
        monkeypatch.setattr(views.GoogleOAuth2Adapter, name, base + path)
    return google_server


def _with_app(providers: dict[str, Any]) -> dict[str, Any]:
    app = {"client_id": CLIENT_ID, "secret": CLIENT_SECRET}
    return {"google": {**providers["google"], "APPS": [app]}}

"""The three personas of every page: alice, her manager bob, and charlie outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from unittest.mock import patch

import dramatiq
import pytest
from allauth.socialaccount.providers.google import views
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils.timezone import now
from dramatiq.brokers.redis import RedisBroker
from pytest_django import Settings

from channels.database import clock as database_clock
from channels.models import Channel, EmailIdentity
from conversations.models import Conversation, Delivery, Message
from conversations.watching.cause_triggers import NAMES
from deliveryportal.accounts.append_only import TABLE
from deliveryportal.accounts.joining import found_team, joined
from deliveryportal.accounts.models import User
from tests.peers.google import CLIENT_ID, CLIENT_SECRET, Google, require_google

PASSWORD = "correct horse battery staple"


def pytest_configure() -> None:
    # Sign-ups by the dozen; what is tested is not the strength of the hash.
    # Send means now; what Undo adds has tests of its own.
    settings.UNDO_SECONDS = 0
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # A machine that is busy with other tests ends no turn early.
    settings.LANE_MILLISECONDS = 60_000
    # No test outlives a power cut: its commits need not wait for the disk.
    options = settings.DATABASES["default"].setdefault("OPTIONS", {})
    if "init_command" in options:
        full = options["init_command"]
        options["init_command"] = full.replace("synchronous=FULL", "synchronous=OFF")
    else:
        options["options"] += " -c synchronous_commit=off"


def person(name: str, *, team_of: User | None = None, email: str = "") -> User:
    user = User(email=email or f"{name.lower()}@acme.test", name=f"{name} Acme")
    user.set_password(PASSWORD)
    if team_of is None:
        found_team(user)
    else:
        user.team = team_of.team
        user.save()
        joined.send(User, user=user)
    return user


@pytest.fixture(autouse=True, scope="session")
def tables_may_be_emptied_between_tests() -> Iterator[None]:
    """The audit log's triggers refuse it, and on SQLite, which empties by DELETE, those of
    failures count; they come back with the `post_migrate` that follows each flush."""
    operations = type(connection.ops)
    real = operations.sql_flush
    drops = {
        "sqlite": [
            f"DROP TRIGGER IF EXISTS {name};"
            for name in (f"{TABLE}_no_update", f"{TABLE}_no_delete", *NAMES)
        ],
        "postgresql": [f"DROP TRIGGER IF EXISTS {TABLE}_no_emptying ON {TABLE};"],
    }[connection.vendor]

    def sql_flush(self: Any, *args: Any, **kwargs: Any) -> list[str]:
        return [*drops, *real(self, *args, **kwargs)]

    with patch.object(operations, "sql_flush", sql_flush):
        yield


@pytest.fixture(autouse=True, scope="session")
def _a_queue_of_its_own(worker_id: str) -> None:
    """Processes of tests that share a Redis do not take each other's work."""
    broker = dramatiq.get_broker()
    if isinstance(broker, RedisBroker):
        broker.namespace = f"{broker.namespace}-{worker_id}"


@pytest.fixture(autouse=True)
def the_database_has_our_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which tests set; asking for another would count as a statement."""
    monkeypatch.setattr(database_clock, "database_now", now)


@pytest.fixture
def bob(db: None) -> User:
    """Manager of the team."""
    return person("Bob")


@pytest.fixture
def alice(bob: User) -> User:
    """Member of bob's team, owner of the mail under test."""
    return person("Alice", team_of=bob)


@pytest.fixture
def charlie(db: None) -> User:
    """Manager of another team."""
    return person("Charlie")


@pytest.fixture
def as_user() -> Callable[[User], Client]:
    def sign_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def portal_channel(db: None) -> Channel:
    return Channel.objects.default()


def delivery_by(
    channel: Channel,
    sender: User,
    recipient: str = "anna@customer.test",
    *,
    subject: str = "Hello",
    body: str = "Text.",
    **fields: object,
) -> Delivery:
    """A delivery in any state, without the use cases that would lead there."""
    identity = EmailIdentity.objects.get(owner=sender, is_default=True)
    conversation, _ = Conversation.objects.get_or_create(
        owner=sender, person_address=recipient
    )
    serial = Message.objects.count()
    message = Message.objects.create(
        conversation=conversation,
        sender=sender,
        team=sender.team,
        identity=identity,
        from_name=identity.display_name,
        from_address=identity.address,
        subject=subject,
        body=body,
        message_id=f"<{serial}@portal.test>",
    )
    return Delivery.objects.create(
        message=message,
        recipient=recipient,
        recipient_wire=recipient,
        channel=channel,
        sender=sender,
        team=sender.team,
        **fields,
    )


@pytest.fixture
def make_delivery(portal_channel: Channel) -> Callable[..., Delivery]:
    return partial(delivery_by, portal_channel)


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
    settings.SOCIALACCOUNT_PROVIDERS = with_google(settings.SOCIALACCOUNT_PROVIDERS)
    # allauth has read these when it was imported.
    monkeypatch.setattr(views, "ID_TOKEN_ISSUER", base)
    for name, path in {
        "authorize_url": "/o/oauth2/v2/auth",
        "access_token_url": "/oauth2/token",
        "identity_url": "/oauth2/v2/userinfo",
    }.items():
        monkeypatch.setattr(views.GoogleOAuth2Adapter, name, base + path)
    return google_server


def with_google(providers: dict[str, Any]) -> dict[str, Any]:
    app = {"client_id": CLIENT_ID, "secret": CLIENT_SECRET}
    return {"google": {**providers["google"], "APPS": [app]}}

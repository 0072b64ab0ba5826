from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from django.db import connection
from django.test import Client
from pytest_django import Settings

from channels.models import Channel
from channels.secrets import SecretUnreadableError, decrypt, encrypt
from deliveryportal.accounts.models import User


def test_credentials_are_not_in_the_database_in_clear(db: None) -> None:
    channel = Channel.objects.default()
    channel.credentials = {"password": "hunter2"}
    channel.save(update_fields=["credentials"])
    with connection.cursor() as cursor:
        cursor.execute("SELECT credentials FROM channels_channel")
        stored = cursor.fetchone()[0]
    assert "hunter2" not in stored
    assert Channel.objects.get().credentials == {"password": "hunter2"}


def test_an_older_key_still_reads(settings: Settings) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.CREDENTIAL_KEYS = [old]
    stored = encrypt("hunter2")
    settings.CREDENTIAL_KEYS = [new, old]
    assert decrypt(stored) == "hunter2"


def test_a_lost_key_is_said_without_the_secret(settings: Settings) -> None:
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    stored = encrypt("hunter2")
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(SecretUnreadableError, match="CREDENTIAL_KEYS"):
        decrypt(stored)


def test_what_was_stored_before_any_key_was_named_still_reads(
    settings: Settings,
) -> None:
    settings.CREDENTIAL_KEYS = []
    stored = encrypt("hunter2")
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    assert decrypt(stored) == "hunter2"


def test_a_lost_key_breaks_no_list(
    alice: User, settings: Settings, client: Client
) -> None:
    channel = Channel.objects.create(
        kind="smtp",
        owner=alice,
        config={"host": "mail.test", "port": "25", "security": "none"},
    )
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    channel.credentials = {"password": "hunter2"}
    channel.save()
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    client.force_login(alice)
    for page in ("/settings/channel/", "/settings/channel/connect/smtp/"):
        assert client.get(page).status_code == 200
    client.post(f"/settings/channel/{channel.uuid}/disconnect/")
    assert not Channel.objects.connected().filter(pk=channel.pk).exists()

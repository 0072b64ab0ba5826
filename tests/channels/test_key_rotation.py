from __future__ import annotations

from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from channels.models import Channel, ConnectionTest
from channels.secrets import SecretUnreadableError
from deliveryportal.accounts.models import User

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
SECRET = {"password": "hunter2"}


@pytest.fixture
def channel(alice: User, settings: Settings) -> Channel:
    """Stored under the old key; the new one is the first by now."""
    settings.CREDENTIAL_KEYS = [OLD]
    channel = Channel.objects.create(kind="smtp", owner=alice, credentials=SECRET)
    settings.CREDENTIAL_KEYS = [NEW, OLD]
    return channel


def rotate_keys() -> str:
    said = StringIO()
    call_command("rotatekeys", stdout=said)
    return said.getvalue()


def stored(channel: Channel) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT credentials FROM channels_channel WHERE id = %s", [channel.pk]
        )
        return str(cursor.fetchone()[0])


def test_afterwards_the_old_key_may_go(channel: Channel, settings: Settings) -> None:
    assert rotate_keys() == "Encrypted with the first key: 1.\n"
    settings.CREDENTIAL_KEYS = [NEW]
    assert Channel.objects.get(pk=channel.pk).credentials == SECRET
    settings.CREDENTIAL_KEYS = [OLD]
    with pytest.raises(SecretUnreadableError):
        dict(Channel.objects.get(pk=channel.pk).credentials)


def test_every_encrypted_field_of_every_model_is_among_them(
    channel: Channel, alice: User, settings: Settings
) -> None:
    settings.CREDENTIAL_KEYS = [OLD]
    ConnectionTest.objects.create(
        user=alice, kind="smtp", sender=alice.email, credentials=SECRET
    )
    settings.CREDENTIAL_KEYS = [NEW, OLD]
    assert "2." in rotate_keys()
    settings.CREDENTIAL_KEYS = [NEW]
    assert ConnectionTest.objects.get().credentials == SECRET


def test_it_can_be_done_again(channel: Channel, settings: Settings) -> None:
    rotate_keys()
    assert rotate_keys() == "Encrypted with the first key: 1.\n"
    assert Channel.objects.get(pk=channel.pk).credentials == SECRET


def test_what_has_no_secret_is_left_alone(channel: Channel) -> None:
    portal = Channel.objects.default()
    assert "1." in rotate_keys()
    assert stored(portal) == ""


def test_what_no_key_reads_is_named_and_kept(
    channel: Channel, bob: User, settings: Settings
) -> None:
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    lost = Channel.objects.create(kind="smtp", owner=bob, credentials=SECRET)
    settings.CREDENTIAL_KEYS = [NEW, OLD]
    before = stored(lost)
    said = StringIO()
    with pytest.raises(CommandError, match=f"channel {lost.uuid}") as error:
        call_command("rotatekeys", stdout=said)
    assert error.value.returncode == 1
    assert "hunter2" not in str(error.value)
    assert said.getvalue() == "Encrypted with the first key: 1.\n"
    assert stored(lost) == before
    settings.CREDENTIAL_KEYS = [NEW]
    assert Channel.objects.get(pk=channel.pk).credentials == SECRET


def test_without_keys_it_is_the_one_made_from_the_secret_key(
    alice: User, settings: Settings
) -> None:
    settings.CREDENTIAL_KEYS = []
    channel = Channel.objects.create(kind="smtp", owner=alice, credentials=SECRET)
    assert "1." in rotate_keys()
    assert Channel.objects.get(pk=channel.pk).credentials == SECRET

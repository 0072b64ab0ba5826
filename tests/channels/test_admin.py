from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from channels.models import Channel, ChannelChoice, EmailIdentity
from deliveryportal.accounts.models import User
from tests.conftest import PASSWORD


@pytest.fixture
def operator(db: None, as_user: Callable[[User], Client]) -> Client:
    return as_user(User.objects.create_superuser("op@portal.test", PASSWORD))


def test_an_operator_chooses_a_channel_for_someone(
    operator: Client, alice: User, portal_channel: Channel
) -> None:
    operator.post(
        reverse("admin:channels_channelchoice_add"),
        {"user": alice.pk, "channel": portal_channel.pk},
    )
    assert ChannelChoice.objects.get(user=alice).channel == portal_channel


def test_nobody_gets_another_persons_channel(
    operator: Client, alice: User, charlie: User, portal_channel: Channel
) -> None:
    theirs = Channel.objects.create(kind=portal_channel.kind, owner=charlie)
    response = operator.post(
        reverse("admin:channels_channelchoice_add"),
        {"user": alice.pk, "channel": theirs.pk},
    )
    assert "may not use this channel" in response.content.decode()
    assert not ChannelChoice.objects.exists()


def test_a_verified_address_cannot_become_another_one(
    operator: Client, alice: User
) -> None:
    identity = EmailIdentity.objects.get(owner=alice)
    operator.post(
        reverse("admin:channels_emailidentity_change", args=[identity.pk]),
        {
            "display_name": "Alice",
            "address": "boss@acme.test",
            "is_default": "on",
            "verified_at": "",
        },
    )
    identity.refresh_from_db()
    assert identity.display_name == "Alice"
    assert identity.address == alice.email
    assert identity.is_verified


def test_a_connected_channel_is_deleted_by_nobody(operator: Client, bob: User) -> None:
    server = Channel.objects.create(kind="smtp", team=bob.team, config={"host": "x"})
    listed = reverse("admin:channels_channel_changelist")
    assert "Delete selected" not in operator.get(listed).content.decode()
    operator.post(
        listed,
        {"action": "delete_selected", "_selected_action": server.pk, "post": "yes"},
    )
    delete = reverse("admin:channels_channel_delete", args=[server.pk])
    assert operator.post(delete, {"post": "yes"}).status_code == 403
    assert Channel.objects.filter(pk=server.pk).exists()

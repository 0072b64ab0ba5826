"""Credentials are renewed once, whoever else wants to; a good grant is never lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import connection
from django.utils.timezone import now
from pytest_django import Settings

from channels import renewing
from channels.disconnecting import disconnect
from channels.models import Channel
from channels.renewing import open_channel
from channels.transports import TransportError, Verdict
from deliveryportal.accounts.models import User
from tests.peers.google import ALICE, TOKEN, Google
from tests.portal import wait_until

pytestmark = [pytest.mark.google, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def channel(google: Google, alice: User) -> Channel:
    """Alice's Gmail, an hour after its token was made."""
    channel = Channel(kind="gmail", owner=alice, address=ALICE)
    channel.credentials = {
        **channel.transport_class.account(
            google.grant(ALICE), {"email": ALICE, "email_verified": True}, now()
        ).credentials,
        "expires_at": (now() + timedelta(seconds=30)).isoformat(),
    }
    channel.save()
    return channel


def stored(channel: Channel) -> Channel:
    return Channel.objects.get(pk=channel.pk)


def renewals(google: Google) -> int:
    return google.log.count(TOKEN) - 1  # the first was the grant itself


def in_a_thread(work: Callable[[], object]) -> threading.Thread:
    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_good_credentials_are_used_as_they_are(
    google: Google, channel: Channel
) -> None:
    in_time = (now() + timedelta(minutes=5)).isoformat()
    channel.credentials = {**channel.credentials, "expires_at": in_time}
    with open_channel(channel) as transport:
        assert transport.credentials == channel.credentials
    assert renewals(google) == 0


def test_expiring_credentials_are_renewed_and_kept(
    google: Google, channel: Channel
) -> None:
    before = channel.credentials
    with open_channel(channel) as transport:
        assert transport.credentials["access_token"] != before["access_token"]
    after = stored(channel)
    assert after.credentials == transport.credentials == channel.credentials
    assert after.credentials["refresh_token"] == before["refresh_token"]
    assert after.renewal_until is None
    assert renewals(google) == 1


def test_of_many_processes_one_renews_for_all(google: Google, channel: Channel) -> None:
    google.fault(TOKEN, delay=300)

    def use(_: int) -> str:
        try:
            with open_channel(stored(channel)) as transport:
                return transport.credentials["access_token"]
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        tokens = set(pool.map(use, range(6)))
    assert tokens == {stored(channel).credentials["access_token"]}
    assert renewals(google) == 1


def test_a_process_that_read_them_before_does_not_renew_again(
    google: Google, channel: Channel
) -> None:
    late = stored(channel)
    open_channel(channel).close()
    with open_channel(late) as transport:
        assert transport.credentials == channel.credentials
    assert renewals(google) == 1


def test_a_process_that_died_in_a_renewal_blocks_nobody_for_long(
    google: Google, channel: Channel
) -> None:
    Channel.objects.update(renewal_until=now() - timedelta(seconds=1))
    open_channel(channel).close()
    assert renewals(google) == 1


def test_who_waits_in_vain_lets_the_mail_wait(
    google: Google, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewing, "PATIENCE", 0.3)
    until = now() + timedelta(seconds=50)
    Channel.objects.update(renewal_until=until)
    with pytest.raises(TransportError) as caught:
        open_channel(channel)
    assert caught.value.verdict is Verdict.CHANNEL_DOWN
    assert stored(channel).renewal_until == until
    assert renewals(google) == 0


def test_a_revoked_grant_is_told_and_the_next_may_try(
    google: Google, channel: Channel
) -> None:
    google.revoke_grants()
    for _ in range(2):
        with pytest.raises(TransportError) as caught:
            open_channel(channel)
        assert caught.value.verdict is Verdict.CHANNEL_BROKEN
    assert stored(channel).renewal_until is None


def test_trouble_at_google_is_not_the_channels(
    google: Google, channel: Channel
) -> None:
    google.fault(TOKEN, hangUp=True)
    with pytest.raises(TransportError) as caught:
        open_channel(channel)
    assert caught.value.verdict is Verdict.CHANNEL_DOWN
    open_channel(channel).close()
    assert renewals(google) == 2


def test_a_renewal_does_not_overwrite_what_was_connected_meanwhile(
    google: Google, channel: Channel
) -> None:
    google.fault(TOKEN, delay=500)
    thread = in_a_thread(lambda: open_channel(stored(channel)).close())
    wait_until(lambda: stored(channel).renewal_until)
    newer = {
        "access_token": "new",
        "refresh_token": "new",
        "expires_at": "2999-01-01T00:00:00+00:00",
    }
    Channel.objects.update(credentials=newer, renewal_until=None)
    thread.join()
    assert stored(channel).credentials == newer


def test_a_renewal_does_not_bring_back_what_was_disconnected_meanwhile(
    google: Google, channel: Channel
) -> None:
    owner = channel.owner
    assert owner
    google.fault(TOKEN, delay=500)

    def use() -> None:
        with suppress(TransportError):  # the grant may be gone by then
            open_channel(stored(channel)).close()

    thread = in_a_thread(use)
    wait_until(lambda: stored(channel).renewal_until)
    disconnect(stored(channel), by=owner)
    thread.join()
    assert stored(channel).credentials == {}


def test_a_channel_whose_credentials_never_expire_is_just_opened(
    settings: Settings,
) -> None:
    settings.PORTAL_RELAY_URL = "smtp://127.0.0.1:25"
    with open_channel(Channel.objects.default()) as transport:
        assert transport.credentials == {}

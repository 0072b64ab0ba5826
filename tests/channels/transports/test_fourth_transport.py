"""A fourth channel is one file: it is tried, and nothing else is edited for it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from channels.connection_testing import run_test
from channels.models import Channel, ConnectionTest
from channels.routing import channel_in_use
from channels.transports import all_transports
from conversations.delivering import deliver_lane
from conversations.models import Delivery
from conversations.models.state import State
from deliveryportal.accounts.models import User
from tests.channels.transports.fourth import KIND, place
from tests.conftest import PASSWORD
from tests.portal import ROOT
from tests.words import read, words_of

CONNECT = f"/settings/channel/connect/{KIND}/"
WHISTLE = "three short, one long"
SignIn = Callable[[User], Client]


@pytest.fixture(autouse=True)
def _placed() -> Iterator[None]:
    with place():
        yield
    assert KIND not in all_transports()


@pytest.fixture
def loft(tmp_path: Path) -> Path:
    (tmp_path / "slate").write_text("fair")
    (tmp_path / "whistle").write_text(WHISTLE)
    return tmp_path


@pytest.fixture
def channel(alice: User, loft: Path) -> Channel:
    return Channel.objects.create(
        kind=KIND,
        owner=alice,
        config={"loft": str(loft), "birds": "3"},
        credentials={"whistle": WHISTLE},
    )


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return unescape(answer.content.decode())


def test_settings_show_its_card_and_what_the_recipient_sees(
    alice: User, as_user: SignIn
) -> None:
    shown = page(as_user(alice), "/settings/channel/")
    traits = all_transports()[KIND].traits
    for words in (
        "Connect Pigeon post",
        traits.when_to_pick,
        traits.bounces,
        "7 messages every 60 seconds",
    ):
        assert words in shown
    assert 'aria-label="By Pigeon post"' in shown
    assert traits.remedy in shown
    assert CONNECT in shown


def test_an_empty_list_says_whether_its_bounces_would_stand_there(
    alice: User, as_user: SignIn
) -> None:
    shown = page(as_user(alice), "/conversations/failed/")
    assert "Pigeon post" in shown.partition("Nothing here")[2]


def test_no_migration_is_needed(db: None) -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_it_is_connected_by_its_own_form_tested_and_saved(
    alice: User, as_user: SignIn, loft: Path
) -> None:
    client = as_user(alice)
    assert 'value="/roof"' in page(client, f"{CONNECT}?preset=My+roof")
    fields = {"loft": str(loft), "birds": "0", "whistle": "wrong"}
    refused = client.post(CONNECT, fields).content.decode()
    assert "Without a bird nothing flies." in refused

    fields["birds"] = "3"
    shown = run_its_test(client, fields)
    assert "Whistle known: this failed" in shown
    shown = run_its_test(client, {**fields, "whistle": WHISTLE})
    assert "Loft found" in shown

    client.post(f"/settings/channel/tests/{ConnectionTest.objects.get().uuid}/save/")
    channel = Channel.objects.get(kind=KIND)
    assert channel.credentials == {"whistle": WHISTLE}
    assert channel_in_use(alice) == channel
    assert f"Yours: 3 birds at {loft}" in read(client, "/settings/channel/")
    assert WHISTLE not in page(client, CONNECT)


def run_its_test(client: Client, fields: dict[str, str]) -> str:
    answer = client.post(CONNECT, fields)
    assert answer.status_code == 302, answer.content.decode()
    run_test(ConnectionTest.objects.get().pk)
    return page(client, answer["Location"])


def test_a_message_leaves_by_it_and_is_called_as_it_says(
    alice: User,
    channel: Channel,
    loft: Path,
    make_delivery: Callable[..., Delivery],
    as_user: SignIn,
) -> None:
    delivery = make_delivery(alice)
    Delivery.objects.update(channel=channel, channel_kind=channel.kind)
    deliver_lane(channel.pk, alice.pk)
    delivery.refresh_from_db()
    assert delivery.state == State.ACCEPTED
    (letter,) = loft.glob("*.letter")
    assert b"From: Alice Acme <alice@acme.test>" in letter.read_bytes()
    client = as_user(alice)
    for path in ("/conversations/sent/", delivery.message.get_absolute_url()):
        assert "Took wing" in page(client, path)


def test_a_broken_one_is_told_on_every_page(
    alice: User,
    channel: Channel,
    loft: Path,
    make_delivery: Callable[..., Delivery],
    as_user: SignIn,
) -> None:
    make_delivery(alice)
    Delivery.objects.update(channel=channel)
    (loft / "whistle").write_text("another")
    deliver_lane(channel.pk, alice.pk)
    shown = page(as_user(alice), "/conversations/pending/")
    assert "Pigeon post stopped working" in words_of(shown)
    assert "They do not come." in shown
    assert CONNECT in shown


def test_operators_find_it_in_admin(
    channel: Channel, alice: User, make_delivery: Callable[..., Delivery]
) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("op@portal.test", PASSWORD))
    delivery = make_delivery(alice)
    Delivery.objects.update(channel=channel, channel_kind=channel.kind)
    for listed, found in (
        (f"channels_channel_changelist?kind__exact={KIND}", channel),
        (f"conversations_delivery_changelist?kind={KIND}", delivery),
    ):
        name, _, query = listed.partition("?")
        shown = page(client, f"{reverse(f'admin:{name}')}?{query}")
        assert "Pigeon post" in shown
        assert f"/{found.pk}/change/" in shown
    limit = page(client, reverse("admin:channels_sendinglimit_add"))
    assert f'<option value="{KIND}">Pigeon post</option>' in limit
    assert WHISTLE not in page(
        client, reverse("admin:channels_channel_change", args=[channel.pk])
    )


@pytest.mark.processes
@pytest.mark.parametrize("far_end", ["there", "missing"])
def test_the_contract_tests_run_over_it(far_end: str, tmp_path: Path) -> None:
    contract = "tests/channels/transports/test_contract.py"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", contract, "-k", KIND, "-q"),
            *("-p", "tests.channels.transports.fourth.plugin"),
        ],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "DATABASE_URL": f"sqlite:///{tmp_path}/contract.sqlite3",
            "FAR_END": far_end,
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    if far_end == "there":
        assert done.returncode == 0, done.stdout + done.stderr
        assert re.search(r"\b\d\d passed", done.stdout)
    else:
        assert done.returncode == 1
        assert "Add one file, tests/channels/transports/far_ends/pigeon.py" in (
            " ".join(done.stdout.split())
        )

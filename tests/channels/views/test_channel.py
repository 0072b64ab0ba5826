from __future__ import annotations

from collections.abc import Callable

from django.test import Client
from django.utils.timezone import now

from channels.models import Channel, ChannelChoice, EmailIdentity
from channels.pausing import pause
from channels.transports import all_transports
from deliveryportal.accounts.models import User

PAGE = "/settings/channel/"
AsUser = Callable[[User], Client]


def test_every_kind_of_channel_has_a_card(as_user: AsUser, alice: User) -> None:
    page = as_user(alice).get(PAGE).content.decode()
    for kind, transport in all_transports().items():
        assert f'<h2 id="channel-{kind}">{transport.traits.label}</h2>' in page


def test_portal_servers_are_in_use_for_whoever_picked_nothing(
    as_user: AsUser, alice: User
) -> None:
    page = as_user(alice).get(PAGE).content.decode()
    assert page.count("In use") == 1
    assert 'class="card is-current"' in page
    assert "through those servers" in page
    assert "never through this portal" in page


def test_the_page_tells_what_portal_servers_do_and_do_not(
    as_user: AsUser, alice: User
) -> None:
    page = as_user(alice).get(PAGE).content.decode()
    assert "may add “via portal.test”" in page
    assert "there is no DMARC record for your domain" in page
    assert "bounces and failures appear here under Failed deliveries" in page


def test_the_page_shows_what_the_default_identitys_recipient_sees(
    as_user: AsUser, alice: User
) -> None:
    page = as_user(alice).get(PAGE).content.decode()
    assert "Alice Acme &lt;alice@acme.test&gt; via portal.test" in page


def test_a_person_without_identities_is_not_told_what_a_recipient_sees(
    as_user: AsUser, alice: User
) -> None:
    EmailIdentity.objects.of(alice).delete()
    page = as_user(alice).get(PAGE)
    assert page.status_code == 200
    assert "What your recipient sees" not in page.content.decode()


def test_what_one_person_picked_is_in_use_for_them_alone(
    as_user: AsUser, alice: User, bob: User
) -> None:
    own = Channel.objects.create(
        kind="portal",
        owner=alice,
        health=Channel.Health.PAUSED,
        paused_because="<i>535</i> Bad password",
        paused_at=now(),
    )
    ChannelChoice.objects.create(user=alice, channel=own)
    page = as_user(alice).get(PAGE).content.decode()
    assert "&lt;i&gt;535&lt;/i&gt; Bad password" in page
    assert "Bad password" not in as_user(bob).get(PAGE).content.decode()


def test_whoever_picks_a_channel_is_told_which_mail_does_not_leave_by_it(
    as_user: AsUser, alice: User
) -> None:
    config = {"host": "mail.acme.test", "port": "25", "security": "none"}
    own = Channel.objects.create(kind="smtp", owner=alice, config=config)
    portal, client = Channel.objects.default(), as_user(alice)
    chosen = client.post(f"{PAGE}{own.uuid}/choose/", follow=True).content.decode()
    assert "What you write from now on leaves by Custom SMTP server." in chosen
    assert "What waits already keeps the channel it was written for." in chosen
    assert "a channel of its own" not in chosen

    EmailIdentity.objects.of(alice).update(channel=own)
    chosen = client.post(f"{PAGE}{portal.uuid}/choose/", follow=True).content.decode()
    assert "keeps that: alice@acme.test (Custom SMTP server)." in chosen


def test_mail_does_not_leave_by_a_channel_that_does_not_work(
    as_user: AsUser, alice: User
) -> None:
    config = {"host": "mail.acme.test", "port": "25", "security": "none"}
    own = Channel.objects.create(kind="smtp", owner=alice, config=config)
    pause(own, "535 no")
    chosen = as_user(alice).post(f"{PAGE}{own.uuid}/choose/", follow=True)
    told = "What you write from now on waits until Custom SMTP server is mended."
    assert told in chosen.content.decode()


def test_a_stranger_is_led_to_the_sign_in(client: Client, db: None) -> None:
    assert client.get(PAGE)["Location"].startswith("/accounts/login/")


def test_the_page_is_only_read(as_user: AsUser, alice: User) -> None:
    assert as_user(alice).post(PAGE).status_code == 405

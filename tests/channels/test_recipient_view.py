from __future__ import annotations

from dataclasses import replace

from pytest_django import Settings

from channels.models import Channel, EmailIdentity
from channels.recipient_view import view_from, view_of, what_the_recipient_sees
from channels.transports import VisibleSender, transport_class
from deliveryportal.accounts.models import User

PORTAL = transport_class("portal").traits
ACCOUNT = replace(
    PORTAL, visible_sender=VisibleSender.CONNECTED_ACCOUNT, adds_via=False
)


def test_portal_servers_show_the_identity_and_are_likely_to_show_via() -> None:
    view = what_the_recipient_sees(
        display_name="Alice",
        address="alice@acme.test",
        traits=PORTAL,
        portal_domain="portal.test",
    )
    assert view.sender == "Alice <alice@acme.test>"
    assert view.headline == "Alice <alice@acme.test> via portal.test"


def test_there_is_no_via_for_an_identity_of_the_portals_own_domain() -> None:
    view = what_the_recipient_sees(
        display_name="Alice",
        address="alice@portal.test",
        traits=PORTAL,
        portal_domain="portal.test",
    )
    assert view.via == ""


def test_a_connected_account_replaces_the_identitys_address_but_not_its_name() -> None:
    view = what_the_recipient_sees(
        display_name="Alice",
        address="alice@acme.test",
        traits=ACCOUNT,
        portal_domain="portal.test",
        account="alice@gmail.test",
    )
    assert view.headline == "Alice <alice@gmail.test>"


def test_an_identity_is_seen_as_its_channel_shows_it(
    alice: User, portal_channel: Channel, settings: Settings
) -> None:
    settings.PORTAL_DOMAIN = "portal.test"
    identity = EmailIdentity.objects.get(owner=alice)
    shown = f"{identity.display_name} <{identity.address}>"
    assert view_of(identity, portal_channel).headline == f"{shown} via portal.test"
    gmail = Channel(kind="gmail", owner=alice, address="alice@gmail.test")
    shown = f"{identity.display_name} <alice@gmail.test>"
    assert view_of(identity, gmail).headline == shown


def test_what_has_left_is_seen_by_the_account_of_that_time(alice: User) -> None:
    gmail = Channel(kind="gmail", owner=alice, address="new@gmail.test")
    for account, shown in (("old@gmail.test", "old@gmail.test"), ("", "a@acme.test")):
        view = view_from("Alice", "a@acme.test", gmail, account=account)
        assert view.sender == f"Alice <{shown}>"

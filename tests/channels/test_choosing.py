from __future__ import annotations

from dataclasses import replace

import pytest

from channels.choosing import choose, what_the_recipient_sees
from channels.transports import VisibleSender, transport_class

PORTAL = transport_class("portal").traits
ACCOUNT = replace(
    PORTAL, visible_sender=VisibleSender.CONNECTED_ACCOUNT, adds_via=False
)


@pytest.mark.parametrize(
    ("identity", "user", "team", "chosen"),
    [
        ("identity's", "user's", "team's", "identity's"),
        (None, "user's", "team's", "user's"),
        ("identity's", None, None, "identity's"),
        (None, None, "team's", "team's"),
        (None, None, None, "portal"),
    ],
)
def test_the_identitys_choice_comes_before_the_users(
    identity: str | None, user: str | None, team: str | None, chosen: str
) -> None:
    assert choose(identity=identity, user=user, team=team, default="portal") == chosen


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

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from django.conf import settings

from channels.describing import TERMS, cards, describe
from channels.models import Channel
from channels.transports import Traits, Transport, all_transports, transport_class

PORTAL = transport_class("portal")


class PigeonTransport(PORTAL):  # type: ignore[misc, valid-type]
    traits = replace(PORTAL.traits, label="Pigeons", limits="One letter a bird.")


def test_every_sentence_of_a_transport_is_told() -> None:
    sentences = {field.name for field in fields(Traits)} - {
        "label",
        "icon",
        "scope",
        "visible_sender",
        "adds_via",
        "records_bounces",
        "accepted_label",
        "pace",
    }
    assert {field for _, field in TERMS} == sentences


@pytest.mark.parametrize("transport", all_transports().values())
def test_no_sentence_is_left_unfinished(transport: type[Transport]) -> None:
    for fact in describe(transport.traits, "portal.test"):
        assert fact.words
        assert "{" not in fact.words


def test_the_portals_domain_stands_where_the_sentence_asks_for_it() -> None:
    [via] = [f for f in describe(PORTAL.traits, "mail.acme.test") if "via" in f.term]
    assert "“via mail.acme.test”" in via.words


def test_a_new_transport_gets_a_card_and_only_the_one_in_use_is_marked() -> None:
    in_use = Channel(pk=1, kind="portal")
    portal, pigeon = cards(
        {"portal": PORTAL, "pigeon": PigeonTransport},
        usable=[in_use],
        in_use=in_use,
        is_manager=False,
        settings=settings,
        portal_domain="portal.test",
        team_paces={},
        standings={},
    )
    assert portal.in_use
    assert [each.channel for each in portal.connected] == [in_use]
    assert not pigeon.in_use
    assert pigeon.connected == []
    assert pigeon.traits.label == "Pigeons"
    assert pigeon.facts[-1].words.endswith("One letter a bird.")

from __future__ import annotations

from dataclasses import fields, replace

import pytest

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


def test_a_new_transport_gets_a_card_and_only_the_one_in_use_has_its_channel() -> None:
    in_use = Channel(kind="portal")
    portal, pigeon = cards(
        {"portal": PORTAL, "pigeon": PigeonTransport},
        in_use=in_use,
        portal_domain="portal.test",
    )
    assert portal.channel is in_use
    assert pigeon.channel is None
    assert pigeon.traits.label == "Pigeons"
    assert pigeon.facts[-1].words == "One letter a bird."

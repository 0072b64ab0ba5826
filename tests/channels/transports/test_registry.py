from __future__ import annotations

from dataclasses import MISSING, fields
from pathlib import Path

import pytest

import channels
from channels.models import Channel
from channels.transports import Traits, Transport, all_transports, kind_choices


def test_channels_is_ours_and_not_django_channels() -> None:
    assert Path(channels.__file__).parent == Path(__file__).parents[3] / "channels"


def test_portal_servers_come_first() -> None:
    assert next(iter(all_transports())) == "portal"
    assert kind_choices()[0] == ("portal", "Portal servers")


@pytest.mark.parametrize("kind", list(all_transports()))
def test_each_kind_says_everything_people_are_told(kind: str) -> None:
    transport = all_transports()[kind]
    assert issubclass(transport, Transport)
    told = {
        field.name: getattr(transport.traits, field.name)
        for field in fields(Traits)
        if field.default is MISSING  # the others may have nothing to add
    }
    assert "" not in told.values()


def test_the_channel_of_everybody_is_made_once(db: None) -> None:
    assert Channel.objects.default() == Channel.objects.default()
    assert str(Channel.objects.get()) == "Portal servers"

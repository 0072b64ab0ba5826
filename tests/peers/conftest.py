from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.peers.postfix import Postfix, require_postfix
from tests.peers.sink import Sink


@pytest.fixture
def sink() -> Iterator[Sink]:
    """Where accepted mail ends."""
    with Sink() as sink:
        yield sink


@pytest.fixture
def bounces() -> Iterator[Sink]:
    """Where reports about bounced mail end."""
    with Sink() as sink:
        yield sink


@pytest.fixture
def postfix(sink: Sink, bounces: Sink) -> Iterator[Postfix]:
    require_postfix()
    with Postfix(
        bounces_to=f"127.0.0.1:{bounces.port}", sink=f"127.0.0.1:{sink.port}"
    ) as postfix:
        yield postfix

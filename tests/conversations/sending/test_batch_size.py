from __future__ import annotations

from pytest_django import Settings

from channels.models import Channel
from conversations.sending.batch_size import fitting, learn


def test_a_turn_that_was_too_short_claims_less_and_grows_again(
    settings: Settings,
) -> None:
    settings.LANE_BATCH, channel = 200, Channel()
    assert fitting(channel) == 200
    learn(channel, read=200, done=13)
    assert fitting(channel) == 26
    sizes = []
    for _ in range(4):
        learn(channel, read=fitting(channel), done=fitting(channel))
        sizes.append(fitting(channel))
    assert sizes == [52, 104, 200, 200]


def test_a_far_end_that_hangs_leaves_a_few(settings: Settings) -> None:
    settings.LANE_BATCH, channel = 200, Channel()
    learn(channel, read=200, done=0)
    assert fitting(channel) == 10
    assert fitting(Channel()) == 200


def test_it_never_claims_more_than_a_batch(settings: Settings) -> None:
    settings.LANE_BATCH, channel = 5, Channel()
    learn(channel, read=5, done=1)
    assert fitting(channel) == 5

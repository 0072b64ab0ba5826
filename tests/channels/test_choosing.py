from __future__ import annotations

import pytest

from channels.choosing import choose


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

from __future__ import annotations

import pytest

from tests.parts import require_part


def test_a_missing_part_skips_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no engine"):
        require_part(None, "no engine")


def test_in_ci_a_missing_part_fails_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no engine"):
        require_part(None, "no engine")


def test_a_part_that_is_there_is_nothing_to_speak_of() -> None:
    require_part("/usr/sbin/engine", "no engine")

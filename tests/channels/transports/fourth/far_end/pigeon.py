from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

import pytest

from tests.channels.transports.far_ends import Act, FarEnd

WHISTLE = "three short, one long"


class Loft(FarEnd):
    """A loft with birds in it, and a slate that tells the weather."""

    # A bird is not answered: it is there or it is not.
    cannot = frozenset(
        {Act.ACCEPT_SLOWLY, Act.HANG_UP_DURING, Act.SILENT_BEFORE, Act.SILENT_AFTER}
    )
    credentials = {"whistle": WHISTLE}

    def __enter__(self) -> Self:
        self._folder = TemporaryDirectory()
        self.config = {"loft": self._folder.name, "birds": "3"}
        self.act(Act.ACCEPT)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._folder.cleanup()

    @property
    def _loft(self) -> Path:
        return Path(self._folder.name)

    @property
    def taken(self) -> list[bytes]:
        return [path.read_bytes() for path in self._loft.glob("*.letter")]

    def act(self, act: Act) -> None:
        weather = {
            Act.REFUSE_FOR_GOOD: "no such house",
            Act.REFUSE_FOR_NOW: "fog",
            Act.HANG_UP_BEFORE: "storm",
            Act.HANG_UP_AFTER: "hawk",
        }
        (self._loft / "slate").write_text(weather.get(act, "fair"))
        whistle = "another" if act is Act.REFUSE_SIGN_IN else WHISTLE
        (self._loft / "whistle").write_text(whistle)

    def hurry(self, act: Act, monkeypatch: pytest.MonkeyPatch) -> None:
        raise NotImplementedError


FAR_END = Loft

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import Enum
from types import TracebackType
from typing import Any, ClassVar, Self

import pytest


class Act(Enum):
    """What the far side does with the next message."""

    ACCEPT = "accepts"
    ACCEPT_SLOWLY = "accepts, answering slowly"
    REFUSE_FOR_GOOD = "refuses for good"
    REFUSE_FOR_NOW = "refuses for now"
    REFUSE_SIGN_IN = "refuses the sign-in"
    HANG_UP_BEFORE = "hangs up before the data"
    HANG_UP_DURING = "hangs up during the data"
    HANG_UP_AFTER = "hangs up after the data, which it has taken"
    SILENT_BEFORE = "never answers, before the data"
    SILENT_AFTER = "never answers, after the data, which it has taken"

    @property
    def silent(self) -> bool:
        return self in {Act.SILENT_BEFORE, Act.SILENT_AFTER}


class FarEnd(ABC):
    """The servers of one kind of channel, used as a context manager.

    `settings` are the installation's settings that lead to it; `config`,
    `credentials` and `address` are those of a channel that is connected to it.
    """

    marks: ClassVar[tuple[pytest.MarkDecorator, ...]] = ()
    # What there is not for this kind: signing in, say.
    cannot: ClassVar[frozenset[Act]] = frozenset()

    settings: Mapping[str, Any] = {}
    config: Mapping[str, Any] = {}
    credentials: Mapping[str, str] = {}
    address: str = ""

    @abstractmethod
    def act(self, act: Act) -> None:
        """Do that with the next message; `accept` ends what was ordered before."""

    @property
    @abstractmethod
    def taken(self) -> list[bytes]:
        """The messages it has taken responsibility for: they will arrive."""

    @abstractmethod
    def hurry(self, act: Act, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make the transport give up within a second on the silence of this act."""

    @abstractmethod
    def __enter__(self) -> Self:
        """Start; skip the test where a part for it is missing."""

    @abstractmethod
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

"""The clocks of the product's processes: time passes as fast as wanted, and they jump."""

from __future__ import annotations

import mmap
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.portal import ROOT


class Clock:
    """`jumping/sitecustomize.py` reads what is written here, in every process."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self._file.write_bytes(bytes(16))
        with self._file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), 16)
        self._passed = self._ahead = 0

    @property
    def env(self) -> dict[str, str]:
        """What a process needs to go by it."""
        return {
            "PYTHONPATH": f"{Path(__file__).parent / 'jumping'}:{ROOT}",
            "CHAOS_CLOCK": str(self._file),
        }

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._passed + self._ahead)

    @property
    def passed(self) -> timedelta:
        """How much has been let pass since the beginning."""
        return timedelta(seconds=self._passed)

    def let_pass(self, seconds: int) -> None:
        """Let so much time pass at once, for everybody."""
        self._passed += seconds
        self._write()

    def jump(self, seconds: int) -> None:
        """Set the time of day ahead, or back; no time passes."""
        self._ahead += seconds
        self._write()

    def _write(self) -> None:
        self._shared[:] = struct.pack("qq", self._passed, self._ahead)

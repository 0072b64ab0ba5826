"""The clock of the product's processes, which may jump."""

from __future__ import annotations

from pathlib import Path


class Clock:
    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self._ahead = 0
        self.jump(0)

    @property
    def env(self) -> dict[str, str]:
        """What a process needs to go by it."""
        return {
            "PYTHONPATH": str(Path(__file__).parent / "jumping"),
            "CHAOS_CLOCK": str(self._file),
        }

    def jump(self, seconds: int) -> None:
        self._ahead += seconds
        # In one step: a reader never finds an empty file.
        new = self._file.with_suffix(".new")
        new.write_text(str(self._ahead))
        new.replace(self._file)

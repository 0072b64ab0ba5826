"""What a developer would add for a fourth channel: two files, nothing else.

`transport/pigeon.py` would lie in `channels/transports/`, `far_end/pigeon.py` among
the far ends of the contract tests. `place` puts them there without touching the
folders, and may be used as a plugin of pytest's (see `plugin`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import channels.transports
from tests.channels.transports import far_ends

HERE = Path(__file__).parent
KIND = "pigeon"


@contextmanager
def place(*, far_end: bool = True) -> Iterator[None]:
    """Put the files where they belong, and take them away again."""
    packages = {channels.transports: HERE / "transport"}
    if far_end:
        packages[far_ends] = HERE / "far_end"
    for package, folder in packages.items():
        package.__path__.append(str(folder))
    channels.transports.all_transports.cache_clear()
    try:
        yield
    finally:
        for package, folder in packages.items():
            package.__path__.remove(str(folder))
            name = f"{package.__name__}.{KIND}"
            sys.modules.pop(name, None)
            vars(package).pop(KIND, None)
        channels.transports.all_transports.cache_clear()

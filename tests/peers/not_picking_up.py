"""A server that connecting to takes until the time limit: its backlog is full."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress


@contextmanager
def nobody_picks_up() -> Iterator[str]:
    """Yield its `host:port`."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as all_:
        for _ in range(3):
            knocking = all_.enter_context(socket.socket())
            knocking.setblocking(False)
            with suppress(BlockingIOError):
                knocking.connect(full.getsockname())
        yield f"127.0.0.1:{full.getsockname()[1]}"

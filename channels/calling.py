"""Connecting to a far end that may have several addresses, or not pick up at any."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence

from channels.lines import Line, has_hung_up
from channels.looking_up import Target, look_up


def first_to_answer(
    addresses: Sequence[str], port: int, *, within: float
) -> socket.socket:
    """Connect to one after the other, all of them together within so many seconds.

    Addresses may be names. Raises the OSError of the last one tried, and at once when
    the process hangs up. The socket then waits as long for whatever is next.
    """
    deadline = time.monotonic() + within
    targets = [
        target
        for address in addresses
        for target in look_up(address, port, within=deadline - time.monotonic())
    ]
    failure: OSError | None = None
    for left, target in zip(range(len(targets), 0, -1), targets, strict=True):
        try:
            sock = _connected(target, (deadline - time.monotonic()) / left)
        except OSError as error:
            failure = error
            if has_hung_up():
                break
        else:
            sock.settimeout(within)
            return sock
    assert failure is not None
    raise failure


def _connected(target: Target, within: float) -> socket.socket:
    family, kind, protocol, _, address = target
    sock = socket.socket(family, kind, protocol)
    line = Line(sock)
    try:
        if has_hung_up():
            raise ConnectionAbortedError
        sock.settimeout(max(within, 0.001))
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    finally:
        line.close()
    return sock

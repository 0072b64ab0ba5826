"""The installation's own relays: mail is spread over them, connections are kept.

The next batch goes to the relay that has the fewest, so that one which takes a batch
and says no more is given no other before the rest have as many; what it had may time
out, and the others carry the mail. One that did not answer is left out for a while. A
connection that a batch has finished with waits for the next batch of this process.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import count

from channels.lines import has_hung_up
from channels.smtp.server import SmtpServer
from channels.smtp.session import SmtpSession
from channels.transports import TransportError

KEPT_FOR = 20.0  # seconds that a connection waits for its next use
MOST_KEPT = 8  # connections to one relay
LEFT_OUT_FOR = 30.0  # seconds, after a relay did not answer

Relay = tuple[SmtpServer, str]  # and as whom we greet it

_lock = threading.Lock()
_waiting: dict[Relay, list[tuple[float, SmtpSession]]] = defaultdict(list)
_in_use: Counter[SmtpServer] = Counter()  # batches under way
_left_out: dict[SmtpServer, float] = {}
_turn = count()


def servers_from(urls: str) -> list[SmtpServer]:
    """Read one URL, or several with commas between; raise ValueError."""
    return [SmtpServer.from_url(url.strip()) for url in urls.split(",")]


def connect(servers: Sequence[SmtpServer], helo: str) -> SmtpSession:
    """Return an open connection to one of the relays, until it is `let_go` of.

    Raises the TransportError of the last one tried if none can be reached.
    """
    failure: TransportError | None = None
    left = list(servers)
    while left:
        server = _take_one_of(left)
        session = _kept((server, helo)) or SmtpSession(server, helo=helo)
        if session.is_lost:  # its turn comes again, after the others
            let_go(session)
            continue
        left.remove(server)
        try:
            session.open()
        except TransportError as error:
            let_go(session)
            failure = error
            if has_hung_up():
                break
        else:
            return session
    assert failure is not None
    raise failure


def let_go(session: SmtpSession) -> None:
    """Keep a connection for the next batch, unless it has ended; end old ones.

    If it was lost, so are the others kept to its relay: to ask each of them whether it
    still answers would take seconds, in vain.
    """
    at = time.monotonic()
    ended: list[SmtpSession] = []
    lost: list[tuple[float, SmtpSession]] = []
    with _lock:
        _in_use[session.server] -= 1
        if session.is_lost:
            _left_out[session.server] = at + LEFT_OUT_FOR
            lost = _waiting.pop((session.server, session.helo), [])
        if session.is_open:
            _left_out.pop(session.server, None)
            _waiting[session.server, session.helo].append((at, session))
        for waiting in _waiting.values():
            fresh = [pair for pair in waiting if pair[0] > at - KEPT_FOR]
            kept = fresh[-MOST_KEPT:]
            ended += [each for _, each in waiting[: len(waiting) - len(kept)]]
            waiting[:] = kept
    for _, each in lost:
        each.hang_up()
    for each in ended:
        each.close()


@atexit.register
def end_all() -> None:
    """Hang up: nobody needs them any more."""
    with _lock:
        waiting = [each for pairs in _waiting.values() for _, each in pairs]
        _waiting.clear()
    for each in waiting:
        each.close(within=0.2)  # there may be many, and the process is to end


def _in_turn(servers: Sequence[SmtpServer]) -> Iterator[SmtpServer]:
    """Yield each once: the one with the fewest batches first, those left out last.

    Among equals another one is the first each time.
    """
    first = next(_turn) % len(servers)
    order = [*servers[first:], *servers[:first]]
    at = time.monotonic()
    yield from sorted(
        order, key=lambda server: (_left_out.get(server, 0) > at, _in_use[server])
    )


def _take_one_of(servers: Sequence[SmtpServer]) -> SmtpServer:
    with _lock:
        server = next(_in_turn(servers))
        _in_use[server] += 1
    return server


def _kept(relay: Relay) -> SmtpSession | None:
    """Take a connection that still answers, or the first that is found lost."""
    while True:
        with _lock:
            if not _waiting[relay]:
                return None
            since, session = _waiting[relay].pop()
        fresh = since > time.monotonic() - KEPT_FOR
        if fresh and (session.answers() or session.is_lost):
            return session
        session.close()

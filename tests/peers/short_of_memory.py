"""A RabbitMQ that is short of memory: it takes what is published, and confirms nothing.

A real one says so to a connection when that publishes. It is made of pika's own frames,
since a node whose alarm is on would block all else that is tested with it.
"""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from pika import frame, spec

ABLE = {"capabilities": {"publisher_confirms": True, "basic.nack": True}}
HEADER = 8  # bytes with which a client begins


def _answer(method: Any) -> Any:
    match method:
        case spec.Connection.StartOk():
            return spec.Connection.Tune(0, 131_072, 60)
        case spec.Connection.Open():
            return spec.Connection.OpenOk()
        case spec.Connection.Close():
            return spec.Connection.CloseOk()
        case spec.Channel.Open():
            return spec.Channel.OpenOk()
        case spec.Confirm.Select():
            return spec.Confirm.SelectOk()
        case spec.Queue.Declare():
            return spec.Queue.DeclareOk(method.queue, 0, 0)
        case spec.Basic.Publish():
            return spec.Connection.Blocked("low on memory")
    return None


class _Conversation(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with suppress(ConnectionError):
            self._converse()

    def _converse(self) -> None:
        self.request.recv(HEADER)
        self._say(0, spec.Connection.Start(0, 9, ABLE, "PLAIN", "en_US"))
        came = b""
        while more := self.request.recv(65_536):
            came += more
            while True:
                used, found = frame.decode_frame(came)
                if found is None:
                    break
                came = came[used:]
                method = getattr(found, "method", None)
                if (answer := _answer(method)) is not None:
                    about_all = isinstance(answer, spec.Connection.Blocked)
                    self._say(0 if about_all else found.channel_number, answer)

    def _say(self, channel: int, method: Any) -> None:
        self.request.sendall(frame.Method(channel, method).marshal())


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False


@contextmanager
def rabbitmq_short_of_memory() -> Iterator[str]:
    """Yield its URL."""
    with _Server(("127.0.0.1", 0), _Conversation) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.02])
        thread.start()
        yield f"amqp://guest:guest@127.0.0.1:{server.server_address[1]}/%2F"
        server.shutdown()
        thread.join()

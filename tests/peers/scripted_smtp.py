"""An SMTP server that says what a test tells it to, and hangs up where it should.

A complete server would be too polite: what is tested is the connection that dies
at one given moment.
"""

from __future__ import annotations

import socketserver
import ssl
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

HANG_UP = b""
DEFAULTS = {
    "banner": b"220 far.test ESMTP",
    "EHLO": b"250-far.test\r\n250-8BITMIME\r\n250 SMTPUTF8",
    "MAIL": b"250 2.1.0 ok",
    "RCPT": b"250 2.1.5 ok",
    "DATA": b"354 go on",
    "content": b"250 2.0.0 taken",
    "RSET": b"250 2.0.0 ok",
    "NOOP": b"250 2.0.0 ok",
    "QUIT": b"221 2.0.0 bye",
}


class ScriptedSmtp:
    """`replies` override DEFAULTS by verb: bytes, HANG_UP, or a function of the line.

    `content` answers the final dot; `mid-content` HANG_UP closes while the message
    is still coming. `commands` and `messages` record what arrived. With `tls`, whoever
    asks for STARTTLS gets it.
    """

    def __init__(
        self,
        tls: ssl.SSLContext | None = None,
        /,
        **replies: bytes | Callable[[bytes], bytes],
    ) -> None:
        self.tls = tls
        self.replies = {**DEFAULTS, **replies}
        self.commands: list[bytes] = []
        self.messages: list[bytes] = []
        self.connections = 0
        script = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                script.connections += 1
                script.converse(self)

            def finish(self) -> None:
                super().finish()
                if script.tls:  # the server closes the socket that is below it
                    self.connection.close()

        self._server = socketserver.ThreadingTCPServer(
            ("127.0.0.1", 0), Handler, bind_and_activate=True
        )
        self._server.daemon_threads = True
        self._server.block_on_close = False

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}
        ).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def converse(self, peer: socketserver.StreamRequestHandler) -> None:
        if not self._answer(peer, "banner", b""):
            return
        while line := peer.rfile.readline():
            self.commands.append(line.strip())
            verb = line[:4].decode("ascii", "replace").upper()
            if verb == "STAR" and self.tls:
                self._encrypt(peer, self.tls)
                continue
            if not self._answer(peer, verb, line):
                return
            took_data = self.replies[verb] == DEFAULTS["DATA"]
            if verb == "DATA" and took_data and not self._take(peer):
                return

    def _encrypt(
        self, peer: socketserver.StreamRequestHandler, tls: ssl.SSLContext
    ) -> None:
        peer.wfile.write(b"220 2.0.0 go ahead\r\n")
        peer.connection = tls.wrap_socket(peer.connection, server_side=True)
        peer.rfile = peer.connection.makefile("rb")
        peer.wfile = peer.connection.makefile("wb", buffering=0)

    def _take(self, peer: socketserver.StreamRequestHandler) -> bool:
        message = b""
        while (line := peer.rfile.readline()) != b".\r\n":
            message += line
            if not line or "mid_content" in self.replies:
                return False
        self.messages.append(message)
        return self._answer(peer, "content", message)

    def _answer(
        self, peer: socketserver.StreamRequestHandler, verb: str, line: bytes
    ) -> bool:
        reply = self.replies.get(verb, b"500 5.5.1 unknown command")
        reply = reply(line) if callable(reply) else reply
        if reply == HANG_UP:
            return False
        peer.wfile.write(reply + b"\r\n")
        return not reply.startswith(b"421")

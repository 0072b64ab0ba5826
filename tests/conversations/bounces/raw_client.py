"""A client that sends the octets it is told to, which smtplib would not."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self


class RawClient:
    """Connected and greeted; an MTA that has said EHLO, unless told otherwise."""

    def __init__(
        self, address: tuple[str, int], *, hello: str = "EHLO mx.test"
    ) -> None:
        self.sock = socket.create_connection(address, timeout=20)
        self._unread = b""
        assert self.reply().startswith("220")
        if hello:
            assert self.ask(hello).startswith("250")

    def send(self, octets: bytes) -> None:
        self.sock.sendall(octets)

    def ask(self, command: str) -> str:
        self.send(f"{command}\r\n".encode())
        return self.reply()

    def reply(self) -> str:
        """Return the next whole reply, its lines joined; "" once hung up on."""
        lines = []
        while True:
            while b"\r\n" not in self._unread:
                try:
                    octets = self.sock.recv(65_536)
                except ConnectionResetError:  # with what we sent still unread there
                    octets = b""
                if not octets:
                    return ""
                self._unread += octets
            line, _, self._unread = self._unread.partition(b"\r\n")
            lines.append(line.decode())
            if line[3:4] != b"-":
                return "\n".join(lines)

    def replies(self, number: int) -> list[str]:
        """Return the codes of the next replies."""
        return [self.reply()[:3] for _ in range(number)]

    def begin_mail(self, path: str, options: str = "") -> None:
        """Go as far as 354."""
        assert self.ask(f"MAIL FROM:<>{options}").startswith("250")
        assert self.ask(f"RCPT TO:<{path}>").startswith("250")
        assert self.ask("DATA").startswith("354")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.sock.close()

"""`make bench-receiver`: the bounce receiver beside an aiosmtpd that does nothing.

Both are processes of their own and get the same mails in the same words from the same
client, in turns. Ours looks each return path up in PostgreSQL, commits the report
before it says 250, and announces it by Redis. Watch the ratio: the rest is the machine.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from channels.return_path import new_token, return_path
from tests.peers.roles import Role
from tests.peers.traffic import (
    DOMAIN,
    add_deliveries,
    count_reports,
    dsn,
    installation,
)

CONNECTIONS = 20
MAILS = 4000  # in a round
ROUNDS = 3
RATIO = 0.5  # that is promised

DO_NOTHING = """
import asyncio, functools
from aiosmtpd.smtp import SMTP

class Nothing:
    async def handle_DATA(self, server, session, envelope):
        return "250 OK"

async def serve():
    open_session = functools.partial(SMTP, Nothing(), hostname="nothing.test")
    server = await asyncio.get_running_loop().create_server(open_session, "127.0.0.1", 0)
    print("doing nothing on 127.0.0.1:%s." % server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(serve())
"""


class Mta(asyncio.Protocol):
    """Delivers mails over one connection, each step after the answer to the last."""

    def __init__(self, mails: Iterator[tuple[str, bytes]]) -> None:
        self._mails = mails
        self._steps: Iterator[bytes] = iter([b"EHLO mx.test\r\n"])
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._heard += data
        if not self._heard.endswith(b"\r\n"):
            return
        last = self._heard[:-2].rpartition(b"\r\n")[2]
        if last[3:4] == b"-":
            return
        self._heard = b""
        assert last[:1] in b"23", last
        step = next(self._steps, None)
        if step is None:
            mail = next(self._mails, None)
            if mail is None:
                self.done.set_result(None)
                self._transport.close()
                return
            path, raw = mail
            rcpt = f"RCPT TO:<{path}>\r\n".encode()
            self._steps = iter([rcpt, b"DATA\r\n", raw + b".\r\n"])
            step = b"MAIL FROM:<>\r\n"
        self._transport.write(step)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("hung up"))


async def deliver(port: int, mails: list[tuple[str, bytes]]) -> float:
    """Deliver all from twenty connections; return mails per second."""
    loop, shared = asyncio.get_running_loop(), iter(mails)
    begun = time.perf_counter()
    connected = await asyncio.gather(
        *(
            loop.create_connection(lambda: Mta(shared), "127.0.0.1", port)
            for _ in range(CONNECTIONS)
        )
    )
    await asyncio.gather(*(mta.done for _, mta in connected))
    return len(mails) / (time.perf_counter() - begun)


def main() -> int:
    """Print both rates and their ratio; return the exit code: 1 if it is missed."""
    with ExitStack() as parts:
        folder = Path(parts.enter_context(tempfile.TemporaryDirectory()))
        env = parts.enter_context(installation())

        def role(name: str, *command: str) -> int:
            log = folder / f"{name}.log"
            ready = r" on 127\.0\.0\.1:(\d+)\."
            started = Role(*command, env=env, log=log, ready=ready)
            return int(parts.enter_context(started).announced[1])

        nothing = role("nothing", "python", "-c", DO_NOTHING)
        listen = ("--listen", "127.0.0.1:0")
        ours = role("ours", "python", "manage.py", "receivebounces", *listen)
        tokens = [new_token() for _ in range(MAILS * ROUNDS)]
        add_deliveries(env["DATABASE_URL"], tokens)
        mails = [(return_path(t, DOMAIN), dsn(n)) for n, t in enumerate(tokens)]

        rates: dict[str, list[float]] = {
            "do-nothing aiosmtpd": [],
            "receivebounces": [],
        }
        for number in range(ROUNDS):
            these = mails[number * MAILS : (number + 1) * MAILS]
            for name, port in zip(rates, (nothing, ours), strict=True):
                rates[name].append(asyncio.run(deliver(port, these)))
        assert count_reports(env["DATABASE_URL"]) == len(mails), "a 250 was a lie"
        nothing_done, stored = (statistics.median(found) for found in rates.values())
        say(f"do-nothing aiosmtpd, median of {ROUNDS}", f"{nothing_done:.0f}/s")
        say(f"receivebounces, median of {ROUNDS}", f"{stored:.0f}/s")
        ratio = stored / nothing_done
        kept = ratio >= RATIO
        verdict = "kept" if kept else "MISSED"
        say(f"ratio, promised {RATIO}", f"{ratio:.2f}  {verdict}")
        return 0 if kept else 1


def say(what: str, figure: str) -> None:
    sys.stdout.write(f"{what:<58}{figure:>18}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

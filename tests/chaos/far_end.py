"""A mail server out there that misbehaves as its seed has it, and keeps a ledger."""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from types import TracebackType
from typing import Self

# Mail to these is the portal's own, and passes whatever happens.
CALM_DOMAIN = "acme.test"


class Manner(Enum):
    """What the server does with one attempt."""

    TAKES = auto()
    IS_SLOW = auto()
    REFUSES = auto()
    GREYLISTS = auto()
    SLOWS_DOWN = auto()  # it wants less mail, whoever it is to
    CLOSES_BEFORE_DATA = auto()
    CLOSES_DURING_DATA = auto()
    CLOSES_AFTER_DATA = auto()  # it has all of it, and does not take it
    SWALLOWS_THE_ANSWER = auto()  # it takes it, and says nothing


HOW_OFTEN = {  # in a thousand
    Manner.TAKES: 830,
    Manner.IS_SLOW: 60,
    Manner.REFUSES: 30,
    Manner.GREYLISTS: 30,
    Manner.SLOWS_DOWN: 10,
    Manner.CLOSES_BEFORE_DATA: 10,
    Manner.CLOSES_DURING_DATA: 10,
    Manner.CLOSES_AFTER_DATA: 10,
    Manner.SWALLOWS_THE_ANSWER: 10,
}


ANSWERS = {  # to RCPT, where it is not taken
    Manner.REFUSES: b"550 5.1.1 no such user here",
    Manner.GREYLISTS: b"451 4.7.1 greylisted, try again in 2 seconds",
    Manner.SLOWS_DOWN: b"451 4.7.1 try again later",
}


@dataclass
class Ledger:
    """What one server did with whose mail: `taken` counts each time it took one."""

    taken: Counter[str] = field(default_factory=Counter)
    attempts: Counter[str] = field(default_factory=Counter)
    in_doubt: set[str] = field(default_factory=set)  # whose answer never came
    refused: set[str] = field(default_factory=set)  # for good
    at_once: int = 0  # the most that were handed to it side by side


class ChaoticSmtp:
    """One server in a thread of its own. `calm` ends the misbehaviour."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.ledger = Ledger()
        self.calm = False
        self._under_way: list[str] = []
        # Ordered, and not met: how many seconds, and who is to be told.
        self._silences: list[tuple[float, threading.Event]] = []

    # --- its thread -----------------------------------------------------------

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        listening = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._converse, "127.0.0.1", 0), self._loop
        )
        self._server = listening.result(timeout=10)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        ending = asyncio.run_coroutine_threadsafe(self._end(), self._loop)
        ending.result(timeout=10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        silent = asyncio.all_tasks() - {asyncio.current_task()}
        for each in silent:
            each.cancel()
        await asyncio.gather(*silent, return_exceptions=True)

    # --- its conversation -----------------------------------------------------

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            await Conversation(self, reader, writer).run()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the other side was killed, or we hung up
        except asyncio.CancelledError:
            pass  # the run is over
        finally:
            writer.close()

    def manner(self, recipient: str) -> Manner:
        """What this attempt meets: the same for the same seed."""
        self.ledger.attempts[recipient] += 1
        if self._is_calm_to(recipient):
            return Manner.TAKES
        draw = random.Random(
            f"{self._seed} {recipient} {self.ledger.attempts[recipient]}"
        )
        (manner,) = draw.choices(list(HOW_OFTEN), list(HOW_OFTEN.values()))
        return manner

    def _is_calm_to(self, recipient: str) -> bool:
        return self.calm or recipient.endswith(f"@{CALM_DOMAIN}")

    @contextmanager
    def awaiting(self, recipient: str) -> Iterator[None]:
        """While a message comes in."""
        self._under_way.append(recipient)
        self.ledger.at_once = max(self.ledger.at_once, len(self._under_way))
        try:
            yield
        finally:
            self._under_way.remove(recipient)

    @property
    def under_way(self) -> frozenset[str]:
        """Whose messages it was told to expect and has not taken."""
        return frozenset(self._under_way)

    def fall_silent(self, seconds: float) -> threading.Event:
        """Take the next message and say so only after that time, which may be infinite.

        The event is set when it has been taken.
        """
        met = threading.Event()
        self._silences.append((seconds, met))
        return met

    def speak_again(self) -> None:
        """Forget the silences that were ordered and not met."""
        self._silences.clear()

    async def hold_back(self, recipient: str) -> None:
        """Keep silent to this one, if that has been ordered."""
        if self._is_calm_to(recipient) or not self._silences:
            return
        self.leave_in_doubt(recipient)
        seconds, met = self._silences.pop()
        met.set()
        await asyncio.sleep(seconds)

    def take(self, recipient: str) -> None:
        self.ledger.taken[recipient] += 1

    def leave_in_doubt(self, recipient: str) -> None:
        self.ledger.in_doubt.add(recipient)


class HangUpError(OSError):
    """This server closes the connection."""


class Conversation:
    def __init__(
        self,
        server: ChaoticSmtp,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._recipient = ""
        self._manner = Manner.TAKES

    async def run(self) -> None:
        verbs: dict[bytes, Callable[[bytes], Awaitable[None]]] = {
            b"RCPT": self._rcpt,
            b"DATA": self._data,
        }
        await self._say(b"220 far.test ESMTP")
        while line := await self._reader.readline():
            verb = line[:4].upper()
            if verb == b"QUIT":
                return await self._say(b"221 2.0.0 bye")
            if verb == b"EHLO":
                await self._say(
                    b"250-far.test\r\n250-8BITMIME\r\n250-PIPELINING\r\n250 AUTH PLAIN LOGIN"
                )
            elif verb == b"AUTH":
                await self._say(b"235 2.7.0 welcome")
            elif verb in verbs:
                await verbs[verb](line)
            else:
                await self._say(b"250 2.0.0 ok")
        return None

    async def _say(self, line: bytes) -> None:
        self._writer.write(line + b"\r\n")
        await self._writer.drain()

    async def _rcpt(self, line: bytes) -> None:
        self._recipient = line.partition(b"<")[2].partition(b">")[0].decode().lower()
        self._manner = self._server.manner(self._recipient)
        if self._manner is Manner.CLOSES_BEFORE_DATA:
            raise HangUpError
        if self._manner is Manner.REFUSES:
            self._server.ledger.refused.add(self._recipient)
        return await self._say(ANSWERS.get(self._manner, b"250 2.1.5 ok"))

    async def _data(self, line: bytes) -> None:
        if self._manner in ANSWERS:
            return await self._say(b"503 5.5.1 no recipient")
        with self._server.awaiting(self._recipient):
            await self._message()
        await self._server.hold_back(self._recipient)
        return await self._say(b"250 2.0.0 taken")

    async def _message(self) -> None:
        await self._say(b"354 go on")
        if self._manner is Manner.CLOSES_DURING_DATA:
            await self._reader.readline()
            # A short message may be out, with its end, before its sender learns of it.
            self._server.leave_in_doubt(self._recipient)
            raise HangUpError
        await self._reader.readuntil(b"\r\n.\r\n")
        if self._manner is Manner.CLOSES_AFTER_DATA:
            self._server.leave_in_doubt(self._recipient)
            raise HangUpError
        if self._manner is Manner.SWALLOWS_THE_ANSWER:
            self._server.take(self._recipient)
            self._server.leave_in_doubt(self._recipient)
            raise HangUpError
        if self._manner is Manner.IS_SLOW:
            await asyncio.sleep(0.3)
        # Taken before the answer: whoever is killed in between has sent it.
        self._server.take(self._recipient)

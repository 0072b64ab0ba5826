"""One run: start, write, break, let it come to rest, account for every message."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet

from tests.chaos.account import Account
from tests.chaos.clock import Clock
from tests.chaos.far_end import ChaoticSmtp
from tests.chaos.installation import THREADS, Installation
from tests.chaos.mischief import Servers, World, drawn
from tests.chaos.people import Wiring, make_people
from tests.chaos.stores import OwnPostgres, OwnRedis
from tests.chaos.writing import Writing
from tests.peers.google import ALICE, CLIENT_ID, CLIENT_SECRET, Google
from tests.portal import ROOT

# Mails in a hand, in turns by the seed: some, strictly one, and what the product does.
HANDS: list[dict[str, str]] = [{"IN_HAND": "5"}, {"IN_HAND": "1"}, {}]
# So much has been written before it leaves, in what leaves between two things: there is
# mail on its way whatever breaks.
AHEAD = 3
PATIENCE = 240.0  # seconds that a run may take to come to rest
# Kept of a run that does not hold: what its processes have said.
LOGS = ROOT / "var" / "chaos"


@dataclass(frozen=True, slots=True)
class Size:
    messages: int
    mischief: int


class Run:
    """`say` is told of each thing done, as it is done."""

    def __init__(
        self, seed: int, size: Size, folder: Path, say: Callable[[str], None]
    ) -> None:
        self._seed = seed
        self._size = size
        self._folder = folder
        self._say = say

    def on_one_process(self) -> Account:
        """SQLite, and workers in the web's own process."""
        return self._go(f"sqlite:///{self._folder}/portal.sqlite3", None)

    def on_servers(self) -> Account:
        """PostgreSQL, Redis, and each role in processes of its own."""
        with OwnPostgres(self._folder) as postgres, OwnRedis() as queue:
            # A worker that stands still in a transaction: in seconds, as all here.
            soon = "?options=-c%20idle_in_transaction_session_timeout%3D5s"
            return self._go(postgres.url + soon, Servers(postgres, queue))

    def _go(self, database: str, servers: Servers | None) -> Account:
        begun = time.monotonic()
        with self._world(database, servers) as world:
            self._set_up_django(world.installation.settings)
            from tests.chaos.accounting import account_for  # noqa: PLC0415
            from tests.chaos.given_up import begin_to_note  # noqa: PLC0415

            begin_to_note()
            make_people(
                Wiring(world.carols.port, world.google.grant(ALICE), ALICE),
            )
            try:
                world.installation.start()
                self._write_while_it_breaks(world)
                self._let_it_come_to_rest(world)
            finally:
                world.installation.stop()
            account = account_for(world)
        account.seconds = time.monotonic() - begun
        return account

    @contextmanager
    def _world(self, database: str, servers: Servers | None) -> Iterator[World]:
        clock = Clock(self._folder)
        with ExitStack() as parts:
            relay = parts.enter_context(ChaoticSmtp(self._seed))
            carols = parts.enter_context(ChaoticSmtp(self._seed))
            google = parts.enter_context(Google())
            portal = Installation(
                self._folder,
                {
                    "DATABASE_URL": database,
                    "BROKER_URL": servers.redis.url if servers else "",
                    "PORTAL_MODE": "production",
                    "PORTAL_RELAY_URL": f"smtp://127.0.0.1:{relay.port}",
                    "PORTAL_DOMAIN": "portal.test",
                    "SECRET_KEY": "chaos" * 10,
                    "CREDENTIAL_KEYS": Fernet.generate_key().decode(),
                    "SMTP_ALLOWED_NETWORKS": "127.0.0.0/8",
                    "BOUNCE_LISTEN": "127.0.0.1:0",
                    "GOOGLE_BASE": google.url,
                    "GOOGLE_CLIENT_ID": CLIENT_ID,
                    "GOOGLE_CLIENT_SECRET": CLIENT_SECRET,
                    **hand(self._seed),
                    "SWEEP_SECONDS": "1",
                    "UNDO_SECONDS": "0",
                    "WORKER_THREADS": str(THREADS),
                },
                in_one=servers is None,
                preload=clock.env,
            )
            portal.prepare()
            writing = Writing(portal.url, self._size.messages, dice(self._seed))
            yield World(portal, relay, carols, google, clock, writing, servers)

    @staticmethod
    def _set_up_django(settings: dict[str, str]) -> None:
        os.environ |= settings | {
            "DJANGO_SETTINGS_MODULE": "deliveryportal.settings",
            "LOG_LEVEL": "WARNING",
        }
        import django  # noqa: PLC0415 - the settings are this run's

        django.setup()

    def _write_while_it_breaks(self, world: World) -> None:
        """As much leaves between two things as between any other two."""
        from tests.chaos.resting import let_it_flow  # noqa: PLC0415

        number, servers = self._size.mischief, bool(world.servers)
        mischief = drawn(self._seed, number, servers=servers)
        world.writing.begin()
        for number, each in enumerate(mischief, start=1):
            world.writing.let_write((number + AHEAD) / len(mischief))
            self._say(each.name)
            # Of its own: what one has drawn does not hang on how the last one went.
            each.do(world, dice(self._seed, number))
            let_it_flow(world.clock, len(world.writing.asked) * number // len(mischief))
        world.writing.end()

    def _let_it_come_to_rest(self, world: World) -> None:
        """Nothing breaks any more. Whoever died with mail in hand is found out."""
        from tests.chaos.resting import (  # noqa: PLC0415
            let_it_come_to_rest,
            let_leases_end,
        )

        world.relay.calm = world.carols.calm = True
        world.google.reset_faults()
        world.installation.stop()
        let_leases_end(world.clock)
        world.installation.start()
        let_it_come_to_rest(world.clock, PATIENCE)


def hand(seed: int) -> dict[str, str]:
    """The setting of how many mails are handed over at a time in a seed's run."""
    return HANDS[(seed - 1) % len(HANDS)]


def dice(*seed: int) -> random.Random:
    return random.Random(repr(seed))


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def ignore(line: str) -> None:
    pass


@contextmanager
def _nothing_left_behind() -> Iterator[None]:
    """Asked to end, by Ctrl-C or by whoever started it, first stop every process."""
    numbers = (signal.SIGINT, signal.SIGTERM)

    def give_up(number: int, frame: object) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        sys.exit(1)

    before = [signal.signal(each, give_up) for each in numbers]
    try:
        yield
    finally:
        for each, handler in zip(numbers, before, strict=True):
            signal.signal(each, handler)


def run(stores: str, seed: int, size: Size, say: Callable[[str], None]) -> Account:
    """Return the account of one run; raise StoreMissingError."""
    with (
        _nothing_left_behind(),
        tempfile.TemporaryDirectory(prefix="chaos") as folder,
    ):
        one = Run(seed, size, Path(folder), say)
        account = one.on_servers() if stores == "servers" else one.on_one_process()
        kept = LOGS / f"{stores} {seed}"
        shutil.rmtree(kept, ignore_errors=True)
        if account.faults:
            kept.mkdir(parents=True)
            for log in Path(folder).glob("*.log"):
                shutil.copy(log, kept)
        return account

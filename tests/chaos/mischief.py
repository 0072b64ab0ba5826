"""What goes wrong, as a table, and the order in which a seed has it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

import redis

from tests.chaos.clock import Clock
from tests.chaos.far_end import ChaoticSmtp
from tests.chaos.installation import Installation
from tests.chaos.overslept import Overslept
from tests.chaos.stores import OwnPostgres, OwnRedis
from tests.chaos.writing import Writing
from tests.peers.google import UPLOAD, Google

HOUR = 3600
SILENT = 40.0  # seconds: for longer than a process may take to stop


@dataclass(frozen=True)
class Servers:
    """Of this run alone."""

    postgres: OwnPostgres
    redis: OwnRedis


@dataclass(frozen=True)
class World:
    """Everything there is to break."""

    installation: Installation
    relay: ChaoticSmtp  # of the portal
    carols: ChaoticSmtp  # a server of her own
    google: Google
    clock: Clock
    writing: Writing
    servers: Servers | None  # none where all is in one process
    overslept: list[Overslept] = field(default_factory=list)


class Mischief(NamedTuple):
    name: str
    weight: int
    do: Callable[[World, random.Random], None]
    asks_for_servers: bool = False


def _kill_while_it_sends(world: World, draw: random.Random) -> None:
    wait_till_mail_is_on_its_way(world)
    draw.choice(world.installation.those_that_send).kill()


def wait_till_mail_is_on_its_way(world: World) -> None:
    """Until one of the servers out there is taking a message in this very moment."""
    ends = time.monotonic() + 10
    while not (world.relay.under_way or world.carols.under_way):
        if time.monotonic() > ends:
            return  # nobody is left who sends
        time.sleep(0.001)


def _kill_a_sweeper(world: World, draw: random.Random) -> None:
    draw.choice(world.installation.named("sweeper", "portal")).kill()


def _kill_while_it_accepts(world: World, draw: random.Random) -> None:
    # Forms take some 50 ms: before, while and after it is committed.
    world.writing.wait_till_one_is_sent()
    time.sleep(draw.uniform(0, 0.06))
    (web,) = world.installation.named("web", "portal")
    web.kill()


def _workers_sleep(world: World, draw: random.Random) -> None:
    from tests.chaos.oversleeping import oversleep  # noqa: PLC0415 - needs Django set up

    world.overslept.append(oversleep(world))


def _workers_and_sweepers_sleep(world: World, draw: random.Random) -> None:
    """Nobody notices before they all wake up, in a race with each other."""
    from tests.chaos.resting import let_leases_end  # noqa: PLC0415 - needs Django set up

    asleep = world.installation.named("worker", "sweeper", "portal")
    wait_till_mail_is_on_its_way(world)
    for process in asleep:
        process.freeze()
        process.lose_leases()
    let_leases_end(world.clock)
    draw.shuffle(asleep)
    for process in asleep:
        process.thaw()


def _deploy(world: World, draw: random.Random) -> None:
    """A new version: one process after the other, while the others work."""
    for process in world.installation.processes.values():
        process.stop()
        process.start()


def _deploy_while_it_is_silent(world: World, draw: random.Random) -> None:
    """While a server has all of a message and does not say so: for long, or for ever."""
    server = draw.choice([world.relay, world.carols])
    taken = server.fall_silent(draw.choice([SILENT, inf]))
    if not taken.wait(timeout=10):  # nobody has any for it
        server.speak_again()
    _deploy(world, draw)


def _flush_queue(world: World, draw: random.Random) -> None:
    assert world.servers
    with suppress(redis.RedisError):  # it was on its way down anyway
        world.servers.redis.client.flushall()


def _restart_database(world: World, draw: random.Random) -> None:
    assert world.servers
    world.servers.postgres.restart()


def _jump(seconds: int) -> Callable[[World, random.Random], None]:
    return lambda world, draw: world.clock.jump(seconds)


def _google(**how: object) -> Callable[[World, random.Random], None]:
    def misbehave(world: World, draw: random.Random) -> None:
        world.google.fault(UPLOAD, times=draw.randint(1, 4), **how)

    return misbehave


def _google_fails(world: World, draw: random.Random) -> None:
    world.google.error(UPLOAD, 503, "backendError", times=2)


def _google_is_busy(world: World, draw: random.Random) -> None:
    world.google.error(UPLOAD, 429, "rateLimitExceeded", times=2)


def _google_refuses(world: World, draw: random.Random) -> None:
    world.google.error(UPLOAD, 400, "invalidArgument", times=2)


MISCHIEF = (
    Mischief("kill -9 a worker while mail goes out", 6, _kill_while_it_sends),
    Mischief("kill -9 the web while it accepts a form", 3, _kill_while_it_accepts),
    Mischief("kill -9 a sweeper", 2, _kill_a_sweeper),
    Mischief("flush the queue", 3, _flush_queue, asks_for_servers=True),
    Mischief("restart the database", 2, _restart_database, asks_for_servers=True),
    Mischief("workers sleep past their leases", 1, _workers_sleep),
    Mischief("sweepers do so, too", 1, _workers_and_sweepers_sleep),
    Mischief("deploy", 1, _deploy),
    Mischief("deploy while a server is silent", 1, _deploy_while_it_is_silent),
    Mischief("the clock jumps an hour ahead", 1, _jump(HOUR)),
    Mischief("the clock jumps an hour back", 1, _jump(-HOUR)),
    Mischief("Gmail hangs up", 2, _google(hangUp=True)),
    Mischief("Gmail takes it and hangs up", 2, _google(hangUp=True, apply=True)),
    Mischief("Gmail is slow", 1, _google(delay=500)),
    Mischief("Gmail fails", 1, _google_fails),
    Mischief("Gmail is busy", 1, _google_is_busy),
    Mischief("Gmail refuses", 1, _google_refuses),
)


def drawn(seed: int, number: int, *, servers: bool) -> list[Mischief]:
    """Each kind once, as far as the number goes, and more of them by their weights.

    Where it does not go far enough, the next seed goes on with the next kinds; the first
    of the table is in every run.
    """
    draw = random.Random(repr((seed,)))
    possible = [each for each in MISCHIEF if servers or not each.asks_for_servers]
    weights = [each.weight for each in possible]
    more = draw.choices(possible, weights, k=max(0, number - len(possible)))
    # Not as they stand in the table: one seed would have nothing but Gmail's.
    always, *others = possible
    random.Random(0).shuffle(others)
    first = (seed - 1) * (number - 1) % len(others)
    together = [always, *others[first:], *others[:first]][:number] + more
    draw.shuffle(together)
    return together

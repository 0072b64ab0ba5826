"""What goes wrong, as a table, and the order in which a seed has it."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import redis

from tests.chaos.clock import Clock
from tests.chaos.installation import Installation
from tests.chaos.stores import OwnPostgres, OwnRedis
from tests.peers.google import UPLOAD, Google
from tests.portal import wait_until

HOUR = 3600


@dataclass(frozen=True)
class World:
    """Everything there is to break. None: this run does without that part."""

    installation: Installation
    google: Google
    clock: Clock
    postgres: OwnPostgres | None
    redis: OwnRedis | None
    draw: random.Random


class Mischief(NamedTuple):
    name: str
    weight: int
    do: Callable[[World], None]


def _kill(*beginnings: str) -> Callable[[World], None]:
    def kill(world: World) -> None:
        world.draw.choice(world.installation.named(*beginnings)).kill()

    return kill


def _sleep_past_the_lease(world: World) -> None:
    """Every worker stands still until the sweepers have given its mail up."""
    from tests.chaos.resting import end_leases, leases_are_ended  # noqa: PLC0415

    workers = world.installation.named("worker")
    if not workers:  # in one process the sweeper would stand still too
        return
    for worker in workers:
        worker.freeze()
        worker.deaths += 1  # what it was handing over is in doubt, as after a death
    try:
        end_leases()
        wait_until(leases_are_ended)
    finally:
        for worker in workers:
            worker.thaw()


def _deploy(world: World) -> None:
    for process in world.installation.processes.values():
        process.restart()


def _flush_queue(world: World) -> None:
    if world.redis:
        with suppress(redis.RedisError):  # it was on its way down anyway
            world.redis.client.flushall()


def _restart_database(world: World) -> None:
    if world.postgres:
        world.postgres.restart()


def _jump(world: World) -> None:
    world.clock.jump(world.draw.choice([HOUR, -HOUR]))


def _google(**how: object) -> Callable[[World], None]:
    def misbehave(world: World) -> None:
        world.google.fault(UPLOAD, times=world.draw.randint(1, 4), **how)

    return misbehave


def _google_busy(world: World) -> None:
    world.google.error(UPLOAD, 503, "backendError", times=2)


MISCHIEF = (
    Mischief("kill -9 a worker", 6, _kill("worker", "portal")),
    Mischief("kill -9 the web process", 3, _kill("web", "portal")),
    Mischief("kill -9 a sweeper", 2, _kill("sweeper", "portal")),
    Mischief("flush the queue", 3, _flush_queue),
    Mischief("restart the database", 2, _restart_database),
    Mischief("workers sleep past their lease", 2, _sleep_past_the_lease),
    Mischief("deploy", 1, _deploy),
    Mischief("jump an hour", 2, _jump),
    Mischief("Gmail hangs up", 2, _google(hangUp=True)),
    Mischief("Gmail takes it and hangs up", 2, _google(hangUp=True, apply=True)),
    Mischief("Gmail is slow", 1, _google(delay=500)),
    Mischief("Gmail is busy", 1, _google_busy),
)


def drawn(draw: random.Random, number: int) -> list[Mischief]:
    return draw.choices(MISCHIEF, [each.weight for each in MISCHIEF], k=number)

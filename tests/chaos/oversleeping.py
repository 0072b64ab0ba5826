"""All that send stand still until their leases are over and somebody has noticed."""

from __future__ import annotations

import time

from django.db import OperationalError, connection, transaction

from conversations.sweeping import give_up_handing_over
from tests.chaos.accounting import arrived
from tests.chaos.given_up import given_up
from tests.chaos.mischief import World, wait_till_mail_is_on_its_way
from tests.chaos.overslept import Overslept
from tests.chaos.resting import anew, let_leases_end, wait_till_given_up


def oversleep(world: World) -> Overslept:
    """Let them sleep until their mail has been taken from them, then wake them up."""
    asleep = world.installation.those_that_send
    take_away = _let_sweepers_take_it if world.servers else _take_it
    try:
        take_away(world)
        # Before it is asked what has arrived: a slow server may take one meanwhile.
        waited_for = world.relay.under_way | world.carols.under_way
        anew()
        lost = {who for people in given_up().values() for who in people}
        return Overslept(
            lost=lost - arrived(world).keys(),
            waited_for=waited_for,
            threads=sum(process.threads for process in asleep),
        )
    finally:
        for process in asleep:
            process.thaw()


def _let_sweepers_take_it(world: World) -> None:
    wait_till_mail_is_on_its_way(world)
    for process in world.installation.those_that_send:
        process.freeze()
        process.lose_leases()
    wait_till_given_up(world.clock)


def _take_it(world: World) -> None:
    """In place of the sweeper, which is in the process that sleeps."""
    [process] = world.installation.those_that_send
    wait_till_mail_is_on_its_way(world)
    process.freeze()
    while not _can_be_written():
        # It has fallen asleep over its database, and nobody could take anything.
        process.thaw()
        time.sleep(0.002)
        wait_till_mail_is_on_its_way(world)
        process.freeze()
    process.lose_leases()
    let_leases_end(world.clock)
    give_up_handing_over(world.clock.now())


def _can_be_written() -> bool:
    anew()
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 100")
    try:
        with transaction.atomic():
            return True
    except OperationalError:
        return False

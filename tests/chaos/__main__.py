"""`make chaos`: mail flows while everything that can break does.

Real processes, real far ends that write down each message they took, and mischief
drawn from a seed. At the end every message is accounted for.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from multiprocessing import get_context

from tests.chaos.account import Account
from tests.chaos.run import Size, ignore, run, say
from tests.chaos.stores import StoreMissingError
from tests.peers.google import GoogleMissingError, install_google

# What is told of each run: its heading, and what stands under it.
COLUMNS: list[tuple[str, Callable[[Account], str]]] = [
    ("sent by us", lambda a: str(a.written)),
    ("accepted there", lambda a: str(a.arrived)),
    ("failed", lambda a: str(a.states["failed"])),
    ("lost", lambda a: str(len(a.lost))),
    ("doubled", lambda a: str(len(a.doubled))),
    ("unconfirmed", lambda a: str(a.states["unconfirmed"])),
    ("given up", lambda a: str(sum(map(len, a.given_up.values())))),
    ("in hand", lambda a: str(a.in_hand)),
    ("leases", lambda a: f"{len(a.given_up)}/{a.leases_lost}"),
    ("deaths", lambda a: str(a.deaths)),
    ("cut off", lambda a: str(a.cut_off)),
    ("at once", lambda a: str(a.at_once)),
    ("drain", lambda a: f"{a.drained:.1f} s"),
    ("time", lambda a: f"{a.seconds:.0f} s"),
]
HEAD = f"{'stores':<8}{'seed':>5}" + "".join(
    f"{name:>{len(name) + 2}}" for name, _ in COLUMNS
)
LEGEND = """\
given up: unconfirmed because a worker died or slept with it in hand; in hand: how many
a thread has at most, by the seed; leases: of how many threads, of all that died or slept;
cut off: forms that the site was taking when it was killed; at once: workers side by side
on one lane; drain: the slowest stop."""


def row(stores: str, seed: int, account: Account) -> str:
    return f"{stores:<8}{seed:>5}" + "".join(
        f"{tell(account):>{len(name) + 2}}" for name, tell in COLUMNS
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--stores", choices=["servers", "one", "both"], default="both")
    parser.add_argument(
        "--seeds", type=int, default=2, help="how many, from --first on"
    )
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--messages", type=int, default=600)
    parser.add_argument("--mischief", type=int, default=20)
    parser.add_argument("--quiet", action="store_true")
    asked = parser.parse_args()
    kinds = ["servers", "one"] if asked.stores == "both" else [asked.stores]
    size = Size(asked.messages, asked.mischief)
    tell = ignore if asked.quiet else say
    try:
        install_google()
    except GoogleMissingError as error:
        say(str(error))
        return 2
    rows, held = [], True
    for stores in kinds:
        for seed in range(asked.first, asked.first + asked.seeds):
            # A process each: Django is set up once in a process's life.
            with get_context("spawn").Pool(1) as pool:
                try:
                    account = pool.apply(run, (stores, seed, size, tell))
                except StoreMissingError as error:
                    say(str(error))
                    return 2
            rows.append(row(stores, seed, account))
            say(rows[-1] if asked.quiet and len(rows) > 1 else f"{HEAD}\n{rows[-1]}")
            for fault in account.faults[:20]:
                say(f"  {fault}")
            held = held and not account.faults
    if not asked.quiet and len(rows) > 1:
        say("\n".join(["", HEAD, *rows]))
    say(LEGEND)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())

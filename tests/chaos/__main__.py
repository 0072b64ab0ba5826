from __future__ import annotations

import argparse
import sys
from multiprocessing import get_context

from tests.chaos.run import Account, Size, ignore, run, say
from tests.chaos.stores import StoreMissingError

HEAD = (
    f"{'stores':<8}{'seed':>6}{'written':>9}{'accepted out there':>20}{'failed':>8}"
    f"{'lost':>6}{'doubled':>9}{'unconfirmed':>13}{'deaths':>8}{'drain':>8}{'time':>8}"
)


def row(stores: str, account: Account) -> str:
    unconfirmed = f"{account.states['unconfirmed']} ({len(account.unexplained)})"
    return (
        f"{stores:<8}{account.seed:>6}{account.written:>9}"
        f"{account.accepted_out_there:>20}{account.states['failed']:>8}"
        f"{len(account.lost):>6}{len(account.doubled):>9}{unconfirmed:>13}"
        f"{account.deaths:>8}{account.drained:>6.1f} s{account.seconds:>6.0f} s"
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
            rows.append(row(stores, account))
            say(f"{HEAD}\n{rows[-1]}" if len(rows) == 1 else rows[-1])
            for what in (*account.lost[:10], *account.doubled[:10]):
                say(f"  {what}")
            held = held and account.holds
    say("In brackets: unconfirmed because a process died or froze while handing over.")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())

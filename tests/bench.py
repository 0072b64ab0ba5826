"""`make bench`: the figures of the all-in-one process, each beside a plain peer.

Times vary from machine to machine and from minute to minute; the ratios, taken
within one run, are what to watch.
"""

from __future__ import annotations

import smtplib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.portal import Portal, wait_until

MAILS = 500
ROUNDS = 3


def timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def say(what: str, figure: str) -> None:
    sys.stdout.write(f"{what:<58}{figure:>18}\n")
    sys.stdout.flush()


def starts_and_stops(portal: Portal) -> None:
    say("first start to the first answered request", f"{portal.start():.2f} s")
    stops = [portal.stop()]
    starts = []
    for _ in range(ROUNDS):
        starts.append(portal.start())
        stops.append(portal.stop())
    say("second start, median", f"{statistics.median(starts):.2f} s")
    say("stop, median", f"{statistics.median(stops):.2f} s")


def one_mail(portal: Portal) -> None:
    """From Send to handed over, and from Send to the bounce under Failed deliveries."""

    def until(state: str, to: str) -> float:
        before = portal.count(state)

        def work() -> None:
            portal.write(to)
            wait_until(lambda: portal.count(state) > before)

        return timed(work)

    handed_over = [until("accepted", "anna@customer.test") for _ in range(10)]
    say("Send to handed over, median of 10", f"{statistics.median(handed_over):.3f} s")
    say(
        "Send to bounce recorded",
        f"{until('bounced', 'late-unknown@customer.test'):.2f} s",
    )


def many_mails(portal: Portal) -> None:
    """The product end to end, beside smtplib in a loop to the same relay."""
    before = portal.count("accepted")
    portal.write(f"p{n}@customer.test" for n in range(MAILS))
    queued = time.perf_counter()
    wait_until(lambda: portal.count("accepted") == before + MAILS, seconds=120)
    ours = MAILS / (time.perf_counter() - queued)

    relay = portal.log.read_text().rpartition("practice relay is on smtp://")[2]
    host, _, port = relay.split()[0].partition(":")
    content = b"Subject: Hello\r\n\r\nText.\r\n"

    def plain() -> None:
        with smtplib.SMTP(host, int(port)) as smtp:
            for number in range(MAILS):
                smtp.sendmail("a@bench.test", f"q{number}@customer.test", content)

    peer = MAILS / timed(plain)
    say("mails handed over per second", f"{ours:.0f}/s")
    say("the same relay fed by a bare smtplib loop", f"{peer:.0f}/s")
    say("ratio", f"{ours / peer:.2f}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        portal = Portal(Path(folder))
        starts_and_stops(portal)
        with portal:
            portal.sign_up()
            one_mail(portal)
            many_mails(portal)


if __name__ == "__main__":
    main()

"""`make bench-send`: how fast mail leaves, beside its peers, on one machine in one run.

The same 4 KB message in plain text and HTML, PostgreSQL with synchronous commit on (it
is asked), Postfix's `smtp-sink` at the far end, two worker processes. Rounds take turns,
so that what else the machine does hits all alike; figures are medians. Rates change with
the machine and the minute, so watch the ratios. CPU time grows, too, where a machine is
slow or shared, of both sides by the same factor: so ours is judged for each µs that
post_office took beside it, round by round, and as it stands against a limit that grows
and shrinks with what post_office takes here, beside what it takes on a quiet machine.
Whatever is MISSED, the run fails, and what was not measured is missed, unless
BENCH_WITHOUT names what this machine cannot have (rabbitmq, postfix). Names of parts, as in `python -m tests.bench_send
queueing`, run only those.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from functools import partial
from urllib.parse import urlsplit

from tests.bench_send import fairness, one_process, ours, peer
from tests.bench_send.machine import (
    POSTGRES,
    RABBIT,
    REDIS,
    database_on_processors,
    fresh_database,
    halves,
    is_drained,
    listens,
    manage,
    on_processors,
    postfix,
    smtp_sink,
    smtp_source,
    tidy,
)
from tests.portal import wait_until

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
MAILS = int(os.environ.get("BENCH_MAILS", "16000"))
LARGE = int(os.environ.get("BENCH_LARGE", "500000"))
THROUGH_POSTFIX = 20_000  # to begin and to end take us half a second of it
MORE_ROUNDS = 2 * ROUNDS - 1  # of what takes a moment, and is as close as noise
PEER = f"{POSTGRES}/{ours.DATABASE}_peer"
SINGLES = 3000
PEOPLE = 1000
IDLE_MAILS = 40  # one by one, on an idle system
# µs of worker CPU per mail, on a machine on which post_office takes so many: in each
# round, and on a quiet one.
CPU_LIMIT, CPU_OF_PEER, CPU_OF_PEER_IN_QUIET = 250.0, 1_585.0, 1_350.0

# Of this run's machine, by name: what it cannot have, and the figures it goes without.
WITHOUT = os.environ.get("BENCH_WITHOUT", "").lower().split()
NEEDED_FOR = {"rabbitmq": "p95 RabbitMQ", "postfix": "through Postfix"}

figures: dict[str, list[float]] = defaultdict(list)
plans: list[str] = []
missed: list[str] = []


def say(line: str = "") -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def note(name: str, value: float) -> None:
    figures[name].append(value)
    sys.stderr.write(f"  {name}: {value:,.2f}\n")


def judge(label: str, figure: str, *, kept: bool) -> None:
    say(f"{label:<40}{figure:>10}  {'kept' if kept else 'MISSED'}")
    if not kept:
        missed.append(label)


def mid(name: str) -> float:
    return statistics.median(figures[name])


def send_ours(
    name: str,
    relay: int,
    mails: int = MAILS,
    behind: int = 0,
    threads: int = ours.THREADS,
    own_words: bool = False,
    **settings: str,
) -> None:
    ours.empty()
    ours.queue(mails, behind, own_words=own_words)
    if behind:
        plans.append(ours.plan())
    run = ours.work_off(relay, mails, threads=threads, **settings)
    note(name, run.rate)
    note(f"{name}, CPU", run.cpu)
    note(f"{name}, MB", run.memory)


def through_postfix() -> None:
    """The same relay fed by us and by nothing but bytes, in turns.

    It has half of the processors for itself, as if it were on a machine of its own, and
    not even the database shares them: what is to be seen is whether it waits for us.
    `smtp-source` sends what we send, and to as many people, because Postfix has less to
    do for one whom it has just seen.
    """
    theirs, mine = halves()
    with ExitStack() as peers:
        with on_processors(theirs):
            relay = peers.enter_context(postfix(peers.enter_context(smtp_sink())))
        if relay is None:
            return
        letter = peers.enter_context(tempfile.NamedTemporaryFile())
        letter.write(ours.letter())
        letter.flush()
        peers.enter_context(on_processors(mine))
        peers.enter_context(database_on_processors(mine))
        for _ in range(MORE_ROUNDS):
            source = smtp_source(relay.port, THROUGH_POSTFIX, "-N", "-F", letter.name)
            note("L through Postfix", source)
            wait_until(partial(is_drained, relay), seconds=120)
            # A relay that writes each mail to its disk before it answers keeps a session
            # waiting, so a few more of them than elsewhere.
            send_ours("through Postfix", relay.port, THROUGH_POSTFIX, threads=6)
            wait_until(partial(is_drained, relay), seconds=120)


def from_send(relay: int) -> None:
    """How long one mail takes on an idle system, and the run with SQLite alone."""
    ours.empty()
    database = os.environ["DATABASE_URL"]
    for name, broker, port in (("Redis", REDIS, 6379), ("RabbitMQ", RABBIT, 5672)):
        if listens(urlsplit(broker).port or port):
            env = ours.configuration(database, relay, BROKER_URL=broker)
            with ours.workers(relay, BROKER_URL=broker):
                note(f"p95 {name}", one_process.measure(env, "latency", IDLE_MAILS))
    with tempfile.TemporaryDirectory() as folder:
        sqlite = f"sqlite:///{folder}/portal.sqlite3"
        env = ours.configuration(sqlite, relay, BROKER_URL="")
        manage("migrate", env=env)
        note("p95 in process", one_process.measure(env, "latency", IDLE_MAILS))
        note("embedded", one_process.measure(env, "embedded", 3200))


def sending(relay: int) -> None:
    ours.queue(MAILS)
    note("statements", ours.statements())
    note("L", smtp_source(relay, 20_000))
    for work in ("post_office", "post_office tuned", "send_messages"):
        run = peer.measure(PEER, relay, work, MAILS // 4)
        note(work, run["rate"])
        note(f"{work}, CPU", run["cpu"])
    send_ours("ours", relay)
    send_ours("own words", relay, own_words=True)
    # A thread of it waits for a commit with every mail, so a few more of them.
    strict = MAILS // 2 // ours.LANES * ours.LANES
    send_ours("strict", relay, strict, threads=8, IN_HAND="1")


def queueing(relay: int) -> None:
    """Each in a new process: statements are planned for tables as they have become."""
    env = ours.configuration(os.environ["DATABASE_URL"], relay)
    for name, theirs, number in (
        ("queue one", "mail.send", SINGLES),
        ("queue many", "send_many", PEOPLE),
    ):
        for database in (PEER, os.environ["DATABASE_URL"]):
            tidy(database)  # in two seconds it would be noticed
        note(theirs, peer.measure(PEER, relay, theirs, number)["rate"])
        note(name, one_process.measure(env, name, number))


def backlog(relay: int) -> None:
    """The same mails with nothing behind them, and with very much more."""
    if LARGE:
        send_ours("beside large", relay)
        send_ours("large", relay, MAILS, LARGE)


# What runs when, and in how many rounds.
PARTS: dict[str, tuple[Callable[[int], None], int]] = {
    "sending": (sending, ROUNDS),
    "queueing": (queueing, MORE_ROUNDS),
    "postfix": (lambda _: through_postfix(), 1),
    "latency": (from_send, 1),
    "fairness": (lambda relay: fairness.behind_many(relay, note), 1),
    "backlog": (backlog, ROUNDS),
}


# What is promised: a line, our figure, the figure it is measured by, and the factor.
PROMISES = [
    ("ours ≥ 6 × post_office -p 2", "ours", "post_office", 6.0),
    ("ours ≥ 3.5 × post_office, tuned", "ours", "post_office tuned", 3.5),
    ("ours ≥ 0.15 × L", "ours", "L", 0.15),
    ("strict ≥ 3 × post_office -p 2", "strict", "post_office", 3.0),
    (f"{LARGE:,} behind {MAILS:,} ≥ 0.95 × none", "large", "beside large", 0.95),
    ("Postfix ≥ 0.95 × smtp-source", "through Postfix", "L through Postfix", 0.95),
    ("one by one ≥ 1 × mail.send", "queue one", "mail.send", 1.0),
    ("a merge of 1,000 ≥ 1.5 × send_many", "queue many", "send_many", 1.5),
]

LIMITS = [
    ("statements per mail ≤ 0.3", "statements", 0.3),
    ("memory per worker ≤ 120 MB", "ours, MB", 120.0),
    *(
        (f"Send to handed over, p95, {name} ≤ {limit:.0f} ms", f"p95 {name}", limit)
        for name, limit in {"in process": 100, "RabbitMQ": 100, "Redis": 150}.items()
    ),
    *fairness.LIMITS,
]
EMBEDDED = 1000.0  # mails a second

# The figures of each part that something is promised of.
PROMISED = {
    "sending": {"ours", "strict", "statements", "ours, MB", "ours, CPU"},
    "queueing": {"queue one", "queue many"},
    "postfix": {"through Postfix"},
    "latency": {"p95 in process", "p95 RabbitMQ", "p95 Redis", "embedded"},
    "fairness": {name for _, name, _ in fairness.LIMITS},
    "backlog": {"large"} if LARGE else set(),
}


def expected(parts: Iterable[str]) -> set[str]:
    """What these parts must have measured, unless it is waived by name."""
    waived = {NEEDED_FOR[name] for name in WITHOUT}
    return {name for part in parts for name in PROMISED[part]} - waived


def table(*parts: str) -> None:
    """Print the figures, and of each promise whether it is kept.

    A promise of these parts that was not measured is not kept.
    """
    say(f"{'':<40}{'mails/s':>10}{'CPU µs':>10}{'MB':>8}")
    rows = {
        "smtp-source, 16 sessions (L)": "L",
        "Django send_messages": "send_messages",
        "post_office -p 2": "post_office",
        "post_office -p 2, tuned": "post_office tuned",
        "DeliveryPortal, 2 workers": "ours",
        "DeliveryPortal, each in words of its own": "own words",
        "DeliveryPortal, strict (IN_HAND=1)": "strict",
        f"DeliveryPortal, {LARGE:,} behind {MAILS:,}": "large",
        f"DeliveryPortal, {MAILS:,} alone, beside it": "beside large",
        "smtp-source, through Postfix": "L through Postfix",
        "DeliveryPortal, through Postfix": "through Postfix",
        "DeliveryPortal, embedded, SQLite": "embedded",
        "queue one by one: DeliveryPortal": "queue one",
        "queue one by one: mail.send": "mail.send",
        "queue 1,000 people: DeliveryPortal": "queue many",
        "queue 1,000 people: send_many": "send_many",
    }
    for label, name in rows.items():
        if name in figures:
            cpu = f"{mid(f'{name}, CPU'):,.0f}" if f"{name}, CPU" in figures else ""
            memory = f"{mid(f'{name}, MB'):,.0f}" if f"{name}, MB" in figures else ""
            say(f"{label:<40}{mid(name):>10,.0f}{cpu:>10}{memory:>8}")
    say()
    _judge_measured(parts)
    for label, name, peer_name, factor in PROMISES:
        if name in figures:
            # Of what ran one after the other: a machine changes from round to round.
            pairs = zip(figures[name], figures[peer_name], strict=True)
            ratio = statistics.median(ours / theirs for ours, theirs in pairs)
            judge(label, f"{ratio:.2f}", kept=ratio >= factor)
    for label, name, limit in LIMITS:
        if name in figures:
            judge(label, f"{mid(name):.2f}", kept=mid(name) <= limit)
    if "ours, CPU" in figures:
        _judge_cpu()
    if "embedded" in figures:
        rate = mid("embedded")
        judge("embedded ≥ 1,000/s", f"{rate:.2f}", kept=rate >= EMBEDDED)
    if plans:
        reads = all(map(ours.reads_what_it_claims, plans))
        judge("claiming reads what it claims", "see below", kept=reads)
        say(f"\nWhat claiming reads:\n{plans[-1]}")


def _judge_measured(parts: Iterable[str]) -> None:
    for name in sorted(expected(parts) - figures.keys()):
        judge(f"{name} is measured", "not", kept=False)


def _judge_cpu() -> None:
    """For each µs of post_office's, and as it stands."""
    pairs = zip(figures["ours, CPU"], figures["post_office, CPU"], strict=True)
    cpu = CPU_OF_PEER * statistics.median(ours / theirs for ours, theirs in pairs)
    label = f"CPU ≤ {CPU_LIMIT:.0f} µs if post_office {CPU_OF_PEER:,.0f}"
    judge(label, f"{cpu:.2f}", kept=cpu <= CPU_LIMIT)
    cpu, theirs = mid("ours, CPU"), mid("post_office, CPU")
    limit = CPU_LIMIT * theirs / CPU_OF_PEER_IN_QUIET
    label = f"CPU as it is ≤ {limit:.0f} µs, beside {theirs:,.0f}"
    judge(label, f"{cpu:.2f}", kept=cpu <= limit)


def main(*asked: str) -> int:
    if unknown := {*WITHOUT} - NEEDED_FOR.keys():
        say(
            f"BENCH_WITHOUT knows {' and '.join(NEEDED_FOR)}, not {', '.join(unknown)}."
        )
        return 2
    with smtp_sink() as relay:
        fresh_database(f"{ours.DATABASE}_peer")
        peer.measure(PEER, relay, "migrate", 1)
        ours.set_up(relay)
        committing = ours.synchronous_commit()
        judge("synchronous_commit is not off", committing, kept=committing != "off")
        if missed:
            return 1  # whatever it would print is not what it says
        for part, rounds in (PARTS[name] for name in asked or PARTS):
            for _ in range(rounds):
                part(relay)
    table(*(asked or PARTS))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

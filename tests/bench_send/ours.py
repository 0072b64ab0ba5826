"""This project's side: rows in the queue, and the workers that work them off."""

# ruff: noqa: PLC0415 - the product can be imported once its settings are known

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench_send.content import HTML, TEXT
from tests.bench_send.machine import (
    PYTHON,
    REDIS,
    cpu_seconds,
    family,
    fresh_database,
    manage,
    memory_mb,
    running,
    tidy,
)
from tests.portal import wait_until

PROCESSES = 2
THREADS = int(os.environ.get("BENCH_THREADS", "4"))
LANES = 16
# Ids and tokens in the order of time, as the product makes them.
MILLISECOND = (
    "lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0')"
)
UUID = f"({MILLISECOND} || substr(md5(random()::text || n), 13))::uuid"
TOKEN = f"{MILLISECOND} || substr(md5(random()::text || n), 13)"
NOW_OR_LATER = "now() + mod(n, 2) * (interval '1 day' + n * interval '1 second')"
DATABASE = os.environ.get("BENCH_DATABASE", "deliveryportal_bench")


@dataclass(frozen=True, slots=True)
class Run:
    """Rate in mails a second; µs of worker CPU per mail; MB of the largest worker."""

    rate: float
    cpu: float
    memory: float


def configuration(database: str, relay: int, **more: str) -> dict[str, str]:
    return {
        "DATABASE_URL": database,
        "BROKER_URL": REDIS,
        "SECRET_KEY": "bench",
        "PORTAL_MODE": "production",
        "PORTAL_DOMAIN": "portal.test",
        "PORTAL_RELAY_URL": f"smtp://127.0.0.1:{relay}",
        "BASE_URL": "https://portal.test",
        "ALLOWED_HOSTS": "portal.test",
        "LOG_LEVEL": "WARNING",
        **more,
    }


def set_up(relay: int) -> None:
    """Make the database, and become a process of the product."""
    env = configuration(fresh_database(DATABASE), relay)
    manage("migrate", env=env)
    os.environ.update(env, DJANGO_SETTINGS_MODULE="deliveryportal.settings")
    import django

    django.setup()
    collect_seldom()


def collect_seldom() -> None:
    """As each process of the product does."""
    from deliveryportal.collecting import collect_seldom

    collect_seldom()


def senders() -> list[Any]:
    from channels.models import EmailIdentity
    from deliveryportal.accounts.joining import found_team
    from deliveryportal.accounts.models import User

    if not User.objects.exists():
        for number in range(LANES):
            user = User(email=f"s{number}@acme.test", name=f"Sender {number}")
            user.set_unusable_password()
            found_team(user)
    from django.utils.timezone import now

    EmailIdentity.objects.filter(verified_at=None).update(verified_at=now())
    return list(User.objects.order_by("pk"))


def queue(
    number: int,
    behind: int = 0,
    *,
    own_words: bool = False,
    among: Sequence[Any] | None = None,
) -> None:
    """Put `number` mails into the queue, spread over the lanes, and more behind them.

    Those behind share a message of their lane: what they are to fill is the queue. Every
    other one is due, the rest is scheduled for tomorrow and later.
    With `own_words` no two letters say the same.
    """
    words = {"body": "t.body || n", "body_html": "t.body_html || n"}

    from conversations.models import Delivery, Message

    among = among or senders()
    for sender in among:
        (message,) = writer(sender)([0])
        delivery = message.deliveries.get()
        copies = number // len(among) - 1
        first = _copy(
            Message,
            message.pk,
            copies,
            {
                "uuid": UUID,
                "message_id": f"'<' || {UUID} || '@portal.test>'",
                **(words if own_words else {}),
            },
        )
        _copy(
            Delivery,
            delivery.pk,
            copies,
            {
                "uuid": UUID,
                "return_token": TOKEN,
                "recipient": "'p' || n || '@customer.test'",
                "recipient_wire": "'p' || n || '@customer.test'",
                "message_id": f"{first} + n - 1",
            },
        )
        if behind:
            _copy(
                Delivery,
                delivery.pk,
                behind // len(among),
                {
                    "uuid": UUID,
                    "return_token": TOKEN,
                    "not_before": NOW_OR_LATER,
                },
            )
    tidy(os.environ["DATABASE_URL"])


def writer(sender: Any = None) -> Callable[[Iterable[int]], list[Any]]:
    """Return what queues a message of its own for each, by the product's use case."""
    from channels.addresses import parse_address
    from channels.models import EmailIdentity
    from conversations.composing import Enclosed, Wording, write_to_each

    identity = EmailIdentity.objects.select_related("owner", "channel").get(
        owner=sender or senders()[0], is_default=True
    )
    wording = Wording(subject="Hello from the bench", body=TEXT, html=HTML)
    return lambda people: write_to_each(
        identity=identity,
        letters=[(parse_address(f"q{each}@customer.test"), wording) for each in people],
        enclosed=Enclosed(),
    )


def letter() -> bytes:
    """One of them as it leaves, with the line ends of this system."""
    from django.utils.timezone import now

    from channels.mime import Letter, to_bytes

    bytes_of_one = to_bytes(
        Letter(
            from_name="Sender 0",
            from_address="s0@acme.test",
            to_name="",
            to_address="p1@customer.test",
            subject="Hello from the bench",
            text=TEXT,
            html=HTML,
            message_id="<1@portal.test>",
            date=now(),
        )
    )
    return bytes_of_one.replace(b"\r\n", b"\n")


def synchronous_commit() -> str:
    """What the database says of the product's own connection."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        return str(cursor.fetchone()[0])


CLAIMED = 50  # in the plan that is shown


def reads_what_it_claims(plan: str) -> bool:
    """Whether it goes by the index alone, and by what is due of it, and no row more."""
    scan = re.search(
        r"Index Only Scan using conv_delivery_due .*\(actual .*rows=(\d+)\D.*\n"
        r" *Index Cond: .*not_before <=",
        plan,
    )
    return scan is not None and int(scan[1]) == CLAIMED and "Filter" not in plan


def plan() -> str:
    """The database's plan of a claim."""
    from django.db import connection
    from django.utils.timezone import now

    from conversations.models import Delivery
    from conversations.models.next_due import due_ids

    lane = Delivery.objects.values_list("channel_id", "sender_id").first()
    assert lane is not None, "nothing is queued"
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN ANALYZE {due_ids()}", [*lane, now(), CLAIMED])
        return "\n".join(line for (line,) in cursor.fetchall())


def _copy(model: Any, pk: int, number: int, changed: dict[str, str]) -> int:
    """Copy a row in the database, whatever columns it has; return the first copy's id."""
    from django.db import connection

    table = model._meta.db_table
    columns = [
        field.column
        for field in model._meta.concrete_fields
        if not field.primary_key and not getattr(field, "generated", False)
    ]
    values = ", ".join(changed.get(column, f't."{column}"') for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({names}) SELECT {values} FROM {table} t, "
            f"generate_series(1, %s) n WHERE t.id = %s ORDER BY n",
            [number, pk],
        )
        cursor.execute(f"SELECT max(id) - %s + 1 FROM {table}", [number])
        return int(cursor.fetchone()[0])


def empty() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE conversations_message CASCADE")


def lanes() -> list[tuple[int, int]]:
    from conversations.models import Delivery

    found = Delivery.objects.order_by().values_list("channel_id", "sender_id")
    return list(found.distinct())


def accepted() -> list[float]:
    """When each was accepted, in order. Events are few where deliveries are many."""
    from conversations.models import DeliveryEvent

    at = DeliveryEvent.objects.filter(kind="accepted").values_list("at", flat=True)
    return sorted(each.timestamp() for each in at)


def statements() -> float:
    """Return how many a mail costs at full batches, BEGIN and COMMIT among them."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext, override_settings

    from conversations.delivering import deliver_lane
    from conversations.models import Delivery
    from conversations.tasks import work_lane

    lane = Delivery.objects.values_list("channel_id", "sender_id").first()
    assert lane is not None
    with override_settings(LANE_MILLISECONDS=0):
        deliver_lane(*lane)  # the first finds nothing prepared
    before = len(accepted())
    # A busy machine must not end the turn before the batch.
    patient = override_settings(LANE_MILLISECONDS=60_000)
    with patient, CaptureQueriesContext(connection) as all_of:
        work_lane.fn(*lane)
    return len(all_of.captured_queries) / (len(accepted()) - before)


@contextmanager
def workers(relay: int, *, threads: int = THREADS, **more: str) -> Iterator[list[int]]:
    """The product's workers; yield the processes that send.

    As the README advises: all but one thread of each may use the relay.
    """
    sessions = str(max(PROCESSES * (threads - 1), 1))
    database = os.environ["DATABASE_URL"]
    env = configuration(database, relay, FAR_END_SESSIONS=sessions, **more)
    program = str(Path(PYTHON).parent / "dramatiq")
    command = [program, "deliveryportal.worker", "--processes", str(PROCESSES)]
    with running(*command, "--threads", str(threads), env=env) as pid:

        def sending() -> list[int]:
            # Those with their threads up: dramatiq has helpers that never send.
            return [
                each
                for each in family(pid)[1:]
                if len(list(Path(f"/proc/{each}/task").iterdir())) > threads
            ]

        wait_until(lambda: len(sending()) >= PROCESSES)
        pids = sending()
        wait_until(lambda: _are_at_rest(pids))  # not while they still begin
        yield pids


def _are_at_rest(pids: list[int]) -> bool:
    """Whether they do no more than look for work."""
    before = sum(cpu_seconds(pid) for pid in pids)
    time.sleep(0.5)  # a span to look at
    return sum(cpu_seconds(pid) for pid in pids) - before < 0.1


def forget_announcements() -> None:
    import redis

    redis.Redis.from_url(REDIS).flushdb()


def work_off(relay: int, number: int, *, threads: int = THREADS, **more: str) -> Run:
    """Work off the `number` mails that are due, from the first to the last."""
    from conversations.models import DeliveryEvent
    from conversations.tasks import work_lane

    waiting = lanes()  # to look through all that is queued takes a tenth of a second
    forget_announcements()
    with workers(relay, threads=threads, **more) as pids:
        before = sum(cpu_seconds(pid) for pid in pids)
        begun = time.time()
        for lane in waiting:
            work_lane.send(*lane)

        def done() -> bool:
            time.sleep(0.2)  # counting thousands of rows costs what is measured
            return DeliveryEvent.objects.filter(kind="accepted").count() >= number

        wait_until(done, seconds=600)
        spent = sum(cpu_seconds(pid) for pid in pids) - before
        memory = max(memory_mb(pid) for pid in pids)
    times = accepted()
    return Run(
        rate=number / (times[number - 1] - begun),
        cpu=spent / len(times) * 1e6,
        memory=memory,
    )

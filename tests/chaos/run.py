"""One run: start, write, break, let it come to rest, account for every message."""

from __future__ import annotations

import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from cryptography.fernet import Fernet

from tests.chaos.clock import Clock
from tests.chaos.far_end import CALM_DOMAIN, ChaoticSmtp, Ledger
from tests.chaos.installation import Installation
from tests.chaos.mischief import World, drawn
from tests.chaos.people import NAMES, Wiring, address, make_people
from tests.chaos.stores import OwnPostgres, OwnRedis
from tests.peers.google import ALICE, CLIENT_ID, CLIENT_SECRET, Google
from tests.visitor import PASSWORD, Visitor

A_FORM = 10  # recipients of one form
IN_HAND = 5
THREADS = 4  # of all workers together
DRAINED_WITHIN = 20.0  # seconds, after SIGTERM
UNDER_WAY = ("queued", "claimed", "handing_over")
PATIENCE = 600.0  # seconds that a run may take to come to rest


@dataclass(frozen=True, slots=True)
class Size:
    messages: int
    mischief: int


@dataclass
class Account:
    """What became of everything that people wrote."""

    seed: int
    written: int = 0
    states: Counter[str] = field(default_factory=Counter)
    accepted_out_there: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    # Unconfirmed although no answer was lost out there: a process died handing over.
    unexplained: list[str] = field(default_factory=list)
    may_be_unexplained: int = 0
    deaths: int = 0
    done: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    drained: float = 0.0

    @property
    def holds(self) -> bool:
        return (
            not self.lost
            and not self.doubled
            and len(self.unexplained) <= self.may_be_unexplained
            and self.drained <= DRAINED_WITHIN
        )


class Run:
    """`say` is told of each thing done, as it is done."""

    def __init__(
        self, seed: int, size: Size, folder: Path, say: Callable[[str], None]
    ) -> None:
        self.account = Account(seed)
        self._size = size
        self._folder = folder
        self._say = say
        self._draw = random.Random(seed)
        self._ledger = Ledger()
        self._written: set[str] = set()

    def on_one_process(self) -> Account:
        """SQLite, and workers in the web's own process."""
        database = f"sqlite:///{self._folder}/portal.sqlite3"
        with self._far_ends() as (smtp, google):
            return self._go(smtp, google, {"DATABASE_URL": database}, None, None)

    def on_servers(self) -> Account:
        """PostgreSQL, Redis, and each role in processes of its own."""
        with (
            OwnPostgres(self._folder) as postgres,
            OwnRedis() as queue,
            self._far_ends() as (smtp, google),
        ):
            stores = {"DATABASE_URL": postgres.url, "BROKER_URL": queue.url}
            return self._go(smtp, google, stores, postgres, queue)

    @contextmanager
    def _far_ends(self) -> Iterator[tuple[ChaoticSmtp, Google]]:
        with ExitStack() as parts:
            smtp = parts.enter_context(ChaoticSmtp(self.account.seed, self._ledger))
            yield smtp, parts.enter_context(Google())

    def _go(
        self,
        smtp: ChaoticSmtp,
        google: Google,
        stores: dict[str, str],
        postgres: OwnPostgres | None,
        queue: OwnRedis | None,
    ) -> Account:
        begun = time.monotonic()
        clock = Clock(self._folder)
        portal = Installation(
            self._folder,
            {
                **stores,
                "PORTAL_MODE": "production",
                "PORTAL_RELAY_URL": f"smtp://127.0.0.1:{smtp.port}",
                "PORTAL_DOMAIN": "portal.test",
                "SECRET_KEY": "chaos" * 10,
                "CREDENTIAL_KEYS": Fernet.generate_key().decode(),
                "SMTP_ALLOWED_NETWORKS": "127.0.0.0/8",
                "BOUNCE_LISTEN": "127.0.0.1:0",
                "GOOGLE_BASE": google.url,
                "GOOGLE_CLIENT_ID": CLIENT_ID,
                "GOOGLE_CLIENT_SECRET": CLIENT_SECRET,
                "IN_HAND": str(IN_HAND),
                "SWEEP_SECONDS": "1",
                "UNDO_SECONDS": "0",
                "WORKER_THREADS": str(THREADS),
            },
            in_one=postgres is None,
            preload=clock.env,
        )
        portal.prepare()
        self._set_up_django(portal.settings)
        make_people(Wiring(smtp.port, google.grant(ALICE), ALICE))
        portal.start()
        try:
            world = World(portal, google, clock, postgres, queue, self._draw)
            self._write_while_it_breaks(world)
            smtp.calm = True
            google.reset_faults()
            self._let_it_come_to_rest(portal)
        finally:
            portal.stop()
        self._count(google, portal)
        self.account.seconds = time.monotonic() - begun
        return self.account

    @staticmethod
    def _set_up_django(settings: dict[str, str]) -> None:
        os.environ |= settings | {"DJANGO_SETTINGS_MODULE": "deliveryportal.settings"}
        import django  # noqa: PLC0415 - the settings are this run's

        django.setup()

    # --- people write ---------------------------------------------------------

    def _write_while_it_breaks(self, world: World) -> None:
        forms = self._forms()
        writers = [
            threading.Thread(
                target=self._write, args=(world.installation.url, name, mine)
            )
            for name, mine in forms.items()
        ]
        for writer in writers:
            writer.start()
        mischief = drawn(self._draw, self._size.mischief)
        for number, each in enumerate(mischief, start=1):
            self._wait_for_progress(number / (len(mischief) + 1))
            self._say(each.name)
            self.account.done[each.name] += 1
            each.do(world)
        for writer in writers:
            writer.join()

    def _forms(self) -> dict[str, list[tuple[UUID, list[str]]]]:
        """For each person, what they send: a form's id and its recipients."""
        forms: dict[str, list[tuple[UUID, list[str]]]] = {name: [] for name in NAMES}
        for number in range(self._size.messages // A_FORM):
            name = NAMES[number % len(NAMES)]
            people = [
                f"p{number * A_FORM + each}.{name}@far.test" for each in range(A_FORM)
            ]
            forms[name].append(
                (UUID(int=self._draw.getrandbits(128), version=4), people)
            )
        return forms

    def _write(self, url: str, name: str, forms: list[tuple[UUID, list[str]]]) -> None:
        """Send each form, again and again until the site says that it has it."""
        visitor: Visitor | None = None
        for submission, people in forms:
            while True:
                try:
                    visitor = visitor or self._signed_in(url, name)
                    page = visitor.post(
                        "/conversations/new/",
                        to=", ".join(people),
                        subject=f"To {people[0]}",
                        body="Text.",
                        submission=str(submission),
                    )
                except (OSError, AssertionError):
                    visitor = visitor if visitor and self._is_in(visitor) else None
                    time.sleep(0.2)
                    continue
                assert "on their way" in page, page
                self._written.update(people)
                break

    @staticmethod
    def _signed_in(url: str, name: str) -> Visitor:
        visitor = Visitor(url)
        visitor.post("/accounts/login/", login=address(name), password=PASSWORD)
        return visitor

    @staticmethod
    def _is_in(visitor: Visitor) -> bool:
        try:
            return "csrfmiddlewaretoken" in visitor.get("/conversations/new/")
        except OSError:
            return True  # nobody can say; ask again later

    # --- progress -------------------------------------------------------------

    def _wait_for_progress(self, share: float) -> None:
        """Until so much of the mail has been written, or nothing moves any more."""
        end = time.monotonic() + 20
        wanted = share * self._size.messages
        while len(self._written) < wanted and time.monotonic() < end:
            time.sleep(0.05)

    def _let_it_come_to_rest(self, portal: Installation) -> None:
        from conversations.models import Delivery  # noqa: PLC0415
        from tests.chaos.resting import end_leases, let_all_be_due  # noqa: PLC0415

        self.account.drained = portal.stop()
        end_leases()
        portal.start()
        end = time.monotonic() + PATIENCE
        while Delivery.objects.filter(state__in=UNDER_WAY).exists():
            if time.monotonic() > end:
                break  # told as lost
            let_all_be_due()
            time.sleep(0.5)

    # --- the account ----------------------------------------------------------

    def _count(self, google: Google, portal: Installation) -> None:
        from conversations.models import Delivery  # noqa: PLC0415
        from tests.chaos.resting import anew  # noqa: PLC0415

        anew()
        taken = Counter(self._ledger.taken)
        for mail in google.sent(ALICE):
            taken[str(mail.message["To"].addresses[0].addr_spec)] += 1
        taken = Counter(
            {who: n for who, n in taken.items() if not who.endswith(CALM_DOMAIN)}
        )
        account = self.account
        account.written = len(self._written)
        account.accepted_out_there = sum(taken.values())
        account.deaths = portal.deaths("worker", "portal")
        rows: dict[str, list[tuple[str, str]]] = {}
        for who, state, kind in Delivery.objects.values_list(
            "recipient", "state", "channel__kind"
        ):
            rows.setdefault(who, []).append((state, kind))
            account.states[state] += 1
        for who in sorted(self._written | rows.keys() | taken.keys()):
            self._judge(who, rows.get(who, []), taken[who])
        hung_up = sum(
            number for name, number in account.done.items() if "hangs up" in name
        )
        account.may_be_unexplained = account.deaths * IN_HAND * THREADS + hung_up * 4

    def _judge(self, who: str, rows: list[tuple[str, str]], taken: int) -> None:
        account = self.account
        if taken > 1 or len(rows) > 1:
            account.doubled.append(who)
        if who in self._written and not rows:
            account.lost.append(f"{who}: no delivery")
        for state, _ in rows:
            if state in UNDER_WAY:
                account.lost.append(f"{who}: still {state}")
            elif state == "accepted" and not taken:
                account.lost.append(f"{who}: accepted, and never arrived")
            elif state == "failed" and taken:
                account.doubled.append(f"{who}: failed, and arrived")
            elif state == "unconfirmed" and who not in self._ledger.in_doubt:
                account.unexplained.append(who)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def ignore(line: str) -> None:
    pass


def run(stores: str, seed: int, size: Size, say: Callable[[str], None]) -> Account:
    """Return the account of one run; raise StoreMissingError."""
    with tempfile.TemporaryDirectory(prefix="chaos") as folder:
        one = Run(seed, size, Path(folder), say)
        return one.on_servers() if stores == "servers" else one.on_one_process()

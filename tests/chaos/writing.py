"""People write: each form is sent again and again until the site says that it has it."""

from __future__ import annotations

import math
import random
import threading
import time
from http.client import HTTPException
from urllib.error import HTTPError
from uuid import UUID

from tests.chaos.people import NAMES, address
from tests.visitor import PASSWORD, Visitor

A_FORM = 20  # recipients, at most
FORMS = 30  # at least
ENDURANCE = 120.0  # seconds that a person goes on for with one form
A_FORM_COMES = (
    10.0  # seconds, within which it does if anybody has one and the site works
)
PATH = "/conversations/new/"
Form = tuple[UUID, list[str]]


class Writing:
    """One thread for each person, who writes as soon as `let_write` allows the next form."""

    def __init__(self, url: str, messages: int, draw: random.Random) -> None:
        self._url = url
        self._a_form = max(1, min(A_FORM, messages // FORMS))
        self._forms_in_all = messages // self._a_form
        self.asked: set[str] = set()  # to whom people write
        self.written: set[str] = set()  # of whom the site has said that it has them
        self.cut_off = 0  # forms of which the site took the last word with it
        self._being_sent: set[str] = set()  # whose form the site is taking
        self._allowed = threading.Semaphore(0)  # forms that nobody has begun
        self._forms_allowed = 0
        self._threads = [
            threading.Thread(target=self._write, args=(name, forms), daemon=True)
            for name, forms in self._forms(draw).items()
        ]

    def begin(self) -> None:
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self.let_write(1.0)
        for thread in self._threads:
            thread.join()

    def let_write(self, share: float) -> None:
        """Allow so much of all that there is to write."""
        forms = math.ceil(share * self._forms_in_all)
        while self._forms_allowed < forms:
            self._allow_one()

    def _allow_one(self) -> None:
        self._forms_allowed += 1
        self._allowed.release()

    def wait_till_one_is_sent(self) -> None:
        """Until the site is taking a form in this very moment: one more, if it is not."""
        if not self._being_sent:
            self._allow_one()
        ends = time.monotonic() + A_FORM_COMES
        while not self._being_sent and self._goes_on() and time.monotonic() < ends:
            time.sleep(0.001)

    def _goes_on(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def _forms(self, draw: random.Random) -> dict[str, list[Form]]:
        forms: dict[str, list[Form]] = {name: [] for name in NAMES}
        for number in range(self._forms_in_all):
            name = NAMES[number % len(NAMES)]
            people = [
                f"p{number * self._a_form + each}.{name}@far.test"
                for each in range(self._a_form)
            ]
            self.asked.update(people)
            forms[name].append((UUID(int=draw.getrandbits(128), version=4), people))
        return forms

    def _write(self, name: str, forms: list[Form]) -> None:
        visitor: Visitor | None = None
        for submission, people in forms:
            self._allowed.acquire()
            ends = time.monotonic() + ENDURANCE
            while not self.written.issuperset(people) and time.monotonic() < ends:
                try:
                    visitor = visitor or self._signed_in(name)
                    self._send(visitor, name, submission, people)
                except (OSError, HTTPException, AssertionError):
                    visitor = visitor if visitor and self._is_in(visitor) else None
                    time.sleep(0.2)

    def _send(
        self, visitor: Visitor, name: str, submission: UUID, people: list[str]
    ) -> None:
        token = visitor.form_token(PATH)
        self._being_sent.add(name)
        try:
            page = visitor.send(
                PATH,
                token,
                to=", ".join(people),
                subject=f"To {people[0]}",
                body="Text.",
                submission=str(submission),
            )
        except HTTPError:
            raise  # an answer
        except (OSError, HTTPException):
            self.cut_off += 1
            raise
        finally:
            self._being_sent.discard(name)
        assert "on their way" in page
        self.written.update(people)

    def _signed_in(self, name: str) -> Visitor:
        visitor = Visitor(self._url)
        visitor.post("/accounts/login/", login=address(name), password=PASSWORD)
        return visitor

    @staticmethod
    def _is_in(visitor: Visitor) -> bool:
        try:
            return "csrfmiddlewaretoken" in visitor.get(PATH)
        except (OSError, HTTPException):
            return True  # nobody can say; ask again later

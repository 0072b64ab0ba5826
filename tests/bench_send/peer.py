"""django-post_office and Django's own mail, in a process and database of their own.

`python -m tests.bench_send.peer DATABASE PORT WORK NUMBER` prints one line of JSON.
"""
# ruff: noqa: PLC0415 - post_office can be imported once its settings are known

from __future__ import annotations

import json
import logging
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import django
import environ
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.management import call_command

from tests.bench_send.content import HTML, TEXT

TUNED = {"BATCH_SIZE": 1000, "LOG_LEVEL": 0}


def measure(database: str, port: int, work: str, number: int) -> dict[str, float]:
    """Run the work in a new process; return its rate, and µs of CPU per mail."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.bench_send.peer",
            database,
            str(port),
            work,
            str(number),
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def configure(database: str, port: int, post_office: dict[str, int]) -> None:
    settings.configure(
        SECRET_KEY="bench",
        DATABASES={"default": environ.Env.db_url_config(database)},
        INSTALLED_APPS=["django.contrib.contenttypes", "post_office"],
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=port,
        POST_OFFICE=post_office,
        USE_TZ=True,
        LOGGING_CONFIG=None,
    )
    django.setup()
    logging.disable(logging.CRITICAL)


def letter(number: int) -> dict[str, Any]:
    return {
        "recipients": [f"p{number}@customer.test"],
        "sender": "Alice Acme <alice@acme.test>",
        "subject": "Hello from the bench",
        "message": TEXT,
        "html_message": HTML,
    }


def send_queued(number: int) -> Callable[[], object]:
    from post_office import mail
    from post_office.models import Email

    Email.objects.all().delete()
    mail.send_many([letter(each) for each in range(number)])
    lock = tempfile.mktemp()
    return lambda: call_command("send_queued_mail", processes=2, lockfile=lock)


def queue_single(number: int) -> Callable[[], object]:
    from post_office import mail

    mail.send(**letter(0))
    return lambda: [mail.send(**letter(each)) for each in range(number)]


def queue_many(number: int) -> Callable[[], object]:
    from post_office import mail

    mail.send(**letter(0))
    return lambda: mail.send_many([letter(each) for each in range(number)])


def send_messages(number: int) -> Callable[[], object]:
    def messages() -> list[EmailMultiAlternatives]:
        found = []
        for each in range(number):
            wording = letter(each)
            message = EmailMultiAlternatives(
                wording["subject"], TEXT, wording["sender"], wording["recipients"]
            )
            message.attach_alternative(HTML, "text/html")
            found.append(message)
        return found

    return lambda: get_connection().send_messages(messages())


WORKS: dict[str, tuple[Callable[[int], Callable[[], object]], dict[str, int]]] = {
    "migrate": (lambda number: lambda: call_command("migrate", verbosity=0), {}),
    "post_office": (send_queued, {}),
    "post_office tuned": (send_queued, TUNED),
    "send_messages": (send_messages, {}),
    "mail.send": (queue_single, {}),
    "send_many": (queue_many, {}),
}


def cpu() -> float:
    used = [
        resource.getrusage(who)
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    return sum(each.ru_utime + each.ru_stime for each in used)


def main(database: str, port: str, work: str, number: str) -> None:
    prepare, post_office = WORKS[work]
    configure(database, int(port), post_office)
    run = prepare(int(number))
    before, begun = cpu(), time.perf_counter()
    run()
    seconds = time.perf_counter() - begun
    spent = (cpu() - before) / int(number) * 1e6
    sys.stdout.write(json.dumps({"rate": int(number) / seconds, "cpu": spent}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

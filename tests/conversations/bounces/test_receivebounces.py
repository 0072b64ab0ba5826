"""The command as a process of its own, as production runs it."""

from __future__ import annotations

import os
import re
import signal
import smtplib
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from conversations.models import Delivery, Report
from tests.conversations.bounces.conftest import mail

Command = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def command(transactional_db: None) -> Iterator[Command]:
    """Starts manage.py on the database of the tests."""
    with ExitStack() as running:

        def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
            process = running.enter_context(
                subprocess.Popen(
                    [sys.executable, "manage.py", *arguments],
                    cwd=settings.BASE_DIR,
                    env=os.environ
                    | {"DATABASE_URL": database_url(), "LOG_LEVEL": "WARNING"}
                    | environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            running.callback(process.kill)
            return process

        yield start


def database_url() -> str:
    config = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{config['NAME']}"
    login = f"{config['USER']}:{config['PASSWORD']}".rstrip(":")
    return f"postgres://{login}@{config['HOST']}:{config['PORT']}/{config['NAME']}"


@pytest.mark.processes
@pytest.mark.parametrize(
    ("protocol", "client", "end"),
    [("smtp", smtplib.SMTP, signal.SIGTERM), ("lmtp", smtplib.LMTP, signal.SIGINT)],
)
def test_it_receives_until_it_is_told_to_stop(
    command: Command,
    delivery: Delivery,
    path: str,
    protocol: str,
    client: Callable[..., Any],
    end: signal.Signals,
) -> None:
    process = command(
        "receivebounces", "--listen", "127.0.0.1:0", "--protocol", protocol
    )
    assert process.stdout is not None
    said = process.stdout.readline()
    address = re.search(r"on 127\.0\.0\.1:(\d+)\.", said)
    assert address, said
    assert f"by {protocol.upper()}" in said

    with client("127.0.0.1", int(address[1])) as mta:
        mta.sendmail("<>", [path], mail("unknown_user"))
    assert Report.objects.get().return_token == delivery.return_token

    process.send_signal(end)
    _, complaints = process.communicate(timeout=30)
    assert (process.returncode, complaints) == (0, "")


@pytest.mark.processes
def test_an_mta_can_pipe_a_bounce_into_the_other_command(
    command: Command, path: str
) -> None:
    process = command("ingestbounce", "--recipient", path)
    said, complaints = process.communicate(mail("unknown_user").decode(), timeout=60)
    assert (process.returncode, said, complaints) == (0, "", "")
    assert Report.objects.get().source == "pipe"


@pytest.mark.processes
def test_a_pipe_without_a_database_says_try_again(command: Command, path: str) -> None:
    process = command(
        "ingestbounce",
        "--recipient",
        path,
        DATABASE_URL="postgres://nobody@127.0.0.1:9/nothing",
    )
    _, complaints = process.communicate(mail("unknown_user").decode(), timeout=60)
    assert process.returncode == 75
    assert complaints == "The database does not answer. Try again later.\n"


def test_a_port_in_use_is_told_in_one_sentence(db: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = "{}:{}".format(*taken.getsockname())
        with pytest.raises(CommandError) as error:
            call_command("receivebounces", "--listen", listen)
    assert str(error.value) == f"Cannot listen on {listen}: Address already in use."


def test_an_address_that_is_none_is_told_in_one_sentence(db: None) -> None:
    with pytest.raises(CommandError, match="must be host:port"):
        call_command("receivebounces", "--listen", "everywhere")


def test_an_address_of_another_machine_is_told_in_one_sentence(db: None) -> None:
    with pytest.raises(
        CommandError, match=r"\ACannot listen on 192\.0\.2\.1:0: .+\.\Z"
    ):
        call_command("receivebounces", "--listen", "192.0.2.1:0")

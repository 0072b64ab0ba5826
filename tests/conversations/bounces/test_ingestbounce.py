from __future__ import annotations

import pytest
from django.db import OperationalError

from channels.return_path import new_token, return_path
from conversations.management.commands import ingestbounce
from conversations.models import Delivery, Report
from tests.conversations.bounces.conftest import Pipe, mail

BOUNCE = mail("unknown_user")


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ORIGINAL_RECIPIENT", "RECIPIENT"):
        monkeypatch.delenv(name, raising=False)


def test_a_bounce_is_stored_for_the_named_recipient(
    pipe: Pipe, delivery: Delivery, path: str
) -> None:
    assert pipe(BOUNCE, "--recipient", path) == (0, "")
    report = Report.objects.get()
    assert bytes(report.raw) == BOUNCE
    assert (report.return_token, report.source) == (delivery.return_token, "pipe")


@pytest.mark.parametrize("variable", ["ORIGINAL_RECIPIENT", "RECIPIENT"])
def test_the_recipient_is_found_in_the_environment(
    pipe: Pipe, path: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, path)
    assert pipe(BOUNCE) == (0, "")
    assert Report.objects.count() == 1


@pytest.mark.parametrize("header", ["Delivered-To", "X-Original-To"])
def test_the_recipient_is_found_in_the_mail(pipe: Pipe, path: str, header: str) -> None:
    added = f"{header}: somebody@else.test\n{header}: {path}\n".encode()
    assert pipe(added + BOUNCE) == (0, "")
    assert Report.objects.count() == 1


def test_a_recipient_given_counts_alone(
    pipe: Pipe, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORIGINAL_RECIPIENT", path)
    assert pipe(BOUNCE, "--recipient", "somebody@else.test")[0] == 67


def test_the_same_bounce_twice_is_kept_once(pipe: Pipe, path: str) -> None:
    assert pipe(BOUNCE, "--recipient", path)[0] == 0
    assert pipe(BOUNCE, "--recipient", path)[0] == 0
    assert Report.objects.count() == 1


def test_a_forged_return_path_is_kept_for_the_admin(pipe: Pipe, path: str) -> None:
    """The MTA has taken it already: nobody could be told."""
    forged = return_path(new_token(), path.rpartition("@")[2])
    assert pipe(BOUNCE, "--recipient", forged) == (0, "")
    assert Report.objects.strays().count() == 1


def test_a_bounce_for_a_deleted_message_is_kept_for_the_admin(
    pipe: Pipe, delivery: Delivery, path: str
) -> None:
    delivery.message.delete()
    assert pipe(BOUNCE, "--recipient", path)[0] == 0
    assert Report.objects.strays().count() == 1


def test_a_hostile_recipient_is_one_line(pipe: Pipe, db: None) -> None:
    code, words = pipe(BOUNCE, "--recipient", "x\ny\x1b[31m@z")
    assert code == 67
    assert words == "No such return path here: 'x\\ny\\x1b[31m@z'.\n"


def test_without_any_recipient_it_is_kept_for_the_admin(pipe: Pipe, db: None) -> None:
    assert pipe(BOUNCE) == (0, "")
    assert Report.objects.strays().count() == 1


@pytest.mark.parametrize("raw", [b"", b" \r\n"])
def test_an_empty_mail_is_bad_data(pipe: Pipe, path: str, raw: bytes) -> None:
    assert pipe(raw, "--recipient", path)[0] == 65


def test_a_mail_that_is_too_big_is_bad_data(
    pipe: Pipe, path: str, settings: pytest.FixtureRequest
) -> None:
    settings.BOUNCE_SIZE_LIMIT = 100  # type: ignore[attr-defined]
    assert pipe(BOUNCE, "--recipient", path) == (
        65,
        "The mail is larger than 100 bytes.\n",
    )


@pytest.mark.parametrize("error", [OperationalError("gone"), ArithmeticError()])
def test_what_fails_here_is_to_be_tried_again(
    pipe: Pipe, path: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> Report:
        raise error

    monkeypatch.setattr(ingestbounce, "receive_report", fail)
    code, words = pipe(BOUNCE, "--recipient", path)
    assert code == 75
    assert words.splitlines()[-1].endswith("Try again later.")

"""The rig of `make chaos` must not be content with what it is there to find."""

from __future__ import annotations

from pathlib import Path
from smtplib import SMTP
from typing import Any
from uuid import UUID

import pytest
import requests

from tests.chaos import __main__ as chaos
from tests.chaos import resting
from tests.chaos.account import Account
from tests.chaos.accounting import judge
from tests.chaos.clock import Clock
from tests.chaos.far_end import ChaoticSmtp, Manner
from tests.chaos.mischief import MISCHIEF, drawn
from tests.chaos.overslept import Overslept
from tests.chaos.run import HANDS, dice, hand
from tests.chaos.writing import Writing
from tests.peers.google import UPLOAD, Google, require_google
from tests.portal import wait_until

A_HAND_AND_MORE = {"lease": [f"p{n}@far.test" for n in range(6)]}


def test_what_arrived_once_or_is_known_not_to_have_is_in_order() -> None:
    account = Account()
    judge(account, "anna", ["accepted"], came=1, may_be=set())
    judge(account, "bert", ["failed"], came=0, may_be={"failed"})
    judge(account, "cleo", ["unconfirmed"], came=1, may_be={"unconfirmed"})
    judge(account, "dora", ["unconfirmed"], came=0, may_be={"unconfirmed"})
    assert not account.faults


@pytest.mark.parametrize(
    ("states", "came", "fault"),
    [
        ([], 0, "lost"),
        (["queued"], 0, "lost"),
        (["handing_over"], 1, "lost"),
        (["accepted"], 0, "lost"),
        (["accepted"], 2, "doubled"),
        (["unconfirmed"], 2, "doubled"),
        (["accepted", "accepted"], 1, "doubled"),
        (["failed"], 1, "doubled"),
        (["failed"], 0, "unexplained"),
        (["unconfirmed"], 0, "unexplained"),
        (["unconfirmed"], 1, "unexplained"),
    ],
)
def test_what_was_lost_or_doubled_or_has_no_reason_is_found(
    states: list[str], came: int, fault: str
) -> None:
    account = Account()
    judge(account, "anna", states, came=came, may_be=set())
    assert len(getattr(account, fault)) == len(account.faults) == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"unexplained": {"anna": "unconfirmed without a reason"}},
        {"given_up": A_HAND_AND_MORE, "leases_lost": 1, "in_hand": 5},
        {"given_up": A_HAND_AND_MORE, "leases_lost": 0, "in_hand": 10},
        {"settled_after_all": ["anna"]},
        {"sent_after_waking": ["anna"]},
        {"drained": 20.1},
    ],
)
def test_no_more_is_in_doubt_than_was_in_the_hands_of_the_dead(
    fault: dict[str, Any],
) -> None:
    assert Account(**fault).faults


@pytest.mark.parametrize(
    ("state", "reason"), [("failed", "unconfirmed"), ("unconfirmed", "failed")]
)
def test_a_reason_for_one_end_is_none_for_another(state: str, reason: str) -> None:
    account = Account()
    judge(account, "anna", [state], came=0, may_be={reason})
    assert account.faults == [f"anna: {state} without a reason"]


def test_a_server_out_there_remembers_whom_it_has_refused_for_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    manners = {"anna@far.test": Manner.REFUSES, "bert@far.test": Manner.GREYLISTS}
    monkeypatch.setattr(
        ChaoticSmtp, "manner", lambda _, who: manners.get(who, Manner.SLOWS_DOWN)
    )
    with ChaoticSmtp(1) as server, SMTP("127.0.0.1", server.port, timeout=10) as client:
        client.ehlo()
        client.mail("alice@acme.test")
        codes = [client.rcpt(f"{who}@far.test")[0] for who in ("anna", "bert", "cleo")]
    assert codes == [550, 451, 451]
    assert server.ledger.refused == {"anna@far.test"}


@pytest.mark.google
def test_gmail_out_there_remembers_whom_it_has_refused_for_good() -> None:
    require_google()
    letter = (
        b"--b\r\nContent-Type: application/json\r\n\r\n{}\r\n"
        b"--b\r\nContent-Type: message/rfc822\r\n\r\nTo: %s@far.test\r\n\r\nText.\r\n"
        b"--b--\r\n"
    )
    kind = {"Content-Type": "multipart/related; boundary=b"}
    with Google() as google:
        google.error(UPLOAD, 400, "invalidArgument")
        google.error(UPLOAD, 429, "rateLimitExceeded")
        url = f"{google.url}{UPLOAD.split()[1]}"
        answers = [
            requests.post(url, letter % who, headers=kind, timeout=10).status_code
            for who in (b"anna", b"bert")
        ]
        refused = [str(mail["To"]) for mail in google.refused()]
    assert answers == [400, 429]
    assert refused == ["anna@far.test"]


@pytest.mark.parametrize("there", [[], ["node"]])
def test_who_cannot_run_gmail_out_there_is_told_what_is_missing(
    there: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for program in there:
        (tmp_path / program).touch(mode=0o755)
    (tmp_path / "package-lock.json").touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("tests.peers.google.FOLDER", tmp_path)
    monkeypatch.setattr("sys.argv", ["chaos"])
    assert chaos.main() == 2
    missing = "npm" if there else "node"
    assert capsys.readouterr().out.startswith(f"{missing} is not installed: ")


OVERSLEPT = Overslept(lost={"a", "b", "c", "d"}, waited_for={"a"}, threads=1)


@pytest.mark.parametrize(
    ("came", "by_gmail", "found"),
    [
        ({"e"}, set(), set()),
        ({"a"}, set(), set()),
        ({"b"}, set(), {"b"}),
        ({"b"}, {"b"}, set()),
        ({"a", "b", "c"}, {"b", "c"}, {"b", "c"}),
        ({"b", "c"}, {"b"}, {"c"}),
    ],
    ids=[
        "it was not taken away",
        "its server waited for it",
        "nobody waited for it",
        "one a thread at Gmail, which is told with it",
        "more than one a thread",
        "one at Gmail excuses none on SMTP",
    ],
)
def test_who_wakes_up_finishes_what_it_was_at_and_sends_nothing_else(
    came: set[str], by_gmail: set[str], found: set[str]
) -> None:
    assert OVERSLEPT.sent_after_all(came, by_gmail) == found


def test_a_seed_has_its_size_of_a_hand_and_all_sizes_have_their_turn() -> None:
    assert [hand(seed) for seed in range(1, 7)] == HANDS * 2


@pytest.mark.parametrize("servers", [True, False])
def test_each_kind_of_mischief_has_its_turn_and_a_seed_repeats_it(
    servers: bool,
) -> None:
    first, second = (drawn(7, 20, servers=servers) for _ in range(2))
    assert first == second != drawn(8, 20, servers=servers)
    possible = {each for each in MISCHIEF if servers or not each.asks_for_servers}
    assert set(first) == possible


@pytest.mark.parametrize("servers", [True, False])
def test_seeds_that_have_few_share_all_kinds_among_them(servers: bool) -> None:
    shared = [drawn(seed, 7, servers=servers) for seed in (1, 2, 3)]
    assert [len({*each}) for each in shared] == [7, 7, 7]
    assert all(MISCHIEF[0] in each for each in shared)
    possible = {each for each in MISCHIEF if servers or not each.asks_for_servers}
    assert {kind for each in shared for kind in each} == possible


def test_nobody_writes_more_than_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    writing = Writing("", 60, dice(1))
    ahead: list[str] = []

    def take(
        _: Writing, visitor: object, name: str, uuid: UUID, people: list[str]
    ) -> None:
        if len(writing.written) + len(people) > allowed * len(writing.asked):
            ahead.extend(people)
        writing.written.update(people)

    monkeypatch.setattr(Writing, "_signed_in", lambda *_: object())
    monkeypatch.setattr(Writing, "_send", take)
    allowed = 0.0
    writing.begin()
    allowed = 0.5
    writing.let_write(allowed)
    wait_until(lambda: len(writing.written) >= allowed * len(writing.asked))
    allowed = 1.0
    writing.end()
    assert writing.written == writing.asked
    assert not ahead


@pytest.mark.parametrize(
    ("in_hand", "passes"), [(set(), resting.A_WHILE), ({(1, None)}, resting.A_MOMENT)]
)
def test_mischief_goes_on_though_no_mail_moves_and_lets_it_have_its_time(
    in_hand: set[Any], passes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resting, "_settled", lambda: 3)
    monkeypatch.setattr(resting, "_in_hand", lambda: in_hand)
    monkeypatch.setattr(resting, "FLOWS", 0.3)
    clock = Clock(tmp_path)
    resting.let_it_flow(clock, until=3)
    assert not clock.passed
    resting.let_it_flow(clock, until=4)
    assert clock.passed.total_seconds() == passes

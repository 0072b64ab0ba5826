"""What `make bench-send` says of its promises is what its exit code says."""

from __future__ import annotations

from collections import defaultdict

import pytest

from tests.bench_send import __main__ as bench
from tests.bench_send import ours

# Figures of a run that keeps all promises; a rate that is promised, and by what measured.
FIGURES = {
    **{name: 1_000.0 for _, _, name, _ in bench.PROMISES},
    **{name: 1_000.0 * factor for _, name, _, factor in bench.PROMISES},
    **{name: limit for _, name, limit in bench.LIMITS},
    "ours": 6_000.0,
    "embedded": bench.EMBEDDED,
    "ours, CPU": 200.0,
    "post_office, CPU": 1_300.0,
}
PLAN = """\
Limit  (cost=0.29..3.12 rows=50 width=16) (actual time=0.011..0.017 rows=50 loops=1)
  ->  Index Only Scan using conv_delivery_due on conversations_delivery  \
(cost=0.29..20.16 rows=350 width=16) (actual time=0.011..0.014 rows=50 loops=1)
        Index Cond: ((channel_id = 1) AND (sender_id = 1) AND (not_before <= '…'))
        Heap Fetches: 0"""


@pytest.fixture(autouse=True)
def _nothing_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "figures", defaultdict(list))
    monkeypatch.setattr(bench, "plans", [PLAN])
    monkeypatch.setattr(bench, "missed", [])


def table(capsys: pytest.CaptureFixture[str], **changed: float) -> str:
    for name, value in {**FIGURES, **changed}.items():
        bench.figures[name] = [value]
    bench.table(*bench.PARTS)
    return capsys.readouterr().out


def test_a_run_that_keeps_all_misses_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    printed = table(capsys)
    assert "MISSED" not in printed
    assert bench.missed == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, 1.0) for _, name, _, _ in bench.PROMISES),
        *((name, limit + 1) for _, name, limit in bench.LIMITS),
        ("embedded", bench.EMBEDDED - 1),
        ("ours, CPU", 206.0),
    ],
)
def test_each_promise_that_is_missed_fails_the_run(
    capsys: pytest.CaptureFixture[str], name: str, value: float
) -> None:
    printed = table(capsys, **{name: value})
    assert printed.count("MISSED") == len(bench.missed) > 0


PROMISED = sorted(bench.expected(bench.PARTS))


def test_each_figure_that_something_is_promised_of_belongs_to_a_part() -> None:
    judged = {name for _, name, *_ in (*bench.PROMISES, *bench.LIMITS)}
    assert {*PROMISED} == judged | {"ours, CPU", "embedded"}


@pytest.mark.parametrize("name", PROMISED)
def test_a_promise_that_was_not_measured_is_missed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delitem(FIGURES, name)
    assert f"{name} is measured" in table(capsys)
    assert bench.missed == [f"{name} is measured"]


@pytest.mark.parametrize(("without", "name"), bench.NEEDED_FOR.items())
def test_unless_it_is_waived_by_name(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    without: str,
    name: str,
) -> None:
    monkeypatch.setattr(bench, "WITHOUT", [without])
    monkeypatch.delitem(FIGURES, name)
    assert "MISSED" not in table(capsys)
    assert bench.missed == []


def test_or_its_part_was_not_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    bench.figures["queue one"] = bench.figures["mail.send"] = [1_000.0]
    bench.figures["queue many"], bench.figures["send_many"] = [2_000.0], [1_000.0]
    bench.table("queueing")
    assert bench.missed == []


def test_nothing_unknown_can_be_waived(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "WITHOUT", ["rabbit"])
    assert bench.main() == 2
    assert "not rabbit" in capsys.readouterr().out


def test_cpu_as_it_is_has_a_limit_that_goes_with_the_machine(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It may be missed though most rounds were good, each beside its own."""
    name = "CPU as it is ≤ 250 µs, beside 1,350"
    bench.figures["ours, CPU"] = [100.0, 260.0, 260.0]
    bench.figures["post_office, CPU"] = [1_350.0, 1_350.0, 1_900.0]
    bench._judge_cpu()
    assert [each for each in bench.missed if each == name] == [name]


@pytest.mark.parametrize(
    "plan",
    [
        PLAN.replace("Index Only Scan using conv_delivery_due", "Seq Scan"),
        PLAN.replace("(actual time=0.011..0.014 rows=50", "(actual time=0.0 rows=400"),
        PLAN.replace("AND (not_before <= '…')", ""),
        f"{PLAN}\n        Rows Removed by Filter: 7",
    ],
)
def test_a_claim_that_reads_more_than_it_claims_fails_the_run(
    capsys: pytest.CaptureFixture[str], plan: str
) -> None:
    assert ours.reads_what_it_claims(PLAN)
    bench.plans[:] = [PLAN, plan]
    table(capsys)
    assert bench.missed == ["claiming reads what it claims"]

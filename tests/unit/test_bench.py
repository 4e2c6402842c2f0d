"""What `scripts/bench` computes from what it measured."""

import json

import pytest
from rich.console import Console

from conductor.core.events import Policy
from scripts.benchmarks.cpu import OTHERS, Reading, used_between
from scripts.benchmarks.figures import BenchError, Figure, Floor, Measurement, Stage, percentile
from scripts.benchmarks.machine import load_text
from scripts.benchmarks.one_pass import ORDERS, World
from scripts.benchmarks.report import as_json, number, print_report, ratio_text

START = Figure(
    bench="start", name="first line, p50", value=12.0, unit="ms", floors=(Floor(name="commit", value=0.5),)
)
NO_OP = Figure(
    bench="noop", name="no-op jobs", value=500.0, unit="/s", floors=(Floor(name="bare bash", value=2000.0),)
)


@pytest.mark.parametrize(
    ("percent", "expected"), [(0, 1.0), (1, 1.0), (50, 50.0), (50.5, 51.0), (99, 99.0), (100, 100.0)]
)
def test_a_percentile_is_a_measured_value_whatever_the_order(percent: float, expected: float) -> None:
    assert percentile([float(value) for value in range(100, 0, -1)], percent) == expected


def test_a_percentile_of_few_values_is_never_beyond_the_slowest() -> None:
    assert percentile([3.0], 99) == 3.0
    assert percentile([3.0, 5.0], 50) == 3.0
    assert percentile([3.0, 5.0], 99) == 5.0


def test_nothing_measured_is_an_error_and_no_number() -> None:
    with pytest.raises(BenchError, match="nothing was measured"):
        percentile([], 50)


def test_a_delay_is_so_many_times_its_floor_and_a_rate_is_a_part_of_it() -> None:
    assert ratio_text(START, START.floors[0]) == "24.0 times"
    assert ratio_text(NO_OP, NO_OP.floors[0]) == "25%"


@pytest.mark.parametrize(
    ("value", "text"), [(0.2134, "0.21 ms"), (12.34, "12.3 ms"), (1234.5, "1,234 ms"), (float("inf"), "-")]
)
def test_numbers_carry_three_digits_that_mean_something(value: float, text: str) -> None:
    assert number(value, "ms") == text


def test_cpu_time_is_what_was_used_between_the_readings_and_the_rest_is_everything_else() -> None:
    before = Reading(10.0, {"api": 5.0, OTHERS: 100.0})
    after = Reading(12.0, {"api": 6.0, "postgres, sessions": 0.5, OTHERS: 103.0})
    use = used_between("no-op jobs", before, after, 40)
    assert use.wall_seconds == 2.0
    assert use.seconds == {"api": 1.0, "postgres, sessions": 0.5, OTHERS: 1.5}


def test_a_session_that_ended_is_no_negative_cpu_time() -> None:
    before, after = Reading(0.0, {"api": 5.0, OTHERS: 10.0}), Reading(1.0, {"api": 4.0, OTHERS: 9.0})
    assert used_between("submissions", before, after, 1).seconds == {"api": 0.0, OTHERS: 0.0}


def test_a_machine_at_work_for_others_is_called_so() -> None:
    assert load_text(3.0, (2.0, 1.0, 0.5)) == "idle; CPUs 3% busy, load average 2.00 1.00 0.50"
    assert load_text(60.0, (0.1, 0.1, 0.1)).startswith("NOT IDLE")


def test_the_report_shows_every_figure_and_floor_the_same_as_json_and_as_text() -> None:
    use = used_between(
        "no-op jobs", Reading(0.0, {OTHERS: 0.0}), Reading(1.0, {"api": 0.5, OTHERS: 0.5}), 500
    )
    stage = Stage(name="submission recorded to CPUs reserved", p50_ms=4.5, p99_ms=9.0)
    measured = [
        Measurement(figures=(START,), stages=(stage,)),
        Measurement(figures=(NO_OP,), cpu_uses=(use,)),
    ]
    console = Console(width=200)
    with console.capture() as captured:
        print_report({"kernel": "Linux 6"}, measured, console)
    text = captured.get()
    for shown in ("Linux 6", "12.0 ms", "24.0 times", "500/s", "25%", "4.50 ms", "api", "0.50", "1.000"):
        assert shown in text
    told = json.loads(as_json({"kernel": "Linux 6"}, measured))
    assert [figure["floors"][0]["ratio"] for figure in told["figures"]] == [24.0, 0.25]
    assert told["stages"][0]["p99_ms"] == 9.0
    assert told["cpu_uses"][0]["seconds"]["api"] == 0.5


def test_the_pass_that_is_measured_places_jobs_in_every_order_and_the_queue_stays_as_long() -> None:
    world = World(200)
    for order in ORDERS:
        world.change_policy(Policy(order=order))
        assert len(world.passes(0.0)) == 3
    assert world.cluster.waiting == 200

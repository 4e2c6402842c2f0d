"""The measures, on schedules small enough to be worked out by hand."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor.core.identifiers import JobId
from conductor.core.measures import Load, bounded_slowdown, jain, load_over_time, measure, percentile
from conductor.core.workload import Ran, Step
from tests.given import START


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def ran(
    job_id: int,
    came: float,
    began: float,
    ended: float,
    cpus: int = 1,
    user: str = "ann",
    counted: bool = True,
) -> Ran:
    return Ran(
        job_id=JobId(job_id), user_name=user, cpus=cpus, eligible_at=at(came), started_at=at(began), ended_at=at(ended),
        counted=counted,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("wait", "run", "slowdown"),
    [(0, 100, 1.0), (100, 100, 2.0), (0, 1, 1.0), (9, 1, 1.0), (99, 1, 10.0), (30, 0, 3.0), (5, 0, 1.0)],
)
def test_short_runs_count_as_ten_seconds_and_nobody_is_faster_than_himself(
    wait: float, run: float, slowdown: float
) -> None:
    assert bounded_slowdown(wait, run) == slowdown


def test_a_percentile_is_a_wait_that_was() -> None:
    waits = [float(number) for number in range(1, 101)]
    assert [percentile(waits, percent) for percent in (0, 50, 95, 99.5, 100)] == [1, 50, 95, 100, 100]
    assert percentile([7.0], 95) == 7.0


@given(st.lists(st.floats(0.5, 1e6), min_size=1))
def test_jains_index_is_one_for_equals_and_at_least_one_nth(values: list[float]) -> None:
    assert 1 / len(values) - 1e-9 <= jain(values) <= 1 + 1e-9
    assert jain([3.0] * len(values)) == pytest.approx(1.0)


def test_jains_index_of_one_who_bears_everything_is_one_nth() -> None:
    assert jain([1.0, 0.0, 0.0, 0.0]) == 0.25
    assert jain([]) == jain([0.0]) == 1.0


def test_a_small_day_is_measured_as_by_hand() -> None:
    """Four CPUs: 0-100 three of them, 100-150 two; one job of 20 s that waited 40 s on the fourth."""
    jobs = [ran(1, 0, 0, 100, 3), ran(2, 10, 100, 150, 2), ran(3, 20, 60, 80, user="bob")]
    found = measure(jobs, [Step(at(0), 4)])
    assert found is not None
    assert (found.jobs, found.users, found.most_waiting) == (3, 2, 2)
    assert found.wait_mean_seconds == pytest.approx((0 + 90 + 40) / 3)
    assert (found.wait_p50_seconds, found.wait_p95_seconds, found.wait_max_seconds) == (40, 90, 90)
    assert found.bounded_slowdown_mean == pytest.approx((1 + 140 / 50 + 60 / 20) / 3)
    assert found.bounded_slowdown_max == 3
    assert found.makespan_seconds == 150
    assert found.utilization == pytest.approx((300 + 100 + 20) / (4 * 150))
    assert found.cpu_hours == pytest.approx(420 / 3600)
    ann, bob = (1 + 2.8) / 2, 3.0
    assert found.fairness == pytest.approx((ann + bob) ** 2 / (2 * (ann**2 + bob**2)))


def test_who_was_there_before_takes_cpus_and_is_not_measured() -> None:
    found = measure([ran(1, -50, -50, 50, 2, counted=False), ran(2, 0, 50, 100, 4)], [Step(at(-60), 4)])
    assert found is not None
    assert (found.jobs, found.wait_max_seconds, found.makespan_seconds) == (1, 50, 100)
    assert found.utilization == pytest.approx((2 * 50 + 4 * 50) / 400)


def test_nothing_that_ran_has_no_measures() -> None:
    assert measure([], []) is None
    assert measure([ran(1, 0, 0, 1, counted=False)], []) is None


def test_the_load_is_told_at_every_change_and_starts_where_it_is_asked_for() -> None:
    jobs = [ran(1, 0, 0, 100, 3), ran(2, 10, 100, 150, 2)]
    steps = [Step(at(-10), 4), Step(at(120), 8)]
    assert load_over_time(jobs, steps, begin=at(5), end=at(150)) == (
        Load(at(5), 3, 4, 0),
        Load(at(10), 3, 4, 1),
        Load(at(100), 2, 4, 0),
        Load(at(120), 2, 8, 0),
        Load(at(150), 0, 8, 0),
    )


def test_cpus_that_a_job_holds_are_there_though_the_node_has_gone() -> None:
    found = measure([ran(1, 0, 0, 100, 4)], [Step(at(0), 4), Step(at(50), 0)])
    assert found is not None
    assert found.utilization == 1.0


spans = st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50), st.integers(1, 4))


@given(
    st.lists(spans, min_size=1, max_size=12),
    st.lists(st.tuples(st.integers(0, 99), st.integers(0, 9)), max_size=4),
)
def test_use_is_never_more_than_all_and_is_the_work_that_was_done(
    drawn: list[tuple[int, int, int, int]], steps: list[tuple[int, int]]
) -> None:
    jobs = [
        ran(n, came, came + wait, came + wait + run, cpus) for n, (came, wait, run, cpus) in enumerate(drawn)
    ]
    capacity = [Step(at(when), cpus) for when, cpus in sorted(dict(steps).items())]
    found = measure(jobs, capacity)
    assert found is not None
    assert 0 <= found.utilization <= 1
    loads = load_over_time(jobs, capacity, begin=at(0), end=at(200))
    ends = [load.at for load in loads[1:]] + [at(200)]
    work = sum(
        load.busy_cpus * (end - load.at).total_seconds() for load, end in zip(loads, ends, strict=True)
    )
    assert work == pytest.approx(sum(one.cpus * one.run_seconds for one in jobs))

"""Fair share: followed step by step it is what the formula says, and factors are Slurm's classic ones."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from math import fsum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor.core.events import Policy, ReleaseReason, ResourcesReleased
from conductor.core.fair_share import (
    LEAST_CPU_SECONDS,
    STEP_SECONDS,
    Fact,
    FairShare,
    charged_to,
    counted_until,
    factors,
    half_life_seconds,
)
from conductor.core.identifiers import AllocationId, JobId, job_stream
from conductor.core.job import Job
from tests.given import START, allocated, pending, reserved, submitted

HOUR = timedelta(hours=1)

# of an account: CPUs, begun so many seconds after the start, used for so many (None: still)
allocations = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.integers(1, 64),
        st.floats(0, 1e5),
        st.none() | st.floats(0, 1e5),
    ),
    max_size=30,
)
Allocations = list[tuple[str, int, float, float | None]]


def by_the_formula(these: Allocations, until: float, half_life: float) -> dict[str, float]:
    """Second by second in the plainest way: what each allocation had, by the mean age of short pieces."""
    uses: dict[str, float] = {}
    for account, cpus, begun, lasted in these:
        end = until if lasted is None else min(begun + lasted, until)
        if end > begun:
            uses[account] = uses.get(account, 0.0) + cpus * _integral(until - end, until - begun, half_life)
    return uses


def _integral(youngest: float, oldest: float, half_life: float, pieces: int = 200) -> float:
    """Simpson's rule, which knows nothing of logarithms."""
    width = (oldest - youngest) / pieces
    heights = [2.0 ** (-(youngest + i * width) / half_life) for i in range(pieces + 1)]
    weights = [1 if i in (0, pieces) else 4 if i % 2 else 2 for i in range(pieces + 1)]
    return width / 3 * fsum(w * h for w, h in zip(weights, heights, strict=True))


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@given(
    allocations,
    st.lists(st.floats(0, 3e5), min_size=1, max_size=10),
    st.sampled_from([3e4, 1e6, 3.6e9]),
)
def test_followed_in_any_steps_it_is_what_the_formula_says(
    these: Allocations, steps: list[float], half_life: float
) -> None:
    share = FairShare(half_life=half_life, until=START)
    events = [(begun, account, cpus) for account, cpus, begun, _ in these]
    events += [
        (begun + lasted, account, -cpus) for account, cpus, begun, lasted in these if lasted is not None
    ]
    for step in sorted(steps):
        for moment, account, cpus in sorted(events):
            if moment <= step:
                share.add(Fact(at(moment), account, cpus))
        events = [one for one in events if one[0] > step]
        share.move_to(at(step))
    expected = by_the_formula(these, max(steps), half_life)
    for account in "abc":
        assert share.uses.get(account, 0.0) == pytest.approx(expected.get(account, 0.0), rel=1e-6, abs=1e-4)


def test_after_one_half_life_use_counts_half_and_what_runs_counts_to_this_moment() -> None:
    share = FairShare(half_life=3600, until=START)
    share.add(Fact(at(0), "a", 10))
    share.add(Fact(at(1), "a", -10))
    share.move_to(START + HOUR)
    assert share.uses["a"] == pytest.approx(5.0, rel=1e-3)
    share.add(Fact(START + HOUR, "b", 4))
    share.move_to(START + HOUR + timedelta(seconds=10))
    assert share.uses["b"] == pytest.approx(40, rel=1e-2)


def test_what_has_faded_away_is_forgotten() -> None:
    share = FairShare(half_life=3.6, until=START)
    share.add(Fact(at(0), "a", 1))
    share.add(Fact(at(1), "a", -1))
    share.move_to(at(2))
    assert share.uses.keys() == {"a"}
    share.move_to(at(1000))
    assert (share.uses, share.cpus, share.factors) == ({}, {}, {})


def test_time_never_goes_back_and_what_was_told_late_counts_in_the_next_step() -> None:
    share, prompt = (FairShare(half_life=60, until=START) for _ in range(2))
    prompt.add(Fact(at(5), "a", 2))
    for one in (share, prompt):
        assert one.move_to(at(10))
        assert not one.move_to(at(10))
        assert not one.move_to(at(5))
    share.add(Fact(at(5), "a", 2))
    for one in (share, prompt):
        one.move_to(at(20))
    assert share.uses == pytest.approx(prompt.uses)


@given(st.dictionaries(st.text("abc", min_size=1), st.floats(0, 1e12), max_size=6))
def test_factors_lie_between_none_and_one_and_who_used_more_has_less(uses: Mapping[str, float]) -> None:
    found = factors(uses)
    assert found.keys() == {account for account, use in uses.items() if use >= LEAST_CPU_SECONDS}
    assert all(0 < factor <= 1 for factor in found.values())
    by_use = sorted(found, key=lambda account: uses[account])
    assert [found[account] for account in by_use] == sorted(found.values(), reverse=True)


def test_an_account_that_used_its_share_has_a_half_as_in_slurms_classic_formula() -> None:
    assert factors({"a": 50.0, "b": 50.0}) == {"a": 0.5, "b": 0.5}
    assert factors({"a": 75.0, "b": 25.0}) == {"a": 2.0**-1.5, "b": 2.0**-0.5}
    assert factors({"a": 1.0}) == {"a": 0.5}
    assert factors({}) == {}


def test_only_what_runs_is_charged_and_to_the_account_or_else_to_the_user() -> None:
    assert charged_to(submitted(account="physics")) == "physics"
    assert charged_to(submitted(account=None, user_name="alice")) == "alice"
    share = FairShare(half_life=3600, until=START)
    stream, released = (
        job_stream(JobId(1)),
        ResourcesReleased(allocation_id=AllocationId(7), reason=ReleaseReason.EXPIRED),
    )
    world = pending(account="physics")

    def follow(*events: object) -> None:
        for event in events:
            job = world.states[stream]
            assert isinstance(job, Job)
            share.note(event, job, world.now)  # type: ignore[arg-type]
            world.given(stream, event)  # type: ignore[arg-type]

    follow(reserved(cpu_ids=(0, 1)), released, reserved(8, cpu_ids=(0, 1)))
    share.move_to(world.now + HOUR)
    assert (share.uses, share.cpus) == ({}, {})
    follow(allocated(8))
    share.move_to(world.now + 2 * HOUR)
    assert share.cpus == {"physics": 2}
    assert share.uses["physics"] > 0


def test_a_step_counts_everything_before_the_step_before_it() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    for seconds in (0, 3, 9.999):
        until = counted_until(noon + timedelta(seconds=seconds))
        assert until == noon - timedelta(seconds=STEP_SECONDS)
    assert counted_until(noon + timedelta(seconds=10)) == noon


def test_use_is_followed_only_while_it_counts() -> None:
    assert half_life_seconds(Policy()) is None
    assert half_life_seconds(Policy(fair_share_weight=1, half_life_hours=2)) == 7200

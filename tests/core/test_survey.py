"""A survey keeps the newest of what is asked for, in whatever order the states pass by."""

import random

import pytest

from conductor.core.identifiers import JobId, job_stream, node_stream
from conductor.core.job import Job
from projections.survey import AllocationFilter, JobFilter, Survey, shown_job
from tests.given import NODE, START, World, allocated, one_node, reserved, submitted


def twelve_jobs() -> World:
    """Submitted one a second, job 1 first; the first four run on CPUs 0 to 3."""
    world = one_node()
    for job_id in range(1, 13):
        world.given(job_stream(JobId(job_id)), submitted(job_id))
    for job_id in range(1, 5):
        stream = job_stream(JobId(job_id))
        world.given(stream, reserved(job_id, cpu_ids=(job_id - 1,)), allocated(job_id))
    return world


@pytest.mark.parametrize("seed", range(5))
def test_the_newest_below_the_cursor_are_kept_in_any_order(seed: int) -> None:
    states = list(twelve_jobs().states.values())
    random.Random(seed).shuffle(states)
    survey = Survey.of(
        states, jobs=JobFilter(limit=3, cursor=9), allocations=AllocationFilter(limit=2, cursor=4)
    )
    assert [row["id"] for row in survey.job_rows()] == [8, 7, 6]
    assert [row["id"] for row in survey.allocation_rows()] == [3, 2]
    assert (survey.matching_jobs, survey.total_jobs) == (12, 12)


@pytest.mark.parametrize("seed", range(5))
def test_the_oldest_that_waits_has_the_lowest_number_in_any_order(seed: int) -> None:
    world = twelve_jobs()
    states = list(world.states.values())
    random.Random(seed).shuffle(states)
    fifth = world.states[job_stream(JobId(5))]
    assert isinstance(fifth, Job)
    assert Survey.of(states).oldest_pending_at == fifth.submitted_at


def test_what_is_not_asked_for_is_not_kept() -> None:
    survey = Survey.of(twelve_jobs().states.values())
    assert (survey.job_rows(), survey.allocation_rows()) == ([], [])
    assert survey.sums()["used_cpus"] == 4
    [node] = survey.node_rows()
    assert (node["used_cpus"], node["free_cpus"], node["running_jobs"]) == (4, 0, 4)


def test_a_node_that_nobody_uses_is_all_free() -> None:
    states = twelve_jobs().states
    [node] = Survey.of([states[node_stream(NODE)]]).node_rows()
    assert (node["used_cpus"], node["free_cpus"]) == (0, 4)


def test_a_job_that_waits_has_waited_until_the_moment() -> None:
    world = World().given(job_stream(JobId(1)), submitted())
    row = shown_job(world.job, world.now)
    assert (row["wait_seconds"], row["run_seconds"], row["resource_allocation"]) == (0.0, None, None)
    assert row["submit_time"] == world.now.isoformat() > START.isoformat()

"""How arrays and dependencies are spelled, and the truth table of what they mean."""

from collections.abc import Mapping
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor.core.arrays import Array, tasks_of
from conductor.core.arrays import parsed as parsed_array
from conductor.core.commands import Submit
from conductor.core.dependencies import (
    Clause,
    Dependency,
    Kind,
    Outlook,
    Reference,
    Tally,
    outlook_of,
    parsed,
)
from conductor.core.identifiers import JobId

NAMING: tuple[Kind, ...] = ("after", "afterok", "afternotok", "afterany")
KINDS = st.sampled_from(NAMING)
REFERENCES = st.builds(
    Reference,
    job_id=st.integers(1, 2**53 - 1).map(JobId),
    task_id=st.none() | st.integers(0, 4_000_000),
)
CLAUSES = st.builds(Clause, kind=KINDS, reference=REFERENCES) | st.just(Clause(kind="singleton"))
DEPENDENCIES = st.builds(
    Dependency,
    clauses=st.lists(CLAUSES, min_size=1, max_size=5, unique=True).map(tuple),
    any_will_do=st.booleans(),
).filter(lambda one: len(one.clauses) > 1 or not one.any_will_do)


@given(DEPENDENCIES)
def test_a_dependency_reads_back_as_it_was_written(dependency: Dependency) -> None:
    assert parsed(str(dependency)) == dependency


@given(st.sets(st.integers(0, 4_000_000), min_size=1, max_size=50), st.none() | st.integers(1, 10_000))
def test_an_array_of_single_indices_reads_back(indices: set[int], limit: int | None) -> None:
    text = ",".join(map(str, indices)) + (f"%{limit}" if limit else "")
    assert parsed_array(text) == Array(indices=tuple(sorted(indices)), limit=limit)


@pytest.mark.parametrize(
    ("text", "indices", "step"),
    [
        ("0-3", (0, 1, 2, 3), 1),
        ("1-10:3%2", (1, 4, 7, 10), 3),
        ("7", (7,), 1),
        ("3,1,2-4", (1, 2, 3, 4), 1),
        ("1,2,9", (1, 2, 9), 1),
    ],
)
def test_an_array_is_as_slurm_reads_it(text: str, indices: tuple[int, ...], step: int) -> None:
    assert (parsed_array(text).indices, parsed_array(text).step) == (indices, step)


@pytest.mark.parametrize(
    "text",
    ["", "a", "3-1", "1-2:0", "0-10000", "1%0", "1%", "4000001", "1,,2", "-1", "٠-٣", "1-2%٢", "１-３"],
)
def test_what_is_no_array_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parsed_array(text)


def test_a_submission_becomes_its_tasks() -> None:
    command = Submit(script="true\n", user_name="u", submitted_by="s", array="5,1-3%2")
    assert [task.array_task_id for task in tasks_of(command)] == [1, 2, 3, 5]
    assert {task.array for task in tasks_of(command)} == {"5,1-3%2"}


@pytest.mark.parametrize(
    "text",
    ["", "afterok", "afterok:", "afterok:x", "afterok:0", "after:41+5", "aftercorr:41", "singleton:3",
     "afterok:1,after:2?afterany:3", "afterok:1_", f"afterok:{2**53}", "afterok:٤١", "afterok:1_２"],
)  # fmt: skip
def test_what_is_no_dependency_is_refused_with_the_part_that_is_wrong(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parsed(text)


def test_several_jobs_of_one_kind_are_conditions_of_their_own() -> None:
    assert str(parsed("afterok:41:42_7,afterany:50")) == "afterok:41,afterok:42_7,afterany:50"


W, M, N = Outlook.WAITING, Outlook.MET, Outlook.NEVER
TRUTH: Mapping[str, tuple[Outlook, ...]] = {
    # state:        waiting running  completed failed
    "after": (W, M, M, M),
    "afterok": (W, W, M, N),
    "afternotok": (W, W, N, M),
    "afterany": (W, W, M, M),
}
TALLIES = (Tally(1, 0, 0, 0), Tally(1, 1, 0, 0), Tally(1, 1, 1, 1), Tally(1, 1, 1, 0))


@pytest.mark.parametrize("kind", NAMING)
def test_the_truth_table_of_one_job(kind: Kind) -> None:
    assert tuple(outlook_of(kind, tally) for tally in TALLIES) == TRUTH[kind]


def test_every_kind_is_in_the_truth_table() -> None:
    assert set(TRUTH) | {"singleton"} == set(get_args(Kind))


@given(KINDS, st.lists(st.sampled_from([0, 1, 2, 3]), min_size=1, max_size=6), st.data())
def test_an_outlook_only_ever_leaves_waiting(kind: Kind, stages: list[int], data: st.DataObject) -> None:
    """As long as nothing is requeued: what came true stays true, what never can, never will."""

    def tally(stages: list[int]) -> Tally:
        return Tally(
            len(stages),
            sum(stage > 0 for stage in stages),
            sum(stage > 1 for stage in stages),
            sum(stage == 2 for stage in stages),
        )

    before = outlook_of(kind, tally(stages))
    later = [one if one > 1 else data.draw(st.integers(one, 3)) for one in stages]
    assert before is W or outlook_of(kind, tally(later)) is before

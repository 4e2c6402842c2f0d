"""Which CPUs: neighbours inside one NUMA node when there are such, and always the same for the same free ones."""

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conductor.core.cpu_choice import chosen, lowest, mask_of, numbers_of

HALVES = (mask_of(range(8)), mask_of(range(8, 16)))


@pytest.mark.parametrize(
    ("free", "count", "numa", "expected"),
    [
        ([0, 1, 2, 3], 2, (), [0, 1]),
        ([0, 1, 2, 4, 5], 2, (), [4, 5]),  # the shortest run that is long enough
        ([0, 1, 3, 4], 2, (), [0, 1]),  # of equals the lower
        ([0, 2, 4], 2, (), [0, 2]),  # no neighbours: the lowest
        ([6, 7, 8, 9], 4, (), [6, 7, 8, 9]),
        ([5, 6, 7, 8, 9, 10, 11], 4, HALVES, [8, 9, 10, 11]),  # inside one NUMA node
        ([0, 2, 4, 6, 7, 8, 9], 4, HALVES, [0, 2, 4, 6]),  # one NUMA node before neighbours
        ([0, 2, 4, 8, 10, 11, 13, 15], 3, HALVES, [0, 2, 4]),  # the one with fewest that are enough
        (list(range(4, 16)), 10, HALVES, [4, 5, *range(8, 16)]),  # one whole, the rest beside
        ([0, 1, 20, 21, 22], 3, HALVES, [20, 21, 22]),  # CPUs that no NUMA node has
    ],
)
def test_the_choice(free: list[int], count: int, numa: tuple[int, ...], expected: list[int]) -> None:
    assert numbers_of(chosen(mask_of(free), count, numa)) == tuple(expected)


masks = st.sets(st.integers(0, 23), min_size=1)
splits = st.lists(st.integers(1, 23), unique=True, max_size=3).map(sorted)


@given(masks, splits, st.data())
def test_it_is_some_of_the_free_ones_on_as_few_numa_nodes_as_can_be(
    free: set[int], splits: list[int], data: st.DataObject
) -> None:
    edges = [0, *splits, 24]
    numa = [set(range(low, high)) for low, high in pairwise(edges)]
    count = data.draw(st.integers(1, len(free)))
    given_ones = set(numbers_of(chosen(mask_of(free), count, [mask_of(part) for part in numa])))
    assert len(given_ones) == count
    assert given_ones <= free
    touched = sum(bool(given_ones & part) for part in numa)
    fewer = combinations([part & free for part in numa], touched - 1)
    assert all(sum(map(len, some)) < count for some in fewer)
    runs = [run for part in numa for run in runs_of(part & free) if len(run) >= count]
    if runs:
        shortest = min(runs, key=lambda run: (len(run), run[0]))
        assert given_ones == set(shortest[:count])


def runs_of(numbers: set[int]) -> list[list[int]]:
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs


def test_the_lowest() -> None:
    assert numbers_of(lowest(mask_of([1, 4, 9]), 2)) == (1, 4)

"""The stream `projections` counts what was mended, and never goes back in the log."""

import pytest

from conductor.core.decider import evolve
from conductor.core.errors import IllegalTransition
from conductor.core.events import ProjectionsRebuilt
from conductor.core.identifiers import PROJECTIONS_STREAM, SCHEDULER_STREAM, Position, Version
from conductor.core.rebuilds import Rebuilds
from tests.given import START, World, elected, led, one_node, pending


def rebuilt(position: int, **rows: tuple[int | str, ...]) -> ProjectionsRebuilt:
    return ProjectionsRebuilt(position=Position(position), rows=rows, reason=None)


def test_rebuilds_are_counted() -> None:
    world = World().given(PROJECTIONS_STREAM, rebuilt(5, jobs=(1, 2)), rebuilt(9, nodes=("a",)))
    assert world.states[PROJECTIONS_STREAM] == Rebuilds(
        version=Version(2), position=Position(9), rows_total=3
    )


def test_a_later_rebuild_has_read_at_least_as_much() -> None:
    world = World().given(PROJECTIONS_STREAM, rebuilt(5))
    with pytest.raises(IllegalTransition, match="cannot follow one from position 5"):
        world.given(PROJECTIONS_STREAM, rebuilt(4))


def test_it_belongs_to_no_other_stream() -> None:
    for world in (pending(), one_node(), led(World(), 1)):
        for state in world.states.values():
            with pytest.raises(IllegalTransition, match="not the projections'"):
                evolve(state, rebuilt(1), at=START, version=Version(2))
    mended = World().given(PROJECTIONS_STREAM, rebuilt(1)).states[PROJECTIONS_STREAM]
    with pytest.raises(IllegalTransition, match=SCHEDULER_STREAM):
        evolve(mended, elected(1), at=START, version=Version(2))

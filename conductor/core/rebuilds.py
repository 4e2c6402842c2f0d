"""The stream `projections`: which rows of which tables were made anew from the log, and why."""

from dataclasses import dataclass

from conductor.core.errors import IllegalTransition
from conductor.core.events import ProjectionsRebuilt
from conductor.core.identifiers import Position, Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilds:
    """Every mend so far: how many rows, and up to where the last one had read the log."""

    version: Version = Version(0)
    position: Position = Position(0)
    rows_total: int = 0


def evolve(rebuilds: Rebuilds, event: ProjectionsRebuilt, *, version: Version) -> Rebuilds:
    """The same after one more. Raises `IllegalTransition` when it read less of the log than the one before."""
    if event.position < rebuilds.position:
        raise IllegalTransition(
            f"a rebuild from position {event.position} cannot follow one from position {rebuilds.position}"
        )
    mended = sum(len(keys) for keys in event.rows.values())
    return Rebuilds(version=version, position=event.position, rows_total=rebuilds.rows_total + mended)

"""A measured figure and the floors it stands on.

Promises: pure; a ratio says how many times a delay is its floor, or which part of its floor a rate reaches.
Refuses to know: how anything is measured or shown.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Unit = Literal["ms", "/s", "MB"]


class BenchError(Exception):
    """It could not be measured; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """What this machine does without us, in the unit of the figures that stand on it."""

    name: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured number."""

    bench: str
    name: str
    value: float
    unit: Unit
    floors: tuple[Floor, ...] = ()

    def ratio(self, floor: Floor) -> float:
        """The figure in units of its floor."""
        return self.value / floor.value if floor.value else math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step on the way of a job to its first line."""

    name: str
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuUse:
    """Who used the CPUs during one figure. `seconds` is by role; `done` is what the figure counts."""

    name: str
    wall_seconds: float
    cores: int
    done: int
    seconds: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What one bench brings home."""

    figures: tuple[Figure, ...]
    cpu_uses: tuple[CpuUse, ...] = ()
    stages: tuple[Stage, ...] = ()


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of all do not exceed (nearest rank)."""
    if not values:
        raise BenchError("nothing was measured, so there is no percentile of it")
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def milliseconds(seconds: Sequence[float], percent: float) -> float:
    return percentile(seconds, percent) * 1000

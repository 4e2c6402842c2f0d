"""Counters, gauges and histograms of one process: numbers that are added to, and read as a whole now and then.

Promises: an observation is a look-up and an addition, well under a microsecond; a snapshot is plain JSON. Not a lock
anywhere: what two threads count in the same instant may be counted once, which a metric can bear. Refuses to know how
numbers are shown.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

Labels = tuple[str, ...]
Kind = Literal["counter", "gauge", "histogram"]

# Of one metric: for each combination of label values a number, or of a histogram the counts in each bucket and above
# the last, and the sum.
Values = list[tuple[Sequence[str], Any]]
Snapshot = Mapping[str, Values]

_MOST_SERIES = 500  # of one metric; what comes later counts under `other`


class Counter:
    """A number that grows, one for each combination of label values; `read` ones are asked when somebody looks."""

    def __init__(self) -> None:
        self._values: dict[Labels, float] = {}
        self._read: dict[Labels, Callable[[], float]] = {}

    def add(self, *labels: str, by: float = 1) -> None:
        values = self._values
        if labels not in values and len(values) >= _MOST_SERIES:
            labels = ("other",) * len(labels)
        values[labels] = values.get(labels, 0) + by

    def read(self, how: Callable[[], float], *labels: str) -> None:
        """From now on asked for: somebody else counts."""
        self._read[labels] = how

    def values(self) -> Values:
        return [*self._values.items(), *((labels, how()) for labels, how in tuple(self._read.items()))]


class Gauge:
    """A number that is what it is now; `read` ones are asked when somebody looks."""

    def __init__(self) -> None:
        self._values: dict[Labels, float] = {}
        self._read: dict[Labels, Callable[[], float | None]] = {}

    def set(self, value: float, *labels: str) -> None:
        self._values[labels] = value

    def add(self, by: float, *labels: str) -> None:
        self._values[labels] = self._values.get(labels, 0) + by

    def read(self, how: Callable[[], float | None], *labels: str) -> None:
        """From now on asked for; None: there is none at the moment."""
        self._read[labels] = how

    def values(self) -> Values:
        asked = [(labels, how()) for labels, how in tuple(self._read.items())]
        return [*self._values.items(), *((labels, value) for labels, value in asked if value is not None)]


class Histogram:
    """How often a value was at most each bound; the last count is of those above all bounds."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._values: dict[Labels, list[float]] = {}

    def observe(self, value: float, *labels: str) -> None:
        found = self._values.get(labels)
        if found is None:
            if len(self._values) >= _MOST_SERIES:
                labels = ("other",) * len(labels)
            found = self._values.setdefault(labels, [0.0] * (len(self._bounds) + 2))
        found[bisect_left(self._bounds, value)] += 1
        found[-1] += value

    def values(self) -> Values:
        return [(labels, list(found)) for labels, found in tuple(self._values.items())]


Instrument = Counter | Gauge | Histogram


def snapshot(instruments: Iterable[tuple[str, Instrument]]) -> Snapshot:
    """Everything at this moment, by metric; what was never touched is left out."""
    return {name: values for name, instrument in instruments if (values := instrument.values())}

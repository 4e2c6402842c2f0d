"""Numbers as Prometheus reads them, of this process, of others, and of the whole system.

Promises: of every metric one family, whoever counted; what a process of another release counts and this one does not
know is left out.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from conductor.telemetry.instruments import Snapshot
from conductor.telemetry.metric_catalogue import METRICS, Metric
from conductor.telemetry.process import Who

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PROCESS_LABELS = ("process", "node", "pid")

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one process says of itself. `position`: the head of the log when it said so."""

    who: Who
    counted: Snapshot
    position: int | None = None


def exposition(processes: Sequence[Told], system: Snapshot) -> bytes:
    """The text of one scrape."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Numbers(processes, system))
    return generate_latest(registry)


class _Numbers(Collector):
    def __init__(self, processes: Sequence[Told], system: Snapshot) -> None:
        self._processes = processes
        self._system = system

    def collect(self) -> Iterator[Family]:
        for name, metric in METRICS.items():
            family = _family(name, metric)
            if metric.of_process:
                for told in self._processes:
                    _add(family, metric, _values(name, told), told.who.labels)
            else:
                _add(family, metric, self._system.get(name, ()), ())
            yield family


def _values(name: str, told: Told) -> Iterable[tuple[Sequence[str], Any]]:
    if name != "conductor_follower_lag_events":
        return told.counted.get(name, ())
    head = told.position
    if head is None:
        return ()
    followed = told.counted.get("conductor_follower_position", ())
    return [(labels, max(0, head - position)) for labels, position in followed]


def _family(name: str, metric: Metric) -> Family:
    labels = (*PROCESS_LABELS, *metric.labels) if metric.of_process else metric.labels
    if metric.kind == "histogram":
        return HistogramMetricFamily(name, metric.en, labels=labels)
    if metric.kind == "counter":
        return CounterMetricFamily(name, metric.en, labels=labels)
    return GaugeMetricFamily(name, metric.en, labels=labels)


def _add(
    family: Family, metric: Metric, values: Iterable[tuple[Sequence[str], Any]], who: Sequence[str]
) -> None:
    for labels, value in values:
        if len(labels) != len(metric.labels):
            continue  # of another release
        if isinstance(family, HistogramMetricFamily):
            if len(value) == len(metric.bounds) + 2:
                family.add_metric([*who, *labels], list(_buckets(metric.bounds, value)), value[-1])
        else:
            family.add_metric([*who, *labels], value)


def _buckets(bounds: Sequence[float], counts: Sequence[float]) -> Iterator[tuple[str, float]]:
    total = 0.0
    for bound, count in zip(bounds, counts, strict=False):
        total += count
        yield f"{float(bound)}", total
    yield "+Inf", total + counts[-2]

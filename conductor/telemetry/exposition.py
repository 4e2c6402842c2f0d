"""Numbers as Prometheus reads them, of this process, of others, and of the whole system.

prometheus_client says what each metric is, once; the lines of numbers are written here, because its own writer takes 17
microseconds a line, and a hundred nodes have twenty thousand lines. Its parser reads every scrape of the tests.

Promises: of every metric one family, whoever counted; what a process of another release counts and this one does not
know is left out.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from conductor.telemetry.instruments import Snapshot
from conductor.telemetry.metric_catalogue import METRICS, Metric
from conductor.telemetry.process import Who

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PROCESS_LABELS = ("process", "node", "pid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one process says of itself. `position`: the head of the log when it said so."""

    who: Who
    counted: Snapshot
    position: int | None = None


def exposition(processes: Sequence[Told], system: Snapshot) -> str:
    """The text of one scrape."""
    return "".join(part for name in METRICS for part in _family(name, processes, system))


def _family(name: str, processes: Sequence[Told], system: Snapshot) -> Iterator[str]:
    metric = METRICS[name]
    yield _head(name)
    if not metric.of_process:
        yield from _lines(name, metric, system.get(name, ()), "")
        return
    for told in processes:
        who = _labels(PROCESS_LABELS, told.who.labels)
        yield from _lines(name, metric, _values(name, told), who)


@cache
def _head(name: str) -> str:
    """HELP and TYPE, as prometheus_client writes them."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_One(Family(name.removesuffix("_total"), METRICS[name].en, METRICS[name].kind)))
    return generate_latest(registry).decode()


class _One(Collector):
    def __init__(self, family: Family) -> None:
        self._family = family

    def collect(self) -> Iterator[Family]:
        yield self._family


def _values(name: str, told: Told) -> Iterable[tuple[Sequence[str], Any]]:
    if name != "conductor_follower_lag_events":
        return told.counted.get(name, ())
    head = told.position
    if head is None:
        return ()
    followed = told.counted.get("conductor_follower_position", ())
    return [(labels, max(0, head - position)) for labels, position in followed]


def _lines(name: str, metric: Metric, values: Iterable[tuple[Sequence[str], Any]], who: str) -> Iterator[str]:
    for labels, value in values:
        if len(labels) != len(metric.labels):
            continue  # of another release
        shown = ",".join(filter(None, (who, _labels(metric.labels, labels))))
        if metric.kind == "histogram":
            yield from _buckets(name, metric, value, shown)
        else:
            yield f"{name}{{{shown}}} {value}\n" if shown else f"{name} {value}\n"


def _buckets(name: str, metric: Metric, counts: Sequence[float], shown: str) -> Iterator[str]:
    if len(counts) != len(metric.bounds) + 2:
        return  # of another release
    before, total = f"{shown}," if shown else "", 0.0
    for bound, count in zip((*map(float, metric.bounds), "+Inf"), counts, strict=False):
        total += count
        yield f'{name}_bucket{{{before}le="{bound}"}} {total}\n'
    yield f"{name}_count{{{shown}}} {total}\n{name}_sum{{{shown}}} {counts[-1]}\n"


def _labels(names: Sequence[str], values: Sequence[str]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True))


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")

"""What is given to a simulation, and what comes back: jobs that really ran somewhere, and jobs that ran in a thought.

Promises: both are told in the same words (`Ran`), so that the same measures are taken of both.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from conductor.core.events import (
    DependencyMet,
    JobHeld,
    JobReprioritized,
    JobSubmitted,
    JobUnheld,
    NodeEvent,
    NodeRegistered,
    NodeRemoved,
    Policy,
    ReleaseReason,
)
from conductor.core.held_numbers import CPU_BLOCK_SIZE
from conductor.core.identifiers import Incarnation, JobId, NodeName
from conductor.core.job import Job

Wish = JobHeld | JobUnheld | JobReprioritized | DependencyMet

MOST_NODES = 100_000
_NODES = re.compile(r"(\d{1,6})x(\d{1,6})(?::(\d{1,9})([MGT]?))?", re.IGNORECASE)
_MEGABYTES = {"": 1, "M": 1, "G": 1024, "T": 1024 * 1024}


class NodeNews(NamedTuple):
    """What became of a node, and when."""

    at: datetime
    node_name: NodeName
    event: NodeEvent


class Step(NamedTuple):
    """A number that is so from an instant on."""

    at: datetime
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a job ended when it was let run for its own time."""

    reason: ReleaseReason = ReleaseReason.FINISHED
    exit_code: int | None = 0
    exit_signal: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """CPUs that a job has already when the simulation begins."""

    since_at: datetime
    node_name: NodeName
    cpu_ids: tuple[int, ...]
    gres: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A job with what nobody knew when it was submitted: how long it runs, and what people then did with it.

    `run` is None for a job that was cancelled, at `gone_at`, before it had run.
    """

    submitted: JobSubmitted
    submitted_at: datetime
    run: timedelta | None
    gone_at: datetime | None = None
    outcome: Outcome = Outcome()
    wishes: tuple[tuple[datetime, Wish], ...] = ()
    held: Held | None = None
    counted: bool = True  # False: it takes CPUs, but it was there before; its wait is not measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Before `begins_at` everything is as it was; from then on the plan decides.

    `nodes` and `policies` say what is so from when on. `any_node`: nodes may still come that fit a job.
    `ended` are jobs that dependencies name and that had ended before.
    """

    begins_at: datetime
    jobs: tuple[Work, ...]
    nodes: tuple[NodeNews, ...]
    policies: tuple[tuple[datetime, Policy], ...]
    any_node: bool = False
    ended: Mapping[JobId, Job] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One run of a job: CPUs held from `started_at` to `ended_at`."""

    job_id: JobId
    user_name: str
    cpus: int
    eligible_at: datetime  # from then on it waited for nothing but its turn
    started_at: datetime
    ended_at: datetime
    node_name: NodeName = NodeName("")
    cpu_ids: tuple[int, ...] = ()
    counted: bool = True

    @property
    def wait_seconds(self) -> float:
        return (self.started_at - self.eligible_at).total_seconds()

    @property
    def run_seconds(self) -> float:
        return (self.ended_at - self.started_at).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeKind:
    """So many nodes of one size."""

    count: int
    cpus: int
    memory_mb: int | None = None

    def __str__(self) -> str:
        return f"{self.count}x{self.cpus}" + (f":{self.memory_mb}M" if self.memory_mb is not None else "")


def parse_nodes(text: str) -> tuple[NodeKind, ...]:
    """`4x64`, `2x64,8x32`, `4x64:256G`. Raises `ValueError` with a sentence that says which part is wrong."""
    kinds = tuple(_kind(part.strip()) for part in text.split(","))
    if sum(kind.count for kind in kinds) > MOST_NODES:
        raise ValueError(f"more than {MOST_NODES} nodes")
    return kinds


def _kind(part: str) -> NodeKind:
    found = _NODES.fullmatch(part)
    if found is None or int(found[1]) < 1 or not 1 <= int(found[2]) <= CPU_BLOCK_SIZE:
        raise ValueError(f"{part!r} is no number of nodes, an x, and CPUs of each: 4x64 or 4x64:256G")
    memory_mb = int(found[3]) * _MEGABYTES[found[4].upper()] if found[3] else None
    return NodeKind(count=int(found[1]), cpus=int(found[2]), memory_mb=memory_mb)


def registrations(kinds: Sequence[NodeKind]) -> tuple[NodeRegistered, ...]:
    """Nodes that nobody has: named so that their names sort as they are counted, without labels."""
    whole = sum(kind.count for kind in kinds)
    each = [kind for kind in kinds for _ in range(kind.count)]
    return tuple(
        NodeRegistered(
            node_name=NodeName(f"node-{number:0{len(str(whole))}}"),
            incarnation=Incarnation(1),
            spool_id="",
            boot_id="",
            total_cpus=kind.cpus,
            cpu_ids=tuple(range(kind.cpus)),
            cpu_block=(number - 1) * CPU_BLOCK_SIZE,
            memory_mb=kind.memory_mb,
        )
        for number, kind in enumerate(each, 1)
    )


def capacity_steps(nodes: Sequence[NodeNews]) -> tuple[Step, ...]:
    """CPUs of all nodes that are registered and not removed, each number with when it began to be so."""
    cpus: dict[NodeName, int] = {}
    steps: list[Step] = []
    for news in sorted(nodes, key=lambda one: one.at):
        if isinstance(news.event, NodeRegistered):
            cpus[news.node_name] = news.event.total_cpus
        elif isinstance(news.event, NodeRemoved):
            cpus.pop(news.node_name, None)
        if steps and steps[-1].at == news.at:
            steps.pop()
        steps.append(Step(news.at, sum(cpus.values())))
    return tuple(steps)

"""Trying what would let a waiting job start: the scheduler's own plan, with one thing otherwise, not too often.

Refuses to know what is tried.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from conductor.core.events import JobSubmitted, Policy
from conductor.core.identifiers import JobId
from conductor.core.job import Job
from conductor.core.node import Node
from conductor.core.supposing import placement_in, supposing
from conductor.core.wait_reasons import Judge, Told

# Each try is a plan of the whole queue; in a long queue there are fewer of them.
_TRIES, _TRIES_BY_JOBS = 10, 300_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """`command`: the line to type, where there is one."""

    told: Told
    command: str | None = None


class Tries:
    """A bounded number of looks at how things would be."""

    def __init__(self, judge: Judge, job: Job) -> None:
        self.judge = judge
        self.job = job
        self._left = max(3, min(_TRIES, _TRIES_BY_JOBS // (len(judge.cluster.jobs) + 1)))

    @property
    def used_up(self) -> bool:
        return self._left <= 0

    def places(
        self,
        *,
        jobs: Iterable[Job] = (),
        without: JobId | None = None,
        nodes: Sequence[Node] = (),
        policy: Policy | None = None,
    ) -> bool:
        """Whether the job would be placed now if these were so. When no tries are left: not that anybody knows."""
        if self.used_up:
            return False
        self._left -= 1
        judge = self.judge
        supposed = supposing(judge.cluster, judge.now, jobs=jobs, without=without, nodes=nodes, policy=policy)
        usable = {*judge.usable, *(node.node_name for node in nodes)}
        return placement_in(supposed, self.job.job_id, judge.now, usable) is not None

    def places_asking(self, wanted: JobSubmitted) -> bool:
        """The same if the job had asked for this."""
        return self.places(jobs=[replace(self.job, submitted=wanted)])

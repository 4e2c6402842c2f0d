"""Waiting jobs in the order in which a pass looks at them, and what limits them all.

Promises: the first few cost little however many wait. Refuses to know which of them will start: that is the plan's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import islice

from conductor.core.fair_share import charged_to
from conductor.core.job import Job
from conductor.core.pools import Pool, PoolKind
from conductor.core.queues import Place, Queue, QueueKey, effective_priority
from conductor.core.wait_reasons import Judge


@dataclass(frozen=True, slots=True, kw_only=True)
class InLine:
    """A job in its place; `reason` is the word for why it waits."""

    job: Job
    effective_priority: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceUse:
    name: str
    total: int
    used: int


def waiting_count(judge: Judge) -> int:
    """Jobs that could start as far as they themselves are concerned: neither held nor waiting for a time or another."""
    return sum(map(len, judge.cluster.queues.values()))


def first_in_line(judge: Judge, most: int) -> list[InLine]:
    cluster = judge.cluster
    policy = cluster.policy.policy

    def led(queue: Queue, key: QueueKey) -> Iterator[Place]:
        return (judge.led(place, key) for place in queue)

    places = islice(merge(*(led(queue, key) for key, queue in cluster.queues.items())), most)
    jobs = [cluster.jobs[place.job_id] for place in places]
    return [
        InLine(
            job=job,
            effective_priority=effective_priority(
                job, policy, cluster.fair_share.get(charged_to(job.submitted), 1.0), judge.now
            ),
            reason=judge.reason(job),
        )
        for job in jobs
    ]


def licence_use(judge: Judge) -> list[LicenceUse]:
    """Of the policy's licences, how many are held by reserved and running jobs."""
    licences, pools = judge.cluster.policy.policy.licences, judge.cluster.pools
    return [
        LicenceUse(name=name, total=total, used=pools.get((PoolKind.LICENCE, name), Pool()).used)
        for name, total in sorted(licences.items())
    ]

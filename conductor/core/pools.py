"""What is counted over the whole cluster, not on one node: each user's CPUs and jobs, tasks of an array, licences.

Live allocations hold their part. A cap is a pool's size; whose size is not limited is counted all the same, so that
a cap set at run time is right at once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from conductor.core.events import Policy
from conductor.core.identifiers import JobId
from conductor.core.job import Job
from conductor.core.node_use import Hold
from conductor.core.queues import QueueKey


class PoolKind(StrEnum):
    USER_CPUS = "user_cpus"
    USER_JOBS = "user_jobs"
    ARRAY = "array"
    LICENCE = "licence"


PoolKey = tuple[PoolKind, str | JobId]


class Part(NamedTuple):
    amount: int
    ends_at: datetime | None  # by the time limit of the job that holds it


@dataclass(slots=True)
class Pool:
    parts: dict[JobId, Part] = field(default_factory=dict)
    used: int = 0

    def copy(self) -> "Pool":
        return Pool(dict(self.parts), self.used)


class Claim(NamedTuple):
    """What a job needs of a pool, and the pool's size."""

    key: PoolKey
    amount: int
    size: int


Pools = dict[PoolKey, Pool]


def take(pools: Pools, job: Job, hold: Hold) -> None:
    for key, amount in _parts_of(job, hold):
        pool = pools.setdefault(key, Pool())
        pool.parts[job.job_id] = Part(amount, hold.ends_at)
        pool.used += amount


def give_back(pools: Pools, job: Job, hold: Hold) -> None:
    for key, amount in _parts_of(job, hold):
        pool = pools[key]
        del pool.parts[job.job_id]
        pool.used -= amount
        if not pool.parts:
            del pools[key]


def _parts_of(job: Job, hold: Hold) -> Iterator[tuple[PoolKey, int]]:
    wanted = job.submitted
    yield (PoolKind.USER_CPUS, wanted.user_name), hold.cpu_mask.bit_count()
    yield (PoolKind.USER_JOBS, wanted.user_name), 1
    if wanted.array_job_id is not None:
        yield (PoolKind.ARRAY, wanted.array_job_id), 1
    for name, count in wanted.gres.items():
        if count:  # whether it is a licence is the policy's word of the moment
            yield (PoolKind.LICENCE, name), count


def claims(key: QueueKey, policy: Policy, cpus: int) -> list[Claim]:
    """What a job of this queue needs of pools whose size is limited; licences last."""
    wanted: list[Claim] = []
    if key.user_name is not None:
        if policy.user_max_cpus is not None:
            wanted.append(Claim((PoolKind.USER_CPUS, key.user_name), cpus, policy.user_max_cpus))
        if policy.user_max_jobs is not None:
            wanted.append(Claim((PoolKind.USER_JOBS, key.user_name), 1, policy.user_max_jobs))
    if key.array_job_id is not None and key.array_limit is not None:
        wanted.append(Claim((PoolKind.ARRAY, key.array_job_id), 1, key.array_limit))
    for name, count in key.licences:
        wanted.append(Claim((PoolKind.LICENCE, name), count, policy.licences[name]))
    return wanted


@dataclass(slots=True)
class PoolsInPass:
    """Pools and what a pass has promised of them besides."""

    pools: Mapping[PoolKey, Pool]
    promised: dict[PoolKey, list[Part]] = field(default_factory=dict)
    _amounts: dict[PoolKey, int] = field(default_factory=dict)  # of what is promised

    def used(self, key: PoolKey) -> int:
        pool = self.pools.get(key)
        return (pool.used if pool else 0) + self._amounts.get(key, 0)

    def promise(self, key: PoolKey, part: Part) -> None:
        self.promised.setdefault(key, []).append(part)
        self._amounts[key] = self._amounts.get(key, 0) + part.amount

    def short(self, claim: Claim) -> bool:
        return self.used(claim.key) + claim.amount > claim.size

    def parts(self, key: PoolKey) -> list[Part]:
        pool = self.pools.get(key)
        return [*(pool.parts.values() if pool else ()), *self.promised.get(key, ())]

    def left_at(self, claim: Claim, at: datetime) -> int:
        """What is left of the pool when all that must have ended by then has ended."""
        staying = [p for p in self.parts(claim.key) if p.ends_at is None or p.ends_at > at]
        return claim.size - sum(part.amount for part in staying)

    def soonest(self, claim: Claim, now: datetime) -> datetime | None:
        """When there is enough of it, by time limits alone."""
        if not self.short(claim):
            return now
        left = claim.size - self.used(claim.key)
        ending = [part for part in self.parts(claim.key) if part.ends_at is not None]
        for part in sorted(ending, key=lambda part: part.ends_at or now):
            left += part.amount
            if left >= claim.amount:
                assert part.ends_at is not None
                return max(now, part.ends_at)
        return None

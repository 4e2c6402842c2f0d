"""Waiting jobs in queues: one for everything that decides whether a job can start, each in order of who goes first.

So when the first of a queue cannot start, none behind it can, and a pass is done with all of them at once. Queues
are split by user, account or time limit only where the policy makes these matter.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import NamedTuple

from conductor.core.demand import Demand, demand_of, licences_of
from conductor.core.events import Policy
from conductor.core.fair_share import charged_to
from conductor.core.identifiers import JobId
from conductor.core.job import Job

_CHUNK = 1024  # places; a queue is a list of lists, so that one job in or out of a million costs microseconds
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


class QueueKey(NamedTuple):
    """What jobs of one queue have in common. None where it makes no difference under the policy."""

    demand: Demand
    licences: tuple[tuple[str, int], ...] = ()
    time_limit_seconds: int | None = None
    user_name: str | None = None
    account: str | None = None
    array_job_id: JobId | None = None
    array_limit: int | None = None


class Place(NamedTuple):
    """Who goes first: the lower rank, then who was submitted earlier, then the lower number."""

    rank: float
    submitted_at: datetime
    job_id: JobId


class Queue:
    """Places in order. Adding, removing and the head cost little however many there are."""

    __slots__ = ("_chunks", "_lasts", "key")

    def __init__(self, key: QueueKey, places: Iterable[Place] = ()) -> None:
        self.key = key
        ordered = sorted(places)
        self._chunks = [ordered[i : i + _CHUNK] for i in range(0, len(ordered), _CHUNK)]
        self._lasts = [chunk[-1] for chunk in self._chunks]

    def copy(self) -> "Queue":
        other = Queue(self.key)
        other._chunks, other._lasts = [chunk[:] for chunk in self._chunks], self._lasts[:]
        return other

    def __iter__(self) -> Iterator[Place]:
        return chain.from_iterable(self._chunks)

    def __len__(self) -> int:
        return sum(map(len, self._chunks))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Queue) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    @property
    def head(self) -> Place:
        return self._chunks[0][0]

    def after(self, place: Place) -> Place | None:
        """Who stands behind this one."""
        index = bisect_right(self._lasts, place)
        if index == len(self._lasts):
            return None
        chunk = self._chunks[index]
        return chunk[bisect_right(chunk, place)]

    def add(self, place: Place) -> None:
        if not self._chunks:
            self._chunks, self._lasts = [[place]], [place]
            return
        index = min(bisect_left(self._lasts, place), len(self._lasts) - 1)
        chunk = self._chunks[index]
        insort(chunk, place)
        if len(chunk) > 2 * _CHUNK:
            self._chunks[index : index + 1] = [chunk[:_CHUNK], chunk[_CHUNK:]]
            self._lasts[index : index + 1] = [chunk[_CHUNK - 1], chunk[-1]]
        else:
            self._lasts[index] = chunk[-1]

    def remove(self, place: Place) -> None:
        index = bisect_left(self._lasts, place)
        chunk = self._chunks[index]
        del chunk[bisect_left(chunk, place)]
        if chunk:
            self._lasts[index] = chunk[-1]
        else:
            del self._chunks[index], self._lasts[index]


class Splitting(NamedTuple):
    """What a policy splits and orders queues by. While it stays the same, so do the queues."""

    licences: frozenset[str]
    by_time_limit: bool
    by_user: bool
    by_account: bool
    aging_per_hour: float

    def key_of(self, job: Job) -> QueueKey:
        wanted = job.submitted
        limit = limit_of(wanted.array)
        return QueueKey(
            demand_of(wanted, self.licences),
            licences_of(wanted, self.licences) if self.licences else (),
            wanted.time_limit_seconds if self.by_time_limit else None,
            wanted.user_name if self.by_user else None,
            charged_to(wanted) if self.by_account else None,
            wanted.array_job_id if limit else None,
            limit,
        )

    def place_of(self, job: Job) -> Place:
        """The rank is the effective priority turned round, less what grows for all alike with time."""
        if not self.aging_per_hour:
            return Place(-job.priority, job.submitted_at, job.job_id)
        eligible_at = job.eligible_at or job.submitted_at
        hours = (eligible_at - _EPOCH).total_seconds() / 3600
        return Place(self.aging_per_hour * hours - job.priority, job.submitted_at, job.job_id)


def splitting(policy: Policy) -> Splitting:
    protects = policy.order == "backfill" or (
        policy.order == "first_fit" and policy.guard_seconds is not None
    )
    return Splitting(
        licences=frozenset(policy.licences),
        by_time_limit=protects,
        by_user=policy.user_max_cpus is not None or policy.user_max_jobs is not None,
        by_account=policy.fair_share_weight > 0,
        aging_per_hour=policy.aging_per_hour,
    )


def limit_of(array: str | None) -> int | None:
    """How many tasks of an array may hold CPUs at a time: `0-99%10`; none: as many as can."""
    number = array.partition("%")[2] if array else ""
    return int(number) if number else None


def effective_priority(job: Job, policy: Policy, share: float, now: datetime) -> float:
    """What a waiting job is ordered by; `share`: its account's factor of fair share, from 0 to 1."""
    waited = max(0.0, (now - (job.eligible_at or now)).total_seconds() / 3600)
    return job.priority + policy.aging_per_hour * waited + policy.fair_share_weight * share

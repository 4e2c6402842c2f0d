"""Waiting jobs in queues: one for everything that decides whether a job can start, each in order of who goes first.

So when the first of a queue cannot start, none behind it can, and a pass is done with all of them at once. Queues
are split by user or account only where the policy makes these matter.

They are not split by time limit, of which there may be as many as jobs. It matters to those alone that stand behind a
protected job, and there only on which side of one boundary it lies: `Queue.after` finds the next that is short enough.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain
from math import inf
from typing import NamedTuple

from conductor.core.demand import Demand, demand_of, licences_of
from conductor.core.events import Policy
from conductor.core.fair_share import charged_to
from conductor.core.identifiers import JobId
from conductor.core.job import Job

_CHUNK = 512  # places; a queue is a list of lists, so that one job in or out of a million costs microseconds
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
_LATE = datetime.max.replace(tzinfo=UTC)


class QueueKey(NamedTuple):
    """What jobs of one queue have in common. None where it makes no difference under the policy."""

    demand: Demand
    licences: tuple[tuple[str, int], ...] = ()
    user_name: str | None = None
    account: str | None = None
    array_job_id: JobId | None = None
    array_limit: int | None = None


class Place(NamedTuple):
    """Who goes first: the lower rank, then who was submitted earlier, then the lower number.

    The limit, `inf` when there is none, and the rest are only carried along: no two places have one number.
    """

    rank: float
    submitted_at: datetime
    job_id: JobId
    time_limit_seconds: float = inf
    eligible_at: datetime = _LATE


class Queue:
    """Places in order. Adding, removing, the head and the next cost little however many there are.

    Of each chunk a limit is known that none in it is shorter than, and a time before which none in it was eligible.
    They may be too low after a job has left, and are put right when a search was led astray by them.
    """

    __slots__ = ("_chunks", "_earliest", "_lasts", "_shortest", "key")

    def __init__(self, key: QueueKey, places: Iterable[Place] = ()) -> None:
        self.key = key
        ordered = sorted(places)
        self._chunks = [ordered[i : i + _CHUNK] for i in range(0, len(ordered), _CHUNK)]
        self._lasts = [chunk[-1] for chunk in self._chunks]
        self._shortest = [_shortest(chunk) for chunk in self._chunks]
        self._earliest = [_earliest(chunk) for chunk in self._chunks]

    def copy(self) -> "Queue":
        other = Queue(self.key)
        other._chunks = [chunk[:] for chunk in self._chunks]
        other._lasts, other._shortest = self._lasts[:], self._shortest[:]
        other._earliest = self._earliest[:]
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

    def after(self, place: Place, longest_seconds: float = inf) -> Place | None:
        """Who stands behind this one: the first of those whose limit is at most so long."""
        index = bisect_right(self._lasts, place)
        if index == len(self._lasts):
            return None
        chunk = self._chunks[index]
        start = bisect_right(chunk, place)
        if longest_seconds == inf:
            return chunk[start]
        if self._shortest[index] <= longest_seconds:
            for other in chunk[start:]:
                if other.time_limit_seconds <= longest_seconds:
                    return other
        return self._first_from(index + 1, longest_seconds)

    def _first_from(self, first: int, longest_seconds: float) -> Place | None:
        """Of the chunks from this one on, the first place whose limit is at most so long."""
        for index in range(first, len(self._chunks)):
            if self._shortest[index] > longest_seconds:
                continue
            chunk = self._chunks[index]
            for place in chunk:
                if place.time_limit_seconds <= longest_seconds:
                    return place
            self._shortest[index] = _shortest(chunk)
        return None

    def first_older(self, place: Place, than: datetime) -> Place | None:
        """The first, from this one on, that was eligible before then."""
        first = bisect_left(self._lasts, place)
        for index in range(first, len(self._chunks)):
            if self._earliest[index] >= than:
                continue
            chunk = self._chunks[index]
            for other in chunk:
                if other.eligible_at < than and other >= place:
                    return other
            self._earliest[index] = _earliest(chunk)
        return None

    def add(self, place: Place) -> None:
        if not self._chunks:
            self._chunks, self._lasts = [[place]], [place]
            self._shortest, self._earliest = [place.time_limit_seconds], [place.eligible_at]
            return
        index = min(bisect_left(self._lasts, place), len(self._lasts) - 1)
        chunk = self._chunks[index]
        insort(chunk, place)
        if len(chunk) > 2 * _CHUNK:
            halves = [chunk[:_CHUNK], chunk[_CHUNK:]]
            self._chunks[index : index + 1] = halves
            self._lasts[index : index + 1] = [half[-1] for half in halves]
            self._shortest[index : index + 1] = [_shortest(half) for half in halves]
            self._earliest[index : index + 1] = [_earliest(half) for half in halves]
        else:
            self._lasts[index] = chunk[-1]
            self._shortest[index] = min(self._shortest[index], place.time_limit_seconds)
            self._earliest[index] = min(self._earliest[index], place.eligible_at)

    def remove(self, place: Place) -> None:
        index = bisect_left(self._lasts, place)
        chunk = self._chunks[index]
        del chunk[bisect_left(chunk, place)]
        if chunk:
            self._lasts[index] = chunk[-1]
        else:
            del self._chunks[index], self._lasts[index], self._shortest[index], self._earliest[index]


def _shortest(chunk: list[Place]) -> float:
    return min(place.time_limit_seconds for place in chunk)


def _earliest(chunk: list[Place]) -> datetime:
    return min(place.eligible_at for place in chunk)


class Splitting(NamedTuple):
    """What a policy splits and orders queues by. While it stays the same, so do the queues."""

    licences: frozenset[str]
    by_user: bool
    by_account: bool
    aging_per_hour: float

    def key_of(self, job: Job) -> QueueKey:
        wanted = job.submitted
        limit = limit_of(wanted.array)
        return QueueKey(
            demand_of(wanted, self.licences),
            licences_of(wanted, self.licences) if self.licences else (),
            wanted.user_name if self.by_user else None,
            charged_to(wanted) if self.by_account else None,
            wanted.array_job_id if limit else None,
            limit,
        )

    def place_of(self, job: Job) -> Place:
        """The rank is the effective priority turned round, less what grows for all alike with time."""
        limit = job.submitted.time_limit_seconds
        carried = inf if limit is None else limit
        eligible_at = job.eligible_at or job.submitted_at
        rank: float = -job.priority
        if self.aging_per_hour:
            rank += self.aging_per_hour * ((eligible_at - _EPOCH).total_seconds() / 3600)
        return Place(rank, job.submitted_at, job.job_id, carried, eligible_at)


def splitting(policy: Policy) -> Splitting:
    return Splitting(
        licences=frozenset(policy.licences),
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

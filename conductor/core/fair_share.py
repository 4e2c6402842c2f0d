"""Fair share: what each account has used, the older the less, and the factor that comes of it.

A job's use is charged to its account, or to its user's name when it has none (`charged_to`). An allocation uses its
CPUs from `ResourcesAllocated` to `ResourcesReleased`; a reservation uses nothing, nor does one that was imported. A
CPU-second that is x half-lives old counts 2^-x, so that an allocation of c CPUs from a to b counts, at a time T and
with a half-life of h seconds,

    c * h/ln 2 * (2^(-(T-b)/h) - 2^(-(T-a)/h))          (b = T while it runs)

and the factor of an account is Slurm's classic one, F = 2^(-U/S), where U is its part of all use (0 to 1) and S its
share, which is the same for all: one over the number of accounts that have used anything. So an account that used
nothing has 1, one that used its share has 1/2.

T is not now. Factors stand for a step of ten seconds and count everything that was decided before the step before it
began (`counted_until`): by then it is in the log. So they follow from the log and the time of a pass alone, and any
past one can be computed again. Refuses to know: what a factor is worth, and who reads the log.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import expm1, fsum, log
from typing import NamedTuple

from conductor.core.allocation import Allocation, AllocationStatus
from conductor.core.events import Event, JobSubmitted, Policy, ResourcesAllocated, ResourcesReleased
from conductor.core.job import Job

STEP_SECONDS = 10
LEAST_CPU_SECONDS = 1e-6  # less counts as nothing: every use decays, none ever ends

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LN2 = log(2)


class Fact(NamedTuple):
    """CPUs that an account took into use, or gave back (then negative)."""

    at: datetime
    account: str
    cpus: int


def charged_to(submitted: JobSubmitted) -> str:
    """The account that a job's use is charged to; a user without one stands for himself."""
    return submitted.account or submitted.user_name


def counted_until(now: datetime) -> datetime:
    """The time up to which use counts at `now`: where the step before this one began."""
    steps = (now - _EPOCH) // timedelta(seconds=STEP_SECONDS)
    return _EPOCH + timedelta(seconds=STEP_SECONDS * (steps - 1))


def half_life_seconds(policy: Policy) -> float | None:
    """What use is followed with; None when fair share counts for nothing, and need not be followed."""
    return policy.half_life_hours * 3600.0 if policy.fair_share_weight > 0 else None


def factors(uses: Mapping[str, float]) -> dict[str, float]:
    """The factor of every account that has used anything, from CPU-seconds; all others have 1."""
    counted = {account: use for account, use in uses.items() if use >= LEAST_CPU_SECONDS}
    total = fsum(counted.values())
    return {account: 2.0 ** (-len(counted) * use / total) for account, use in counted.items()}


def weighed_seconds(age_seconds: float, half_life: float) -> float:
    """The last so many seconds, each by its age: the integral of 2^(-x/half_life) from 0 to `age_seconds`."""
    return -half_life / _LN2 * expm1(-_LN2 * age_seconds / half_life)


@dataclass(slots=True, kw_only=True)
class FairShare:
    """Every account's use, followed event by event. Changed by `note` and `move_to` alone.

    Between two steps the use of an account decays, and the CPUs it holds add theirs: nothing is summed anew.
    """

    half_life: float  # seconds
    until: datetime  # what `uses` and `cpus` are of
    uses: dict[str, float] = field(default_factory=dict)  # CPU-seconds, decayed
    cpus: dict[str, int] = field(default_factory=dict)  # in use
    _later: list[Fact] = field(default_factory=list)

    def note(self, event: Event, job: Job | None, at: datetime) -> None:
        """One more event; `job` as it stood before it."""
        allocation = job.allocation if job is not None else None
        if job is None or allocation is None:
            return
        if isinstance(event, ResourcesAllocated):
            self.add(Fact(at, charged_to(job.submitted), len(allocation.cpu_ids)))
        elif isinstance(event, ResourcesReleased) and _in_use(allocation):
            self.add(Fact(at, charged_to(job.submitted), -len(allocation.cpu_ids)))

    def add(self, fact: Fact) -> None:
        self._later.append(fact)

    def move_to(self, until: datetime) -> bool:
        """Count everything before a time; False when it was counted already. Time never goes back."""
        if until <= self.until:
            return False
        passed = (until - self.until).total_seconds()
        kept, added = 2.0 ** (-passed / self.half_life), weighed_seconds(passed, self.half_life)
        for account in self.uses.keys() | self.cpus.keys():
            used = self.uses.get(account, 0.0) * kept + self.cpus.get(account, 0) * added
            self.uses[account] = used
        self.until = until
        facts, self._later = self._later, [fact for fact in self._later if fact.at >= until]
        for fact in facts:
            if fact.at < until:
                self._count(fact)
        self._forget_nothings()
        return True

    def _count(self, fact: Fact) -> None:
        """As if the CPUs had been held, or not held, since then."""
        age = (self.until - fact.at).total_seconds()
        used = fact.cpus * weighed_seconds(age, self.half_life)
        self.uses[fact.account] = self.uses.get(fact.account, 0.0) + used
        self.cpus[fact.account] = self.cpus.get(fact.account, 0) + fact.cpus

    def _forget_nothings(self) -> None:
        idle = [account for account, cpus in self.cpus.items() if cpus == 0]
        for account in idle:
            del self.cpus[account]
        faded = [a for a, use in self.uses.items() if use < LEAST_CPU_SECONDS and a not in self.cpus]
        for account in faded:
            del self.uses[account]

    @property
    def factors(self) -> dict[str, float]:
        return factors(self.uses)


def _in_use(allocation: Allocation) -> bool:
    return allocation.status is AllocationStatus.ALLOCATED

"""What is counted over the cluster and is used up: by whom, what it is called, and what value would do.

Counted by the plan's own pools and claims. Refuses to know about nodes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from conductor.core.events import JobSubmitted, Policy
from conductor.core.identifiers import JobId
from conductor.core.pools import Claim, PoolKind, Pools

CODES: Mapping[PoolKind, str] = {
    PoolKind.USER_CPUS: "QOSMaxCpuPerUserLimit",
    PoolKind.USER_JOBS: "QOSMaxJobsPerUserLimit",
    PoolKind.ARRAY: "JobArrayTaskLimit",
    PoolKind.LICENCE: "Licenses",
}
CAPS = frozenset(CODES.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """A limit that keeps a job from starting. `by`: how much of it which jobs hold; `least`: the least
    that it takes anywhere."""

    claim: Claim
    least: int
    used: int
    by: Mapping[JobId, int]

    @property
    def code(self) -> str:
        return CODES[self.claim.key[0]]

    @property
    def never(self) -> bool:
        """It can never start under this limit, whatever else ends."""
        return self.least > self.claim.size

    @property
    def enough(self) -> int:
        """The least limit that the job keeps within now."""
        return self.used + self.claim.amount

    @property
    def name(self) -> str | None:
        """The policy's value, or the licence; None for an array, whose limit is its own."""
        match self.claim.key[0]:
            case PoolKind.USER_CPUS:
                return "user_max_cpus"
            case PoolKind.USER_JOBS:
                return "user_max_jobs"
            case PoolKind.LICENCE:
                return str(self.claim.key[1])
            case _:
                return None

    @property
    def held_by(self) -> Mapping[JobId, Mapping[str, int]]:
        """How much of what is counted each holds, by its name."""
        name = {
            PoolKind.USER_CPUS: "cpus",
            PoolKind.USER_JOBS: "jobs",
            PoolKind.ARRAY: "tasks",
            PoolKind.LICENCE: f"licence/{self.name}",
        }[self.claim.key[0]]
        return {job_id: {name: amount} for job_id, amount in self.by.items()}

    def parameters(self, wanted: JobSubmitted) -> dict[str, Any]:
        """What fills the gaps of its sentence."""
        told: dict[str, Any] = {"limit": self.claim.size, "held": self.used, "wanted": self.claim.amount}
        if self.never:
            told["wanted"] = self.least
        match self.claim.key[0]:
            case PoolKind.ARRAY:
                return told | {"array_job_id": wanted.array_job_id}
            case PoolKind.LICENCE:
                return told | {"name": self.name}
            case _:
                return told | {"user_name": wanted.user_name}

    def raised(self, policy: Policy, value: int | None = None) -> Policy | None:
        """The policy with that value, or the one under which the job just keeps within; None for a limit that is not
        the policy's.
        """
        value = self.enough if value is None else value
        match self.claim.key[0]:
            case PoolKind.USER_CPUS:
                return replace(policy, user_max_cpus=value)
            case PoolKind.USER_JOBS:
                return replace(policy, user_max_jobs=value)
            case PoolKind.LICENCE:
                return replace(policy, licences={**policy.licences, str(self.name): value})
            case _:
                return None


def cap_of(claim: Claim, pools: Pools, least: int) -> Cap:
    pool = pools.get(claim.key)
    by = {job_id: part.amount for job_id, part in pool.parts.items()} if pool else {}
    return Cap(claim=claim, least=least, used=pool.used if pool else 0, by=by)

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
    """A limit that keeps a job from starting. `by`: how much of it which jobs hold."""

    claim: Claim
    used: int
    by: Mapping[JobId, int]

    @property
    def code(self) -> str:
        return CODES[self.claim.key[0]]

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
        match self.claim.key[0]:
            case PoolKind.ARRAY:
                return told | {"array_job_id": wanted.array_job_id}
            case PoolKind.LICENCE:
                return told | {"name": self.name}
            case _:
                return told | {"user_name": wanted.user_name}

    def raised(self, policy: Policy) -> Policy | None:
        """The policy under which the job just keeps within; None for a limit that is not the policy's."""
        match self.claim.key[0]:
            case PoolKind.USER_CPUS:
                return replace(policy, user_max_cpus=self.enough)
            case PoolKind.USER_JOBS:
                return replace(policy, user_max_jobs=self.enough)
            case PoolKind.LICENCE:
                return replace(policy, licences={**policy.licences, str(self.name): self.enough})
            case _:
                return None


def cap_of(claim: Claim, pools: Pools) -> Cap:
    pool = pools.get(claim.key)
    by = {job_id: part.amount for job_id, part in pool.parts.items()} if pool else {}
    return Cap(claim=claim, used=pool.used if pool else 0, by=by)

"""What may be held at a time, by a user, an array, or of a licence: how much is held, by whom, and what lifts it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from conductor.core.arrays import parsed
from conductor.core.events import JobSubmitted, Policy
from conductor.core.job import Job

CAPS = ("QOSMaxCpuPerUserLimit", "QOSMaxJobsPerUserLimit", "JobArrayTaskLimit", "Licenses")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """One limit that a job stands under. `name`: of the policy's value, or of the licence."""

    code: str
    limit: int
    held: int
    needs: int
    name: str | None = None
    by: tuple[Job, ...] = ()  # who holds it
    named: Mapping[str, Any] = field(default_factory=dict)

    @property
    def reached(self) -> bool:
        return self.held + self.needs > self.limit

    @property
    def parameters(self) -> dict[str, Any]:
        """What fills the gaps of its sentence."""
        return {"limit": self.limit, "held": self.held, **self.named}

    def raised(self, policy: Policy) -> Policy | None:
        """The policy under which the job just keeps within; None for a limit that is not the policy's."""
        value = self.held + self.needs
        if self.code == "Licenses":
            return replace(policy, licences={**policy.licences, str(self.name): value})
        if self.code == "QOSMaxCpuPerUserLimit":
            return replace(policy, user_max_cpus=value)
        return replace(policy, user_max_jobs=value) if self.code == "QOSMaxJobsPerUserLimit" else None

    def lifted(self, wanted: JobSubmitted, policy: Policy) -> tuple[JobSubmitted, Policy]:
        """Job and policy without this limit."""
        if self.code == "JobArrayTaskLimit":
            return replace(wanted, array=(wanted.array or "").partition("%")[0]), policy
        return wanted, self.raised(policy) or policy


def caps_on(jobs: Iterable[Job], wanted: JobSubmitted, policy: Policy) -> list[Cap]:
    """Every limit that the job stands under, in the order of `CAPS`. `jobs`: those that have not ended."""
    holding = [job for job in jobs if job.allocation is not None and job.allocation.live]
    return [
        *_of_user(holding, wanted, policy),
        *_of_array(holding, wanted),
        *_of_licences(holding, wanted, policy),
    ]


def _of_user(holding: list[Job], wanted: JobSubmitted, policy: Policy) -> Iterable[Cap]:
    if policy.user_max_cpus is None and policy.user_max_jobs is None:
        return
    own = tuple(job for job in holding if job.submitted.user_name == wanted.user_name)
    named = {"user_name": wanted.user_name, "cpus": wanted.total_cpus}
    if policy.user_max_cpus is not None:
        held = sum(len(job.allocation.cpu_ids) for job in own if job.allocation)
        yield Cap(
            code="QOSMaxCpuPerUserLimit", limit=policy.user_max_cpus, held=held, needs=wanted.total_cpus,
            name="user_max_cpus", by=own, named=named,
        )  # fmt: skip
    if policy.user_max_jobs is not None:
        yield Cap(
            code="QOSMaxJobsPerUserLimit", limit=policy.user_max_jobs, held=len(own), needs=1,
            name="user_max_jobs", by=own, named=named,
        )  # fmt: skip


def _of_array(holding: list[Job], wanted: JobSubmitted) -> Iterable[Cap]:
    limit = parsed(wanted.array).limit if wanted.array and "%" in wanted.array else None
    if limit is None:
        return
    tasks = tuple(job for job in holding if job.submitted.array_job_id == wanted.array_job_id)
    named = {"array_job_id": wanted.array_job_id}
    yield Cap(code="JobArrayTaskLimit", limit=limit, held=len(tasks), needs=1, by=tasks, named=named)


def _of_licences(holding: list[Job], wanted: JobSubmitted, policy: Policy) -> Iterable[Cap]:
    for name, count in sorted(wanted.gres.items()):
        if name not in policy.licences:
            continue
        users = tuple(job for job in holding if job.submitted.gres.get(name))
        held = sum(job.submitted.gres[name] for job in users)
        total = policy.licences[name]
        named = {"name": name, "wanted": count, "total": total}
        yield Cap(code="Licenses", limit=total, held=held, needs=count, name=name, by=users, named=named)

"""Why a job waits, whole: the reason, who holds what it needs, who stands before it, when it starts, what would help.

A pure function of the scheduler's own picture, so "why did it wait last night" is the same question to a picture that
was folded up to then. Refuses to know how anything is worded, and where pictures come from.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from conductor.core.cluster import Cluster
from conductor.core.identifiers import JobId, NodeName
from conductor.core.job import Job
from conductor.core.placement import Protected
from conductor.core.remedies import remedies
from conductor.core.supposing import latest_start
from conductor.core.tries import Remedy
from conductor.core.wait_caps import CAPS
from conductor.core.wait_reasons import Holder, Judge, Told, called, told_of_job
from conductor.core.wait_told import HOLDERS_SHOWN, told_by_cluster, told_of_protection

AHEAD_SHOWN, JOBS_NAMED = 5, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """`reason` is None for a job that does not wait. Holders and jobs ahead are the first few of as many as counted."""

    job_id: JobId
    state: str
    reason: str | None
    told: Told
    holders: tuple[Holder, ...] = ()
    holders_count: int = 0
    ahead: tuple[JobId, ...] = ()
    ahead_names: tuple[str, ...] = ()
    ahead_count: int = 0
    protected: Protected | None = None
    protection_told: Told | None = None
    starts_by: datetime | None = None
    starts_by_told: Told | None = None
    remedies: tuple[Remedy, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values; sentences by their codes."""
        return {
            "job_id": self.job_id,
            "state": self.state,
            "reason": self.reason,
            "told": _told(self.told),
            "holders": [_plain(asdict(one)) for one in self.holders],
            "holders_count": self.holders_count,
            "ahead": list(self.ahead),
            "ahead_names": list(self.ahead_names),
            "ahead_count": self.ahead_count,
            "protected": _plain(asdict(self.protected)) if self.protected else None,
            "protection_told": _told(self.protection_told),
            "starts_by": _plain(self.starts_by),
            "starts_by_told": _told(self.starts_by_told),
            "remedies": [{**(_told(one.told) or {}), "command": one.command} for one in self.remedies],
        }


def _told(told: Told | None) -> dict[str, Any] | None:
    return None if told is None else {"code": told.code, "parameters": _plain(dict(told.parameters))}


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case Mapping():
            return {name: _plain(one) for name, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
        case _:
            return value


def of_job(job: Job, now: datetime, *, silent: bool = False) -> Why | None:
    """The answer that needs no look at the cluster, if there is one: the job has its place, or has ended."""
    told = told_of_job(job, now, silent=silent)
    if told is None or job.state == "PENDING":
        return None
    reason = told.code if told.code in ("NodeDown", "Cleanup") else job.reason
    return Why(job_id=job.job_id, state=str(job.state), reason=reason, told=told)


def explain(cluster: Cluster, job_id: JobId, now: datetime, usable: Collection[NodeName]) -> Why:
    """Raises `KeyError` for a job that is not in the picture, as those are not that have ended.

    `usable`: nodes that are heard from. Begin times up to `now` have been admitted.
    """
    return explain_by(Judge(cluster, now, usable), job_id)


def explain_by(judge: Judge, job_id: JobId) -> Why:
    """The same, where the moment is judged already."""
    job, now = judge.cluster.jobs[job_id], judge.now
    silent = job.allocation is not None and job.allocation.node_name not in judge.usable
    told_at_once = of_job(job, now, silent=silent)
    if told_at_once is not None:
        return told_at_once
    reason = judge.reason(job)
    own = judge.protected if judge.protected and judge.protected.job_id == job_id else None
    holders = judge.holders(job, reason)
    ahead = judge.ahead(job) if reason in ("Priority", "Resources") or reason in CAPS else []
    starts_by, starts_by_told = _starts_by(judge, job, reason)
    return Why(
        job_id=job_id,
        state=str(job.state),
        reason=reason,
        told=told_of_job(job, now) or told_by_cluster(judge, job, reason, ahead=len(ahead)),
        holders=tuple(holders[:HOLDERS_SHOWN]),
        holders_count=len(holders),
        ahead=tuple(ahead[:AHEAD_SHOWN]),
        ahead_names=tuple(called(judge.cluster.jobs[one]) for one in ahead[:AHEAD_SHOWN]),
        ahead_count=len(ahead),
        protected=judge.protected_from(job) if reason == "Priority" else own,
        protection_told=told_of_protection(judge, job, reason, own),
        starts_by=starts_by,
        starts_by_told=starts_by_told,
        remedies=tuple(remedies(judge, job, reason, holders)),
    )


def _starts_by(judge: Judge, job: Job, reason: str) -> tuple[datetime | None, Told | None]:
    """When by the time limits, and the sentence about it."""
    if reason not in ("Resources", "Priority", "BeginTime") and reason not in CAPS:
        return None, None
    latest = latest_start(judge.cluster, job.job_id, judge.now, judge.usable)
    if latest.at is not None:
        return latest.at, Told(code="starts_by", parameters={"at": latest.at})
    if latest.left is None or latest.then is None:
        return None, Told(code="too_far")
    endless = _endless(Judge(latest.left, latest.then, judge.usable), job)
    if not endless:
        return None, Told(code="never_by_itself")
    shown = endless[:JOBS_NAMED]
    named = {
        "count": len(endless),
        "job_ids": [holder.job_id for holder in shown],
        "names": [holder.name for holder in shown] + (["…"] if len(endless) > len(shown) else []),
    }
    return None, Told(code="no_time_limit", parameters=named)


def _endless(last: Judge, job: Job) -> list[Holder]:
    """Who still holds what it needs, or what the job needs that it must not delay, when all has ended that ends."""
    reason, head = last.reason(job), last.protected_from(job)
    if head is not None:
        job = last.cluster.jobs[head.job_id]
        reason = last.reason(job)
    return last.holders(job, reason)

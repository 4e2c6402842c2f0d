"""A trace in the Standard Workload Format as a workload. Pure.

A job runs as long as the trace says, with the time it asked for as its limit. Jobs get new numbers, 1, 2, ... in
the order of their submission, because that is what the queue goes by.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from conductor.core.events import JobSubmitted, Policy
from conductor.core.identifiers import JobId
from conductor.core.workload import NodeKind, NodeNews, Ran, Step, Work, Workload, registrations
from conductor.swf import SwfJob, Trace

Limits = Literal["asked", "exact", "none"]

_PARTS = (2, 3, 4)  # status: pieces of a job that has a line of its own for the whole


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceWorkload:
    """`really` is empty when the trace does not know how long its jobs waited."""

    workload: Workload
    kinds: tuple[NodeKind, ...]
    really: tuple[Ran, ...]
    real_cpus: int
    skipped: Mapping[str, int]
    without_limit: int
    without_wait: int

    @property
    def capacity(self) -> tuple[Step, ...]:
        """Of the machine that the trace is of."""
        return (Step(self.workload.begins_at, self.real_cpus),)


def workload_of(
    trace: Trace,
    *,
    policy: Policy,
    kinds: Sequence[NodeKind] | None = None,
    limits: Limits = "asked",
    load: float = 1.0,
    within: tuple[datetime | None, datetime | None] = (None, None),
) -> TraceWorkload:
    """`kinds` None: one node with all that the header says. `load` 2: submissions come twice as fast.

    `within`: only what was submitted from the one time up to the other.
    """
    zero = _zero(trace)
    skipped: Counter[str] = Counter()
    usable = [
        job
        for job in trace.jobs
        if _is_within(zero + timedelta(seconds=job.submit_seconds), within) and _is_usable(job, skipped)
    ]
    first = timedelta(seconds=usable[0].submit_seconds if usable else 0)
    begins_at = zero + first
    real_cpus = _real_cpus(trace, usable)
    kinds = tuple(kinds) if kinds is not None else (NodeKind(count=1, cpus=real_cpus),)
    works = tuple(
        _work(JobId(number), job, begins_at + (timedelta(seconds=job.submit_seconds) - first) / load, limits)
        for number, job in enumerate(usable, 1)
    )
    nodes = tuple(NodeNews(begins_at, one.node_name, one) for one in registrations(kinds))
    really = tuple(
        ran for number, job in enumerate(usable, 1) if (ran := _really(JobId(number), job, zero)) is not None
    )
    return TraceWorkload(
        workload=Workload(begins_at=begins_at, jobs=works, nodes=nodes, policies=((begins_at, policy),)),
        kinds=kinds,
        really=really if load == 1.0 else (),
        real_cpus=real_cpus,
        skipped=dict(skipped),
        without_limit=sum(work.submitted.time_limit_seconds is None for work in works),
        without_wait=len(usable) - len(really),
    )


def _zero(trace: Trace) -> datetime:
    """The instant that its seconds are counted from; the beginning of 1970 when it does not say."""
    text = trace.header.get("UnixStartTime", "").split()
    try:
        return datetime.fromtimestamp(int(text[0]), UTC)
    except (IndexError, ValueError, OverflowError, OSError):
        return datetime(1970, 1, 1, tzinfo=UTC)


def _is_within(at: datetime, within: tuple[datetime | None, datetime | None]) -> bool:
    since, until = within
    return (since is None or at >= since) and (until is None or at <= until)


def _is_usable(job: SwfJob, skipped: Counter[str]) -> bool:
    if job.status in _PARTS:
        skipped["part_of_another"] += 1
    elif not job.processors:
        skipped["no_processors"] += 1
    elif job.run_seconds is None:
        skipped["no_run_time"] += 1
    else:
        return True
    return False


def _real_cpus(trace: Trace, jobs: Sequence[SwfJob]) -> int:
    text = trace.header.get("MaxProcs", "").split()
    known = int(text[0]) if text and text[0].isdecimal() else 0
    return known or max((job.processors or 1 for job in jobs), default=1)


def _work(job_id: JobId, job: SwfJob, submitted_at: datetime, limits: Limits) -> Work:
    run_seconds = job.run_seconds or 0
    limit_seconds = {
        "asked": job.requested_seconds or None,
        "exact": max(1, run_seconds),
        "none": None,
    }[limits]
    memory_kb = job.requested_memory_kb
    submitted = JobSubmitted(
        job_id=job_id,
        name=f"swf-{job.number}",
        user_name=f"user{job.user_id if job.user_id is not None else 0}",
        account=None if job.group_id is None else f"group{job.group_id}",
        submitted_by="swf",
        script_sha256="",
        script_bytes=0,
        environment_id=None,
        work_dir=None,
        ntasks_per_node=1,
        cpus_per_task=job.processors or 1,
        memory_mb=None if not memory_kb else -(-memory_kb * (job.processors or 1) // 1024),
        time_limit_seconds=limit_seconds,
        priority=0,
        held=False,
        requeue=False,
        begin_time=None,
        dependency=None,
        array_job_id=None,
        array_task_id=None,
        stdout_path=None,
        stderr_path=None,
        comment=None,
    )
    return Work(submitted=submitted, submitted_at=submitted_at, run=timedelta(seconds=run_seconds))


def _really(job_id: JobId, job: SwfJob, zero: datetime) -> Ran | None:
    """What the machine did with it; None when the trace does not say how long it waited."""
    if job.wait_seconds is None:
        return None
    submitted_at = zero + timedelta(seconds=job.submit_seconds)
    started_at = submitted_at + timedelta(seconds=job.wait_seconds)
    return Ran(
        job_id=job_id,
        user_name=f"user{job.user_id if job.user_id is not None else 0}",
        cpus=job.allocated_processors or job.processors or 1,
        eligible_at=submitted_at,
        started_at=started_at,
        ended_at=started_at + timedelta(seconds=job.run_seconds or 0),
    )

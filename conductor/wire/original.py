"""What the original system's paths answer: ours, and its own words beside them."""

from dataclasses import dataclass
from datetime import datetime

from conductor.wire.jobs import Changed, ChangedTasks, Job


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalTimes:
    """The times of a job, as the original system told them."""

    submit_time: datetime
    eligible_time: datetime | None
    start_time: datetime | None
    end_time: datetime | None
    elapsed_time: str
    limit_time: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalOutput:
    """The ends of a job's outputs."""

    stdout: str | None
    stderr: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalDetail:
    """What else the original system told of a job."""

    job_name: str
    user: str
    account: str
    partition: str
    allocated_cpus: int
    allocated_nodes: int
    node_list: str
    exit_code: str
    work_dir: str
    data_source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalJob(Job):
    """A job of ours with the original system's keys beside."""

    job_id: int
    error_msg: str | None
    time: OriginalTimes
    job_log: OriginalOutput
    detail: OriginalDetail


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalChanged(Changed):
    """A job that was to be cancelled, with the original system's word for it."""

    msg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginalChangedTasks(ChangedTasks):
    """Tasks that were to be cancelled, with the original system's word for it."""

    msg: str

"""What deciding on a job is made of: what it may look at, and what it can come to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from conductor.core.errors import Rejection, RejectionCode
from conductor.core.events import Event
from conductor.core.fitting import Offers
from conductor.core.identifiers import JobId
from conductor.core.job import Job
from conductor.core.leadership import Leadership
from conductor.core.made_quickly import made_quickly
from conductor.core.node import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A rejection, with what is kept of the attempt all the same (late reports)."""

    rejection: Rejection
    kept: tuple[Event, ...] = ()


Decision = tuple[Event, ...] | Refused


@made_quickly
@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a decision on a job may look at besides the job: its node, the leader, other jobs, the widest node."""

    at: datetime
    node: Node | None = None
    leadership: Leadership = Leadership()
    widest_node_cpus: int | None = None  # None: no node has ever registered, so a job waits
    offers: Offers | None = None  # looked up for jobs that ask for something particular
    licences: Mapping[str, int] = field(default_factory=dict)  # of the policy in force
    user_max_cpus: int | None = None  # likewise; looked up for jobs that are wider than one CPU
    jobs: Mapping[JobId, Job] = field(default_factory=dict)  # others, that a dependency names


def refuse(code: RejectionCode, message: str, job: Job | None = None, *, field: str | None = None) -> Refused:
    state, version = (str(job.state), int(job.version)) if job else (None, None)
    return Refused(rejection=Rejection(code=code, message=message, state=state, version=version, field=field))

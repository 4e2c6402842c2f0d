"""The word for why a job waits, and who holds what it needs.

Promises: never a second opinion. Every answer is found by trying: the scheduler's own `plan` is asked what it would do,
now and if something else were so. `Resources` means that the job alone in the queue would not be placed now;
`Priority` that it would. What a job's own events say comes first. Refuses to know how anything is worded.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from conductor.core.allocation import AllocationStatus
from conductor.core.cluster import Cluster
from conductor.core.demand import Demand, could_hold, demand_of
from conductor.core.events import JobSubmitted
from conductor.core.identifiers import JobId, NodeName
from conductor.core.job import Job, JobState
from conductor.core.node import Node, NodeState
from conductor.core.placement import Obstacle, Placement, Protected, plan
from conductor.core.pools import PoolsInPass, claims
from conductor.core.queues import Place, QueueKey, splitting
from conductor.core.selections import job_name
from conductor.core.shortages import Shortage, held_of, shortages
from conductor.core.supposing import ALL, ends_by
from conductor.core.wait_caps import CAPS, Cap, cap_of

HELD = ("JobHeldUser", "JobHoldMaxRequeue")
# What only the rest of the cluster explains; no event of the job says it.
OF_THE_CLUSTER = frozenset(
    {"NoNodes", "BadConstraints", "ReqNodeNotAvail", "Priority", "Resources", "Starting", *CAPS}
)
_SILENT = "SILENT"  # up by the log, and not heard from


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A sentence of `why_catalogue`: its code and what fills its gaps."""

    code: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def nested(self) -> dict[str, Any]:
        """To fill a gap of another sentence with."""
        return {"code": self.code, "parameters": self.parameters}


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A job that holds something of what is missing, and how much of that; `ends_by` None: it has no time limit."""

    job_id: JobId
    name: str
    user_name: str
    node_name: NodeName
    cpus: int
    holds: Mapping[str, int]  # by name: cpus, memory_mb, gres/gpu, licence/matlab, jobs, tasks
    ends_by: datetime | None


def called(job: Job) -> str:
    """How people call it: `6_50` when it is a task of an array."""
    return job_name(job.job_id, job.submitted.array_job_id, job.submitted.array_task_id)


def wishes_of(wanted: JobSubmitted) -> str:
    """What a job asks of a node, in the words of a submission."""
    parts = [f"cpus={wanted.total_cpus}"]
    if wanted.memory_mb is not None:
        parts.append(f"memory_mb={wanted.memory_mb}")
    parts += [f"{name}:{count}" for name, count in sorted(wanted.gres.items())]
    if wanted.nodelist:
        parts.append(f"nodelist={','.join(wanted.nodelist)}")
    parts += [f"{name}={value}" for name, value in sorted(wanted.labels.items())]
    if wanted.exclusive:
        parts.append("exclusive")
    return " ".join(parts)


def own_reason(job: Job, now: datetime) -> str | None:
    """What the job's own events say of its waiting; nothing when its begin time has come."""
    if job.reason == "BeginTime" and job.begins_at <= now:
        return None
    return job.reason


class Judge:
    """One moment of a cluster, for any number of questions. Nothing is planned before it is needed."""

    def __init__(self, cluster: Cluster, now: datetime, usable: Collection[NodeName]) -> None:
        self.cluster = cluster
        self.now = now
        self.usable = usable
        self._plan = plan(cluster, now, usable, most=ALL)
        self._placed = {placement.job_id: placement for placement in self._plan.placements}
        self._uses = [cluster.nodes[name] for name in usable if name in cluster.nodes]
        self._reasons: dict[QueueKey | None, str] = {}
        self._policy = cluster.policy.policy

    def protected_from(self, job: Job) -> Protected | None:
        """The job that this one must not delay, if that is what keeps it."""
        key, place = self.cluster.key_of(job.job_id), self.cluster.place_of(job.job_id)
        blocked = self._plan.obstacle(key, place) if key is not None and place is not None else None
        return self._plan.protected if blocked and blocked.obstacle is Obstacle.PROTECTED else None

    @property
    def protected(self) -> Protected | None:
        """The job that nothing may delay, by the plan of this moment."""
        return self._plan.protected

    @property
    def guard_seconds(self) -> float | None:
        """How long a job may be overtaken under `first_fit`; None: for ever, or it is another policy."""
        return self._policy.guard_seconds if self._policy.order == "first_fit" else None

    def placement(self, job_id: JobId) -> Placement | None:
        """Where the plan of this moment puts it."""
        return self._placed.get(job_id)

    def fits_alone(self, job: Job) -> bool:
        """Whether it would be placed now if nothing else waited."""
        return self._looked_at_alone(job) is None

    def cap_reached(self, job: Job) -> Cap | None:
        """The first limit that keeps it from starting, whatever room there is."""
        obstacle = self._looked_at_alone(job)
        return obstacle if isinstance(obstacle, Cap) else None

    def _looked_at_alone(self, job: Job) -> Cap | Literal["room"] | None:
        """What keeps it from starting if nothing else waits; by the rules of a pass, and in their order."""
        key = splitting(self._policy).key_of(job)
        roomy = [use.node for use in self._uses if use.fits(key.demand)]
        suiting = self.suiting(job.submitted)
        taking = [node for node in suiting if self.takes_jobs(node)]
        now = claims(key, self._policy, _fewest_cpus(key.demand, roomy or taking))
        least = claims(key, self._policy, _fewest_cpus(key.demand, suiting))
        caps = [
            cap_of(claim, self.cluster.pools, at_least.amount)
            for claim, at_least in zip(now, least, strict=True)
            if PoolsInPass(self.cluster.pools).short(claim)
        ]
        if caps:
            return next((cap for cap in caps if cap.never), caps[0])
        return None if roomy else "room"

    def reasons(self, job_ids: Iterable[JobId]) -> dict[JobId, str]:
        """The word for each that waits."""
        found = {}
        for job_id in job_ids:
            job = self.cluster.jobs.get(job_id)
            if job is not None and job.state is JobState.PENDING:
                found[job_id] = self.reason(job)
        return found

    def reason(self, job: Job) -> str:
        """The word for why a job waits."""
        own = own_reason(job, self.now)
        if own is not None:
            return own
        if job.job_id in self._placed:
            return "Starting"
        key = self.cluster.key_of(job.job_id)
        if key not in self._reasons:
            self._reasons[key] = self._of_the_cluster(job)
        return self._reasons[key]

    def _of_the_cluster(self, job: Job) -> str:
        wanted = job.submitted
        nodes = self.nodes()
        if not nodes:
            return "NoNodes"
        suiting = self.suiting(wanted)
        if not suiting:
            return "BadConstraints"
        if not any(self.takes_jobs(node) for node in suiting):
            return "ReqNodeNotAvail"
        match self._looked_at_alone(job):
            case None:
                return "Priority"
            case Cap() as cap:
                return cap.code
            case _:
                return "Resources"

    def nodes(self) -> list[Node]:
        """Those that are registered and not removed."""
        return [use.node for use in self.cluster.nodes.values() if use.node.state is not NodeState.REMOVED]

    def suiting(self, wanted: JobSubmitted) -> list[Node]:
        """Nodes that could run it if they were empty and up."""
        demand = demand_of(wanted, self._policy.licences)
        return [node for node in self.nodes() if could_hold(node, demand)]

    def removed_that_suited(self, wanted: JobSubmitted) -> list[Node]:
        """Nodes that could run it, had nobody removed them."""
        demand = demand_of(wanted, self._policy.licences)
        gone = (use.node for use in self.cluster.nodes.values() if use.node.state is NodeState.REMOVED)
        return sorted((n for n in gone if could_hold(n, demand)), key=lambda node: node.node_name)

    def takes_jobs(self, node: Node) -> bool:
        return node.state is NodeState.UP and node.node_name in self.usable

    def free_cpus(self, node: Node) -> int:
        """CPUs of the node that nobody holds."""
        return self.cluster.nodes[node.node_name].free_cpus

    def ahead(self, job: Job) -> list[JobId]:
        """Waiting jobs that are looked at before this one, in order."""
        key, own = self.cluster.key_of(job.job_id), self.cluster.place_of(job.job_id)
        if key is None or own is None:
            return []
        mine = self.led(own, key)
        before: list[Place] = []
        for other, queue in self.cluster.queues.items():
            for place in queue:
                led = self.led(place, other)
                if led >= mine:
                    break
                before.append(led)
        return [place.job_id for place in sorted(before)]

    def led(self, place: Place, key: QueueKey) -> Place:
        """Where it stands among all queues: with what fair share adds to it."""
        weight = self._policy.fair_share_weight
        if not weight:
            return place
        return place._replace(rank=place.rank - weight * self.cluster.fair_share.get(key.account or "", 1.0))

    def standing(self, node: Node) -> str:
        """Why a node takes no jobs."""
        silent = node.state is NodeState.UP and node.node_name not in self.usable
        return f"{node.node_name} {_SILENT if silent else node.state}"

    def short(self, wanted: JobSubmitted) -> dict[NodeName, list[Shortage]]:
        """What each node that could run it, and takes jobs, has not free now."""
        demand = demand_of(wanted, self._policy.licences)
        usable = (
            self.cluster.nodes[node.node_name] for node in self.suiting(wanted) if self.takes_jobs(node)
        )
        return {use.node.node_name: shortages(use, demand) for use in usable}

    def holders(self, job: Job, reason: str) -> list[Holder]:
        """Who holds what is missing: those that end first come first."""
        cap = self.cap_reached(job) if reason in CAPS else None
        if cap is not None:
            held: Mapping[JobId, Mapping[str, int]] = {} if cap.never else cap.held_by
        elif reason == "Resources":
            held = {
                other: of_it
                for name, short in self.short(job.submitted).items()
                for other, hold in self.cluster.nodes[name].holds.items()
                if (of_it := held_of(hold, short))
            }
        else:
            return []
        found = [self._holder(self.cluster.jobs[other], of_it) for other, of_it in held.items()]
        return sorted(found, key=lambda one: (one.ends_by is None, one.ends_by or self.now, one.job_id))

    def _holder(self, job: Job, holds: Mapping[str, int]) -> Holder:
        assert job.allocation is not None
        return Holder(
            job_id=job.job_id,
            name=called(job),
            user_name=job.submitted.user_name,
            node_name=job.allocation.node_name,
            cpus=len(job.allocation.cpu_ids),
            holds=holds,
            ends_by=ends_by(job, self.now),
        )


def _fewest_cpus(demand: Demand, nodes: Iterable[Node]) -> int:
    """What it would take at least: an exclusive job takes all that its node has."""
    return min((demand.cpus_on(node) for node in nodes), default=demand.cpus)


def told_of_job(job: Job, now: datetime, *, silent: bool = False) -> Told | None:
    """What is to be said of a job without looking at any other: one that does not wait, or waits by its own events.
    `silent`: its node is not heard from. None: look at the cluster.
    """
    allocation = job.allocation
    if job.state is JobState.PENDING:
        return _told_of_waiting(job, now)
    if job.state.final:
        return _told_of_end(job)
    assert allocation is not None
    where = {"node_name": allocation.node_name, "cpus": len(allocation.cpu_ids)}
    if allocation.status is AllocationStatus.RESERVED:
        return Told(
            code="reserved",
            parameters=where | {"since": allocation.reserved_at, "expires_at": allocation.expires_at},
        )
    where["since"] = job.started_at
    if job.reason == "Cleanup":
        return Told(code="Cleanup", parameters=where)
    if job.cancel_requested_at is not None:
        return Told(code="ending", parameters=where | {"cancel_requested_at": job.cancel_requested_at})
    if silent:
        return Told(code="NodeDown", parameters=where)
    ends = ends_by(job, now)
    if ends is None:
        return Told(code="running", parameters=where)
    return Told(code="running_limited", parameters=where | {"ends_by": ends})


def _told_of_waiting(job: Job, now: datetime) -> Told | None:
    match own_reason(job, now):
        case None:
            return None
        case "BeginTime":
            return Told(code="BeginTime", parameters={"begin_time": job.begins_at})
        case "Dependency":
            return Told(code="Dependency", parameters={"dependency": job.submitted.dependency})
        case "JobHoldMaxRequeue":
            return Told(code="JobHoldMaxRequeue", parameters={"requeues": job.automatic_requeues})
        case _:
            return Told(code="JobHeldUser")


def _told_of_end(job: Job) -> Told:
    held = job.allocation
    how: list[Any] = [] if job.reason is None else [job.reason]
    if job.exit_signal is not None:
        how.append({"code": "how_signal", "parameters": {"exit_signal": job.exit_signal}})
    elif job.exit_code is not None:
        how.append({"code": "how_exit_code", "parameters": {"exit_code": job.exit_code}})
    told = {"how": how, "state": str(job.state), "ended_at": job.ended_at}
    if held is None or job.started_at is None:
        return Told(code="ended_before_start", parameters=told)
    where = {"node_name": held.node_name, "since": job.started_at}
    return Told(code="ended", parameters=told | where)

"""The plan said in the plainest way: every job in order, every node, every CPU, everything counted anew each time.

It shares no code with `conductor/core/placement.py` and what that is made of, and is what the laws compare with.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from conductor.core.cluster import Cluster
from conductor.core.events import JobSubmitted
from conductor.core.fair_share import charged_to
from conductor.core.identifiers import JobId, NodeName
from conductor.core.job import Job, JobState
from conductor.core.node import Node, NodeState

FOREVER = datetime(9999, 1, 1)  # noqa: DTZ001 - as all times here, which are only compared with each other


@dataclass(kw_only=True)
class Running:
    """A job on a node: what it takes, and until when by its time limit."""

    job_id: JobId
    wanted: JobSubmitted
    node_name: NodeName
    cpus: int
    ends_at: datetime


@dataclass(kw_only=True)
class PlainPlan:
    started: list[tuple[JobId, NodeName]] = field(default_factory=list)
    protected: tuple[JobId, NodeName | None, datetime | None, str] | None = None


def ends(wanted: JobSubmitted, began_at: datetime) -> datetime:
    if wanted.time_limit_seconds is None:
        return FOREVER
    return (began_at + timedelta(seconds=wanted.time_limit_seconds)).replace(tzinfo=None)


class Plainest:
    def __init__(self, cluster: Cluster, now: datetime, usable: Collection[NodeName]) -> None:
        self.cluster, self.policy = cluster, cluster.policy.policy
        self.clock = now
        self.now = now.replace(tzinfo=None)
        self.nodes = [use.node for name, use in cluster.nodes.items() if name in usable]
        self.nodes = [node for node in self.nodes if node.state is NodeState.UP]
        self.running = list(self.running_now())
        self.result = PlainPlan()

    def running_now(self) -> Iterator[Running]:
        for job in self.cluster.jobs.values():
            a = job.allocation
            if a is not None and a.live:
                until = max(ends(job.submitted, a.allocated_at or a.reserved_at), self.now)
                yield Running(
                    job_id=job.job_id,
                    wanted=job.submitted,
                    node_name=a.node_name,
                    cpus=len(a.cpu_ids),
                    ends_at=until,
                )

    def plan(self, most: int = 1000) -> PlainPlan:
        seen_head = False
        for job in self.in_order():
            if len(self.result.started) == most:
                break
            node = self.node_for(job)
            if node is not None:
                self.start(job, node)
                continue
            if self.waits_for_its_own(job) or seen_head:
                continue
            if self.policy.order == "strict_fifo":
                self.result.protected = (job.job_id, *(self.planned(job) or (None, None)), "strict_fifo")
                break
            if self.policy.order == "first_fit" and not self.is_old(job):
                continue
            where = self.planned(job)
            if where is None:
                continue
            seen_head = True
            because = "backfill" if self.policy.order == "backfill" else "guard"
            self.result.protected = (job.job_id, *where, because)
        return self.result

    def in_order(self) -> list[Job]:
        def effective(job: Job) -> float:
            assert job.eligible_at is not None
            waited = (self.clock - job.eligible_at).total_seconds() / 3600
            share = self.cluster.fair_share.get(charged_to(job.submitted), 1.0)
            return job.priority + waited * self.policy.aging_per_hour + share * self.policy.fair_share_weight

        waiting = [
            job
            for job in self.cluster.jobs.values()
            if job.state is JobState.PENDING
            and not job.held
            and not job.depends
            and job.begins_at <= self.clock
        ]
        return sorted(waiting, key=lambda job: (-effective(job), job.submitted_at, job.job_id))

    def is_old(self, job: Job) -> bool:
        patience = self.policy.guard_seconds
        assert job.eligible_at is not None
        return patience is not None and (self.clock - job.eligible_at).total_seconds() > patience

    def start(self, job: Job, node: Node) -> None:
        self.result.started.append((job.job_id, node.node_name))
        self.running.append(self.as_running(job, node))

    def as_running(self, job: Job, node: Node) -> Running:
        cpus = node.total_cpus if job.submitted.exclusive else job.submitted.total_cpus
        until = ends(job.submitted, self.clock)
        return Running(
            job_id=job.job_id,
            wanted=job.submitted,
            node_name=node.node_name,
            cpus=cpus,
            ends_at=until,
        )

    def node_for(self, job: Job) -> Node | None:
        there = self.running
        fitting = [
            node
            for node in self.nodes
            if self.fits(job, node, there) and self.within(job, node, there) and self.delays_nobody(job, node)
        ]
        return min(fitting, key=self.order_of_choice, default=None)

    def order_of_choice(self, node: Node) -> tuple[float, str]:
        load = sum(r.cpus for r in self.running if r.node_name == node.node_name) / node.total_cpus
        return {"least_loaded": load, "pack": -load, "by_name": 0.0}[self.policy.node_choice], node.node_name

    def fits(self, job: Job, node: Node, running: list[Running]) -> bool:
        """Whether there is room on the node when these run."""
        wanted = job.submitted
        there = [r for r in running if r.node_name == node.node_name]
        if wanted.nodelist and node.node_name not in wanted.nodelist:
            return False
        if any(node.labels.get(name) != value for name, value in wanted.labels.items()):
            return False
        if any(r.wanted.exclusive for r in there) or (wanted.exclusive and there):
            return False
        if sum(r.cpus for r in there) + wanted.total_cpus > node.total_cpus:
            return False
        memory = sum(r.wanted.memory_mb or 0 for r in there) + (wanted.memory_mb or 0)
        if node.memory_mb is not None and memory > node.memory_mb:
            return False
        return all(
            sum(r.wanted.gres.get(name, 0) for r in there) + count <= node.gres.get(name, 0)
            for name, count in wanted.gres.items()
            if name not in self.policy.licences and count
        )

    def within(self, job: Job, node: Node, running: list[Running]) -> bool:
        return self.within_own(job, node, running) and self.within_licences(job, running)

    def within_own(self, job: Job, node: Node, running: list[Running]) -> bool:
        """User's caps and array's limit."""
        policy, wanted = self.policy, job.submitted
        own = [r for r in running if r.wanted.user_name == wanted.user_name]
        cpus = node.total_cpus if wanted.exclusive else wanted.total_cpus
        if policy.user_max_cpus is not None and sum(r.cpus for r in own) + cpus > policy.user_max_cpus:
            return False
        if policy.user_max_jobs is not None and len(own) >= policy.user_max_jobs:
            return False
        limit = (wanted.array or "").partition("%")[2]
        tasks = [r for r in running if r.wanted.array_job_id == wanted.array_job_id]
        return not (wanted.array_job_id and limit) or len(tasks) < int(limit)

    def within_licences(self, job: Job, running: list[Running]) -> bool:
        return all(
            sum(r.wanted.gres.get(name, 0) for r in running) + job.submitted.gres.get(name, 0) <= count
            for name, count in self.policy.licences.items()
            if job.submitted.gres.get(name, 0)
        )

    def waits_for_its_own(self, job: Job) -> bool:
        """Only other jobs of its user or array, or its user's cap, are in its way."""
        could = [node for node in self.nodes if self.fits(job, node, [])]
        if job.submitted.exclusive and could:
            return not any(self.within_own(job, node, self.running) for node in could)
        narrow = Node.__new__(Node)
        object.__setattr__(narrow, "total_cpus", job.submitted.total_cpus)
        return not self.within_own(job, narrow, self.running)

    def planned(self, job: Job) -> tuple[NodeName, datetime | None] | None:
        """The earliest time by the limits, then the first node by name; else where the fewest CPUs are missing."""
        nodes = sorted(self.nodes, key=lambda node: node.node_name)
        nodes = [node for node in nodes if self.fits(job, node, []) and self.within_licences(job, [])]
        nodes = [node for node in nodes if self.within_own(job, node, self.running)]
        for time in sorted({self.now, *(r.ends_at for r in self.running)} - {FOREVER}):
            for node in nodes:
                staying = [r for r in self.running if r.ends_at > time]
                if self.fits(job, node, staying) and self.within(job, node, staying):
                    return node.node_name, time.replace(tzinfo=self.clock.tzinfo)

        def missing(node: Node) -> tuple[int, str]:
            held = sum(r.cpus for r in self.running if r.node_name == node.node_name)
            cpus = node.total_cpus if job.submitted.exclusive else job.submitted.total_cpus
            return max(0, cpus - (node.total_cpus - held)), node.node_name

        least = min(nodes, key=missing, default=None)
        return (least.node_name, None) if least else None

    def delays_nobody(self, job: Job, node: Node) -> bool:
        """Simulated: with this job there too, does the protected one still start there and then?"""
        if self.result.protected is None:
            return True
        head_id, head_node, starts_at, _ = self.result.protected
        head = self.cluster.jobs[head_id]
        there = next(n for n in self.nodes if n.node_name == head_node)
        if starts_at is None:
            return node.node_name != head_node and self.leaves_enough(head, there, job, node)
        staying = [
            r for r in [*self.running, self.as_running(job, node)] if r.ends_at > self.naive(starts_at)
        ]
        return self.fits(head, there, staying) and self.within(head, there, staying)

    def leaves_enough(self, head: Job, there: Node, job: Job, node: Node) -> bool:
        """Nobody knows when the head starts: of what is counted over the cluster its part is set aside now."""
        staying = [r for r in self.running if r.ends_at > self.now]
        beside = [*staying, self.as_running(job, node)]
        shares = self.claims(head, there) & self.claims(job, node)
        return all(self.share_within(share, head, there, beside) for share in shares)

    def claims(self, job: Job, node: Node) -> set[tuple[str, str | int]]:
        wanted, policy = job.submitted, self.policy
        found: set[tuple[str, str | int]] = {("licence", n) for n in policy.licences if wanted.gres.get(n, 0)}
        if policy.user_max_cpus is not None or policy.user_max_jobs is not None:
            found.add(("user", wanted.user_name))
        if wanted.array_job_id and "%" in (wanted.array or ""):
            found.add(("array", wanted.array_job_id))
        return found

    def share_within(
        self, share: tuple[str, str | int], job: Job, node: Node, running: list[Running]
    ) -> bool:
        if share[0] != "licence":
            return self.within_own(job, node, running)
        name = str(share[1])
        used = sum(r.wanted.gres.get(name, 0) for r in running)
        return used + job.submitted.gres.get(name, 0) <= self.policy.licences[name]

    @staticmethod
    def naive(time: datetime) -> datetime:
        return time.replace(tzinfo=None)

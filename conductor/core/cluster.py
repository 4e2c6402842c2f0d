"""What the scheduler knows of the world: live jobs, nodes and who leads, folded from the log with `evolve`.

Waiting jobs stand in queues (`queues`), what is left of nodes is kept in an index (`node_index`), and what is counted
over all nodes in pools (`pools`), so that a pass costs what can be placed and not what waits. Deciding never happens
here.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from heapq import heapify, heappop, heappush, nsmallest

from conductor.core.allocation import Allocation, AllocationStatus
from conductor.core.decider import State, evolve
from conductor.core.events import JobRequeued, JobSubmitted, Policy, ProjectionsRebuilt, RecordedEvent
from conductor.core.identifiers import (
    AUDIT_STREAM,
    POLICY_STREAM,
    SCHEDULER_STREAM,
    TOKENS_STREAM,
    JobId,
    NodeName,
    Position,
    StreamName,
    job_of_stream,
)
from conductor.core.job import Job, JobState
from conductor.core.leadership import Leadership
from conductor.core.node import Node, NodeState
from conductor.core.node_index import NodeIndex
from conductor.core.node_use import NodeUse, hold_of
from conductor.core.policy import PolicyInForce
from conductor.core.pools import Pools, give_back, take
from conductor.core.queues import Place, Queue, QueueKey, Splitting, splitting
from conductor.core.reservation_fit import outgrown
from conductor.core.waiting_on import WaitingOn

_HEADS_MADE_READY = 8  # a pass plans the start of one that finds no room, which is not always the very first


@dataclass(slots=True, kw_only=True)
class Cluster:
    """Changed by `apply` alone. `jobs` holds those that have not ended."""

    position: Position = Position(0)
    jobs: dict[JobId, Job] = field(default_factory=dict)
    nodes: dict[NodeName, NodeUse] = field(default_factory=dict)
    leadership: Leadership = field(default_factory=Leadership)
    policy: PolicyInForce = field(default_factory=PolicyInForce)
    fair_share: Mapping[str, float] = field(default_factory=dict)  # factors by account, 0 to 1; absent: 1
    queues: dict[QueueKey, Queue] = field(default_factory=dict)
    pools: Pools = field(default_factory=dict)
    reserved: dict[JobId, Allocation] = field(default_factory=dict)
    waiting_on: WaitingOn = field(default_factory=WaitingOn)  # which jobs wait for which
    outdated: bool = False  # rows were mended since: what was found by them must be found again
    index: NodeIndex = field(init=False, compare=False)
    _ended: dict[JobId, Job] = field(
        default_factory=dict
    )  # since `forget_ended`: a requeue may follow at once
    _later: list[tuple[datetime, JobId]] = field(default_factory=list)  # begin time not reached
    _queued: dict[JobId, Queue] = field(default_factory=dict)
    _splitting: Splitting = field(default_factory=lambda: splitting(PolicyInForce().policy))

    def __post_init__(self) -> None:
        self.index = NodeIndex(self.nodes)

    @classmethod
    def load(
        cls,
        *,
        position: Position,
        at: datetime,
        nodes: Iterable[Node],
        jobs: Iterable[Job],
        leadership: Leadership | None = None,
        policy: PolicyInForce | None = None,
    ) -> "Cluster":
        """What folding all events up to `position` would give, from the states that they fold to.

        `at` says which begin times have come. Jobs that have ended are passed over.
        """
        cluster = cls(position=position)
        cluster.leadership = leadership or Leadership()
        cluster.policy = policy or PolicyInForce()
        cluster._splitting = splitting(cluster.policy.policy)
        for node in nodes:
            cluster._put_node(node)
        for job in jobs:
            if not job.state.final:
                cluster.jobs[job.job_id] = job
                cluster._hold(None, job)
        cluster._queue_all(at)
        for job in cluster.jobs.values():
            if job.depends:
                cluster.waiting_on.moved(job, cluster.jobs)
        cluster.make_ready()
        return cluster

    def make_ready(self) -> None:
        """Find now what a pass asks of every node, so that the first costs what others do: tens of milliseconds less
        with a thousand nodes. Changes no answer.
        """
        self.index.chosen_by(self.policy.policy.node_choice)
        self.index.keep(len(self.queues))
        for kind in {key.demand.kind for key in self.queues}:
            self.index.order(kind)
        for queue in nsmallest(_HEADS_MADE_READY, self.queues.values(), key=lambda queue: queue.head):
            self.index.able(queue.key.demand)
            self.index.soonest(queue.key.demand)

    def copy(self) -> "Cluster":
        """One to suppose things in: nothing that is done to it changes this one. What waits for what is not in it."""
        other = Cluster(
            position=self.position,
            jobs=dict(self.jobs),
            nodes={name: use.copy() for name, use in self.nodes.items()},
            leadership=self.leadership,
            policy=self.policy,
            fair_share=self.fair_share,
            pools={key: pool.copy() for key, pool in self.pools.items()},
            reserved=dict(self.reserved),
            _later=list(self._later),
            _splitting=self._splitting,
        )
        other.queues = {key: queue.copy() for key, queue in self.queues.items()}
        copies = {id(queue): other.queues[key] for key, queue in self.queues.items()}
        other._queued = {job_id: copies[id(queue)] for job_id, queue in self._queued.items()}
        for name in other.nodes:
            other.index.changed(name)
        return other

    def suppose(self, job: Job, at: datetime) -> None:
        """Have a job as it is given in the place of what it is; one in an end state is gone. For copies."""
        self._move(self.jobs.get(job.job_id), job, at)

    def suppose_node(self, node: Node) -> None:
        """The same for a node."""
        self._put_node(node)

    def suppose_policy(self, policy: Policy, at: datetime) -> None:
        """The same for the policy."""
        self._put_policy(replace(self.policy, policy=policy), at)

    def unknown_requeues(self, recorded: Iterable[RecordedEvent]) -> set[StreamName]:
        """Streams of ended jobs that come back: their earlier events must be given to `adopt` first."""
        requeued = {r.stream for r in recorded if isinstance(r.event, JobRequeued)}
        return {stream for stream in requeued if job_of_stream(stream) not in self.jobs}

    def adopt(self, job: Job) -> None:
        """Take in a job as it stood before the event that `apply` will bring."""
        self.jobs[job.job_id] = job

    def forget_ended(self) -> None:
        """Between two reads of the log: what ended before and comes back later is taken in with `adopt`."""
        self._ended.clear()

    def apply(self, recorded: RecordedEvent) -> None:
        """Fold the next event of the log. Events of ended jobs that stay ended are passed over."""
        self.position = recorded.position
        if isinstance(recorded.event, ProjectionsRebuilt):
            self.outdated = True
            return
        job_id = job_of_stream(recorded.stream)
        if job_id is not None:
            self._apply_to_job(job_id, recorded)
            return
        if recorded.stream in (AUDIT_STREAM, TOKENS_STREAM):
            return  # what people have noted, and who may ask, places nothing
        after = evolve(self._state(recorded.stream), recorded.event, at=recorded.at, version=recorded.version)
        if isinstance(after, Node):
            self._put_node(after)
        elif isinstance(after, Leadership):
            self.leadership = after
        elif isinstance(after, PolicyInForce):
            self._put_policy(after, recorded.at)

    def _put_node(self, node: Node) -> None:
        use = self.nodes.get(node.node_name)
        if use is None:
            self.nodes[node.node_name] = NodeUse(node)
        else:
            use.put(node)
        self.index.changed(node.node_name)

    def _put_policy(self, policy: PolicyInForce, at: datetime) -> None:
        self.policy = policy
        wanted = splitting(policy.policy)
        if wanted != self._splitting:
            self._splitting = wanted
            self._queue_all(at)

    def _state(self, stream: StreamName) -> State | None:
        if stream == SCHEDULER_STREAM:
            return self.leadership
        if stream == POLICY_STREAM:
            return self.policy
        use = self.nodes.get(NodeName(stream.removeprefix("node-")))
        return use.node if use else None

    def _apply_to_job(self, job_id: JobId, recorded: RecordedEvent) -> None:
        before = self.jobs.get(job_id) or self._ended.pop(job_id, None)
        if before is None and not isinstance(recorded.event, JobSubmitted):
            return
        after = evolve(before, recorded.event, at=recorded.at, version=recorded.version)
        assert isinstance(after, Job)
        self._move(before, after, recorded.at)
        self.waiting_on.moved(after, self.jobs)

    def _move(self, before: Job | None, after: Job, at: datetime) -> None:
        self._unqueue(after.job_id)
        self._hold(before, after)
        if after.state.final:
            self.jobs.pop(after.job_id, None)
            self._ended[after.job_id] = after
            return
        self.jobs[after.job_id] = after
        if _waits(after):
            self._enqueue(after, at)

    def _hold(self, before: Job | None, after: Job) -> None:
        """Live allocations hold a part of their node and of the pools; one that ended, or is gone, holds none."""
        was, now = _live(before), _live(after)
        if now is not None and now.status is AllocationStatus.RESERVED:
            self.reserved[after.job_id] = now
        else:
            self.reserved.pop(after.job_id, None)
        if was == now:
            return
        if before is not None and was is not None:
            use = self.nodes[was.node_name]
            give_back(self.pools, before, use.holds[before.job_id])
            use.release(before.job_id)
            self.index.changed(was.node_name)
        if now is not None:
            hold = hold_of(after, now)
            take(self.pools, after, hold)
            self.nodes[now.node_name].hold(after.job_id, hold)
            self.index.changed(now.node_name)

    def key_of(self, job_id: JobId) -> QueueKey | None:
        """The queue that a job waits in; None: it is in none (held, depends, begins later, does not wait)."""
        queue = self._queued.get(job_id)
        return queue.key if queue is not None else None

    def place_of(self, job_id: JobId) -> Place | None:
        """Its place in that queue."""
        return self._splitting.place_of(self.jobs[job_id]) if job_id in self._queued else None

    def _enqueue(self, job: Job, at: datetime) -> None:
        if job.begins_at > at:
            heappush(self._later, (job.begins_at, job.job_id))
            return
        key = self._splitting.key_of(job)
        queue = self.queues.get(key)
        if queue is None:
            queue = self.queues[key] = Queue(key)
        queue.add(self._splitting.place_of(job))
        self._queued[job.job_id] = queue

    def _unqueue(self, job_id: JobId) -> None:
        queue = self._queued.pop(job_id, None)
        if queue is None:
            return
        queue.remove(self._splitting.place_of(self.jobs[job_id]))
        if not queue:
            del self.queues[queue.key]

    def _queue_all(self, at: datetime) -> None:
        """All queues anew: each sorted once, which is cheaper than one job after the other."""
        places: dict[QueueKey, list[Place]] = {}
        admitted = self._queued
        self._queued, self._later = {}, []
        for job_id, job in self.jobs.items():
            if not _waits(job):
                continue
            if job.begins_at > at and job_id not in admitted:
                self._later.append((job.begins_at, job_id))
                continue
            places.setdefault(self._splitting.key_of(job), []).append(self._splitting.place_of(job))
        heapify(self._later)
        self.queues = {key: Queue(key, found) for key, found in places.items()}
        for queue in self.queues.values():
            self._queued.update((place.job_id, queue) for place in queue)

    def admit(self, now: datetime) -> None:
        """Let jobs whose begin time has come into the queue."""
        while self._later and self._later[0][0] <= now:
            _, job_id = heappop(self._later)
            job = self.jobs.get(job_id)
            if job is not None and _waits(job) and job_id not in self._queued:
                self._enqueue(job, now)

    def expired(self, now: datetime) -> list[tuple[JobId, Allocation]]:
        """Reservations whose time has passed."""
        return [(job_id, a) for job_id, a in self.reserved.items() if a.expires_at <= now]

    def lost_allocations(self) -> list[tuple[Job, Allocation]]:
        """What cannot be running any more on nodes that are lost, or start on those that came back with less: see
        `job_report`.
        """
        return [*self._on_lost_nodes(), *self._outgrown()]

    def _outgrown(self) -> Iterator[tuple[Job, Allocation]]:
        for job_id, allocation in self.reserved.items():
            node, job = self.nodes[allocation.node_name].node, self.jobs[job_id]
            anew = node.registered_at >= allocation.reserved_at and node.state is not NodeState.LOST
            if anew and outgrown(job.submitted, allocation, node) is not None:
                yield job, allocation

    def _on_lost_nodes(self) -> list[tuple[Job, Allocation]]:
        lost = {name: use.node for name, use in self.nodes.items() if use.node.state is NodeState.LOST}
        if not any(self.nodes[name].held_mask for name in lost):
            return []
        return [
            (job, allocation)
            for job in self.jobs.values()
            if (allocation := job.allocation) is not None
            and allocation.live
            and allocation.node_name in lost
            and (
                allocation.status is AllocationStatus.RESERVED
                or job.submitted.requeue
                or lost[allocation.node_name].jobs_lost
            )
        ]

    @property
    def waiting(self) -> int:
        return len(self._queued)


def _waits(job: Job) -> bool:
    """Whether it may be placed once its begin time has come."""
    return job.state is JobState.PENDING and not job.held and not job.depends


def _live(job: Job | None) -> Allocation | None:
    return job.allocation if job is not None and job.allocation is not None and job.allocation.live else None

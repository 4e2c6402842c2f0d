"""Random small clusters: nodes, jobs that run and wait, and a policy."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from conductor.core.allocation import Allocation, AllocationStatus
from conductor.core.cluster import Cluster
from conductor.core.events import Policy
from conductor.core.identifiers import AllocationId, JobId, NodeName, Position, Version
from conductor.core.job import Job, JobState
from conductor.core.job import evolve as evolve_job
from conductor.core.node import Node, NodeState
from conductor.core.node import evolve as evolve_node
from conductor.core.placement import plan
from conductor.core.policy import PolicyInForce
from tests.given import START, registered, submitted

NOW = START + timedelta(hours=2)
USERS = ("alice", "bob")
FACTORS = {"alice": 0.25, "physics": 0.5}


@dataclass(frozen=True)
class World:
    """States, of which a cluster is made as often as one is needed."""

    nodes: Mapping[NodeName, Node]
    jobs: Mapping[JobId, Job]
    policy: Policy
    usable: frozenset[NodeName]

    def cluster(self, **otherwise: Any) -> Cluster:
        world = replace(self, **otherwise)
        return loaded(world, world.jobs, NOW)

    def with_job(self, job: Job) -> "World":
        return replace(self, jobs={**self.jobs, job.job_id: job})

    def alone(self, job_id: JobId) -> "World":
        kept = {i: j for i, j in self.jobs.items() if i == job_id or j.state is not JobState.PENDING}
        return replace(self, jobs=kept)

    def places(self, job_id: JobId) -> bool:
        placements = plan(self.cluster(), NOW, self.usable, most=10_000).placements
        return any(one.job_id == job_id for one in placements)

    @property
    def waiting(self) -> list[Job]:
        return [job for job in self.jobs.values() if job.state is JobState.PENDING]


def loaded(world: World, jobs: Mapping[JobId, Job], now: datetime) -> Cluster:
    cluster = Cluster.load(
        position=Position(1),
        at=now,
        nodes=world.nodes.values(),
        jobs=jobs.values(),
        policy=PolicyInForce(version=Version(1), policy=world.policy),
    )
    cluster.fair_share = FACTORS
    return cluster


node_kinds = st.fixed_dictionaries(
    {
        "cpus": st.integers(1, 8),
        "memory_mb": st.none() | st.integers(500, 2000),
        "state": st.sampled_from([NodeState.UP] * 6 + [NodeState.DRAINED, NodeState.LOST, NodeState.REMOVED]),
        "heard": st.sampled_from([True] * 6 + [False]),
        "arch": st.sampled_from(["arm", "x86"]),
        "gres": st.sampled_from([{}, {}, {"gpu": 2}]),
    }
)
job_kinds = st.fixed_dictionaries(
    {
        "cpus_per_task": st.integers(1, 9),
        "user_name": st.sampled_from(USERS),
        "account": st.sampled_from([None, "physics"]),
        "priority": st.integers(0, 2),
        "memory_mb": st.none() | st.integers(100, 1500),
        "time_limit_seconds": st.none() | st.integers(60, 7200),
        "labels": st.sampled_from([{}] * 4 + [{"arch": "arm"}]),
        "nodelist": st.sampled_from([()] * 5 + [(NodeName("n0"),)]),
        "gres": st.sampled_from([{}] * 4 + [{"gpu": 1}, {"gpu": 2}, {"matlab": 1}, {"matlab": 2}]),
        "exclusive": st.sampled_from([False] * 6 + [True]),
        "held": st.sampled_from([False] * 8 + [True]),
        "dependency": st.sampled_from([None] * 8 + ["afterok:999"]),
        "begin_time": st.sampled_from([None] * 8 + [NOW - timedelta(hours=1), NOW + timedelta(hours=1)]),
        "in_array": st.booleans(),
    }
)
policies = st.builds(
    Policy,
    order=st.sampled_from(["first_fit", "strict_fifo", "backfill"]),
    guard_seconds=st.none() | st.sampled_from([60.0, 1e6]),
    aging_per_hour=st.sampled_from([0.0, 0.0, 3000.0]),
    fair_share_weight=st.sampled_from([0.0, 0.0, 2.0]),
    user_max_cpus=st.none() | st.integers(1, 12),
    user_max_jobs=st.none() | st.integers(1, 3),
    licences=st.sampled_from([{}, {"matlab": 1}, {"matlab": 0}]),
)


def _node(index: int, kind: Mapping[str, Any]) -> Node:
    name = NodeName(f"n{index}")
    event = replace(
        registered(name, cpus=kind["cpus"]),
        memory_mb=kind["memory_mb"],
        labels={"arch": kind["arch"]},
        gres=kind["gres"],
        cpu_block=index * 1000,
    )
    node = evolve_node(None, event, at=START, version=Version(1))
    return replace(node, state=kind["state"], drained=kind["state"] is NodeState.DRAINED)


def _job(job_id: int, kind: Mapping[str, Any]) -> Job:
    fields = {name: value for name, value in kind.items() if name != "in_array"}
    if kind["in_array"]:
        fields |= {"array": "1-9%2", "array_job_id": JobId(1), "array_task_id": job_id}
    event = submitted(job_id, **fields)
    return evolve_job(None, event, at=START + timedelta(seconds=job_id), version=Version(1))


def running_on(job: Job, node: NodeName, cpu_ids: tuple[int, ...], gres: Any, *, began: bool) -> Job:
    at = NOW - timedelta(minutes=5)
    allocation = Allocation(
        allocation_id=AllocationId(job.job_id),
        attempt=1,
        node_name=node,
        cpu_ids=cpu_ids,
        cpu_block=0,
        memory_mb=job.submitted.memory_mb,
        status=AllocationStatus.ALLOCATED if began else AllocationStatus.RESERVED,
        reserved_at=at,
        expires_at=NOW + timedelta(seconds=30),
        version=Version(2),
        gres=gres,
        allocated_at=at if began else None,
    )
    state = JobState.RUNNING if began else JobState.RESERVED
    return replace(job, state=state, allocation=allocation, started_at=at if began else None, reason=None)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Some of the jobs are put where the plan would put them, then more are submitted."""
    nodes = [_node(i, kind) for i, kind in enumerate(draw(st.lists(node_kinds, max_size=4)))]
    usable = frozenset(
        node.node_name for node in nodes if node.state is NodeState.UP and draw(st.integers(0, 8)) > 0
    )
    early = [_job(i + 1, kind) for i, kind in enumerate(draw(st.lists(job_kinds, max_size=8)))]
    world = World(
        nodes={node.node_name: node for node in nodes},
        jobs={job.job_id: job for job in early},
        policy=draw(policies),
        usable=usable,
    )
    for one in plan(world.cluster(), NOW, usable).placements:
        job, began = world.jobs[one.job_id], draw(st.integers(0, 4)) > 0
        world = world.with_job(running_on(job, one.node_name, one.cpu_ids, one.gres, began=began))
    late = draw(st.lists(job_kinds, max_size=6))
    for index, kind in enumerate(late):
        world = world.with_job(_job(len(early) + index + 1, kind))
    return replace(world, policy=draw(policies)) if draw(st.booleans()) else world

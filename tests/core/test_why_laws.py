"""Every waiting job has a reason, and every reason is true: checked by trying, on random small clusters."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
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
from conductor.core.supposing import ends_by
from conductor.core.wait_caps import CAPS
from conductor.core.wait_reasons import Judge
from conductor.core.why import Why, explain
from conductor.core.why_catalogue import sentence
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
        return _loaded(world, world.jobs, NOW)

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


def _loaded(world: World, jobs: Mapping[JobId, Job], now: datetime) -> Cluster:
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


def _running(job: Job, node: NodeName, cpu_ids: tuple[int, ...], gres: Any, *, began: bool) -> Job:
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
        world = world.with_job(_running(job, one.node_name, one.cpu_ids, one.gres, began=began))
    late = draw(st.lists(job_kinds, max_size=6))
    for index, kind in enumerate(late):
        world = world.with_job(_job(len(early) + index + 1, kind))
    return replace(world, policy=draw(policies)) if draw(st.booleans()) else world


LAW = settings(max_examples=120, deadline=None)


@LAW
@given(worlds())
def test_every_waiting_job_has_a_reason_and_the_listing_says_the_same(world: World) -> None:
    cluster = world.cluster()
    listed = Judge(cluster, NOW, world.usable).reasons(world.jobs)
    assert listed.keys() == {job.job_id for job in world.waiting}
    for job in world.waiting:
        why = explain(cluster, job.job_id, NOW, world.usable)
        assert why.reason == listed[job.job_id]
        for language in ("en", "zh"):
            assert sentence(why.told.code, why.told.parameters, language)


@LAW
@given(worlds())
def test_asking_changes_nothing(world: World) -> None:
    cluster = world.cluster()
    before = plan(cluster, NOW, world.usable)
    for job in world.jobs.values():
        explain(cluster, job.job_id, NOW, world.usable)
    assert plan(cluster, NOW, world.usable) == before
    assert cluster.jobs == dict(world.jobs)


@LAW
@given(worlds())
def test_every_reason_is_true(world: World) -> None:
    judge = Judge(world.cluster(), NOW, world.usable)
    for job in world.waiting:
        check_reason(world, job, judge.reason(job))


def check_reason(world: World, job: Job, reason: str) -> None:
    alone = world.alone(job.job_id)
    match reason:
        case "JobHeldUser":
            assert job.held
        case "Dependency":
            assert job.depends
        case "BeginTime":
            assert job.begins_at > NOW
        case "NoNodes":
            assert all(node.state is NodeState.REMOVED for node in world.nodes.values())
        case "BadConstraints":
            assert not emptied(world, job, back=True).places(job.job_id)
            removed = [n for n, node in world.nodes.items() if node.state is NodeState.REMOVED]
            could = [
                n for n in removed if emptied(registered_again(world, n), job, back=True).places(job.job_id)
            ]
            told = explain(world.cluster(), job.job_id, NOW, world.usable).told
            assert told.parameters.get("nodes", []) == sorted(could)
        case "ReqNodeNotAvail":
            assert not emptied(world, job, back=False).places(job.job_id)
            assert emptied(world, job, back=True).places(job.job_id)
        case "Starting":
            assert world.places(job.job_id)
        case "Priority":
            assert alone.places(job.job_id)
            assert not world.places(job.job_id)
        case "Resources":
            assert not alone.places(job.job_id)
            assert not uncapped(alone).places(job.job_id)
        case _:
            assert reason in CAPS
            assert not alone.places(job.job_id)
            check_lifted(world, job, reason)


def uncapped(world: World) -> World:
    """Without any limit on what may be held at a time."""
    licences = dict.fromkeys(world.policy.licences, 1000)
    free = replace(world.policy, user_max_cpus=None, user_max_jobs=None, licences=licences)
    jobs = {
        i: replace(job, submitted=replace(job.submitted, array="1-9" if job.submitted.array else None))
        for i, job in world.jobs.items()
    }
    return replace(world, policy=free, jobs=jobs)


def emptied(world: World, job: Job, *, back: bool) -> World:
    """Nothing but this job, no limits, and with `back` every node that is registered takes jobs."""
    nodes = dict(world.nodes)
    if back:
        nodes = {
            name: node if node.state is NodeState.REMOVED else replace(node, state=NodeState.UP)
            for name, node in nodes.items()
        }
    usable = frozenset(nodes) if back else world.usable
    return uncapped(replace(world, nodes=nodes, usable=usable, jobs={job.job_id: job}))


def registered_again(world: World, name: NodeName) -> World:
    return replace(world, nodes={**world.nodes, name: replace(world.nodes[name], state=NodeState.UP)})


def check_lifted(world: World, job: Job, reason: str) -> None:
    """Without that limit it is placed, or something else keeps it: another reason, or another licence."""
    cap = Judge(world.cluster(), NOW, world.usable).cap_reached(job)
    assert cap is not None
    policy, wanted = cap.raised(world.policy), job.submitted
    if policy is None:
        policy, wanted = world.policy, replace(wanted, array="1-9")
    lifted = replace(world, policy=policy).with_job(replace(job, submitted=wanted))
    judge = Judge(lifted.cluster(), NOW, lifted.usable)
    after = judge.cap_reached(lifted.jobs[job.job_id])
    assert judge.reason(lifted.jobs[job.job_id]) != reason or (after and after.claim.key != cap.claim.key)


@LAW
@given(worlds())
def test_holders_hold_what_is_missing_and_nobody_else_does(world: World) -> None:
    """Whoever is named holds some of it; without all of them that is not missing any more."""
    cluster = world.cluster()
    judge = Judge(cluster, NOW, world.usable)
    for job in world.waiting:
        reason = judge.reason(job)
        holders = judge.holders(job, reason)
        for holder in holders:
            assert holder.holds
            assert all(amount > 0 for amount in holder.holds.values())
        if reason != "Resources":
            continue
        gone = {holder.job_id for holder in holders}
        free = replace(world, jobs={i: one for i, one in world.jobs.items() if i not in gone})
        assert Judge(free.cluster(), NOW, free.usable).reason(job) != "Resources"
        short = explain(cluster, job.job_id, NOW, world.usable).told.parameters["short"]
        kinds = {one["code"] for one in short}
        assert kinds
        if kinds == {"short_gres"}:
            without = replace(job.submitted, gres={})
            assert judge.fits_alone(replace(job, submitted=without)) or judge.cap_reached(job)


@LAW
@given(worlds())
def test_jobs_ahead_go_first(world: World) -> None:
    """Whoever is behind by priority, and is kept by no protected job, is passed by one of those named as ahead; and
    without them he starts, or somebody is protected.
    """
    cluster = world.cluster()
    judge = Judge(cluster, NOW, world.usable)
    for job in world.waiting:
        if judge.reason(job) != "Priority":
            continue
        ahead = judge.ahead(job)
        without = replace(world, jobs={i: one for i, one in world.jobs.items() if i not in ahead})
        assert ahead
        assert without.places(job.job_id) or plan(without.cluster(), NOW, world.usable).protected
        head = judge.protected_from(job)
        assert head.job_id in ahead if head else any(judge.placement(one) for one in ahead)


@LAW
@given(worlds())
def test_every_remedy_helps(world: World) -> None:
    cluster = world.cluster()
    for job in world.waiting:
        for remedy in explain(cluster, job.job_id, NOW, world.usable).remedies:
            told = remedy.told
            check_remedy(world, job, told.code, told.parameters)
            assert sentence(told.code, told.parameters, "en") != sentence(told.code, told.parameters, "zh")


def check_remedy(world: World, job: Job, code: str, named: Mapping[str, Any]) -> None:
    after, wanted = world, job.submitted
    match code:
        case "fewer_cpus":
            narrower = replace(wanted, ntasks_per_node=1, cpus_per_task=named["cpus"])
            assert named["cpus"] < wanted.total_cpus
            after = world.with_job(replace(job, submitted=narrower))
        case "fewer_gres":
            assert 0 < named["count"] < wanted.gres[named["name"]]
            fewer = replace(wanted, gres={**wanted.gres, named["name"]: named["count"]})
            after = world.with_job(replace(job, submitted=fewer))
        case "less_memory":
            assert wanted.memory_mb is not None
            assert named["free_mb"] < wanted.memory_mb
            after = world.with_job(replace(job, submitted=replace(wanted, memory_mb=named["free_mb"])))
        case "not_exclusive":
            after = world.with_job(replace(job, submitted=replace(wanted, exclusive=False)))
        case "shorter_limit":
            after = world.with_job(
                replace(job, submitted=replace(wanted, time_limit_seconds=60 * named["minutes"]))
            )
        case "higher_priority":
            after = world.with_job(replace(job, priority=named["priority"]))
        case "job_ends" | "job_ends_by":
            after = replace(world, jobs={i: one for i, one in world.jobs.items() if i != named["job_id"]})
        case "resume_node" | "node_back" | "register_again":
            name = named["node_name"]
            node = replace(world.nodes[name], state=NodeState.UP)
            after = replace(world, nodes={**world.nodes, name: node}, usable=world.usable | {name})
        case "raise_cap":
            after = replace(world, policy=replace(world.policy, **{named["name"]: named["value"]}))
        case "raise_licence":
            licences = {**world.policy.licences, named["name"]: named["value"]}
            after = replace(world, policy=replace(world.policy, licences=licences))
        case "raise_to_start_ever":
            check_ever(world, job, named["name"], named["value"])
            return
        case "could_run":
            narrower = replace(wanted, ntasks_per_node=1, cpus_per_task=named["cpus"])
            assert emptied(world, replace(job, submitted=narrower), back=True).places(job.job_id)
            return
        case _:
            assert code in ("unhold", "unhold_then", "register_node")
            return
    assert after.places(job.job_id), code


def check_ever(world: World, job: Job, name: str, value: int) -> None:
    """With that value it starts where nothing else is, and with one less it does not."""
    for given_value, starts in ((value, True), (value - 1, False)):
        empty = emptied(world, job, back=True)
        changes: dict[str, Any] = {name: given_value}
        if not name.startswith("user_max"):
            changes = {"licences": {**empty.policy.licences, name: given_value}}
        changed = replace(empty.policy, **changes)
        assert replace(empty, policy=changed).places(job.job_id) is starts


@settings(max_examples=80, deadline=None)
@given(worlds())
def test_by_its_latest_start_a_job_has_started_when_every_job_takes_its_whole_limit(world: World) -> None:
    cluster = world.cluster()
    for job in world.waiting:
        why = explain(cluster, job.job_id, NOW, world.usable)
        if why.starts_by is not None:
            assert started_by(world, job.job_id, why)


def started_by(world: World, job_id: JobId, why: Why) -> bool:
    """The plainest way: a fresh cluster at every moment at which something ends or begins. What is over its limit ends
    right after the first pass.
    """
    now, assumed = NOW, why.starts_by
    assert assumed is not None
    jobs = dict(world.jobs)
    ends = {i: ends_by(job, NOW) for i, job in jobs.items() if job.allocation is not None}
    for _ in range(200):
        cluster = _loaded(world, jobs, now)
        for one in plan(cluster, now, world.usable, most=10_000).placements:
            if one.job_id == job_id:
                return now <= assumed
            limit = jobs[one.job_id].submitted.time_limit_seconds
            ends[one.job_id] = now + timedelta(seconds=limit) if limit is not None else None
            begun = _running(jobs[one.job_id], one.node_name, one.cpu_ids, one.gres, began=True)
            assert begun.allocation is not None
            jobs[one.job_id] = replace(
                begun, allocation=replace(begun.allocation, reserved_at=now, allocated_at=now)
            )
        moments = [end for i in jobs if (end := ends.get(i)) is not None]
        begins = [job.begins_at for job in jobs.values() if job.state is JobState.PENDING]
        moments += [at for at in begins if at > now]
        now = min(moments, default=assumed + timedelta(days=1))
        jobs = {i: job for i, job in jobs.items() if (end := ends.get(i)) is None or end > now}
        if now > assumed:
            return False
    return False

"""Every waiting job has a reason, and every reason is true: checked by trying, on random small clusters."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings

from conductor.core.identifiers import JobId, NodeName
from conductor.core.job import Job, JobState
from conductor.core.node import NodeState
from conductor.core.placement import plan
from conductor.core.supposing import ends_by
from conductor.core.wait_caps import CAPS
from conductor.core.wait_reasons import Judge
from conductor.core.why import Why, explain
from conductor.core.why_catalogue import sentence
from tests.given_worlds import NOW, World, loaded, running_on, worlds

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
        cluster = loaded(world, jobs, now)
        for one in plan(cluster, now, world.usable, most=10_000).placements:
            if one.job_id == job_id:
                return now <= assumed
            limit = jobs[one.job_id].submitted.time_limit_seconds
            ends[one.job_id] = now + timedelta(seconds=limit) if limit is not None else None
            begun = running_on(jobs[one.job_id], one.node_name, one.cpu_ids, one.gres, began=True)
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

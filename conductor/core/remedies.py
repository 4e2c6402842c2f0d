"""What would let a waiting job start now. Nothing is claimed that was not tried: the plan of the cluster, with that one
thing otherwise, places the job.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from shlex import quote

from conductor.core.events import Policy
from conductor.core.job import Job
from conductor.core.lesser_wishes import asked_otherwise, cpus_option, fewer_cpus, lesser, narrower
from conductor.core.node import NodeState
from conductor.core.supposing import supposing
from conductor.core.tries import Remedy, Tries
from conductor.core.wait_caps import CAPS, Cap
from conductor.core.wait_reasons import HELD, Holder, Judge, Told, called, told_of_job
from conductor.core.wait_told import told_by_cluster


def remedies(judge: Judge, job: Job, reason: str, holders: Sequence[Holder]) -> list[Remedy]:
    """At most one of a kind, but for nodes."""
    if reason in HELD:
        return [_unhold(judge, job)]
    if reason == "NoNodes":
        return [Remedy(told=Told(code="register_node"), command="conductor executor")]
    tries = Tries(judge, job)
    if reason == "BadConstraints":
        return [*_registered_again(tries), *_could_run(tries)]
    if reason == "ReqNodeNotAvail":
        return list(_nodes_back(tries))
    if reason in CAPS:
        return [*_raised_cap(tries), *_end_of_one(tries, holders, reason)]
    if reason == "Resources":
        return [*_nodes_back(tries), *lesser(tries), *_end_of_one(tries, holders, reason)]
    if reason == "Priority":
        return [*_higher_priority(tries), *_shorter_limit(tries), *fewer_cpus(tries)]
    return []


def _unhold(judge: Judge, job: Job) -> Remedy:
    """With what keeps it then, if it would not start at once."""
    command = f"conductor unhold {called(job)}"
    own = "Dependency" if job.depends else "BeginTime" if job.begins_at > judge.now else None
    free = replace(job, held=False, reason=own, eligible_at=max(job.begins_at, judge.now))
    then = Judge(supposing(judge.cluster, judge.now, jobs=[free]), judge.now, judge.usable)
    reason = then.reason(free)
    if reason == "Starting":
        return Remedy(told=Told(code="unhold"), command=command)
    told = told_of_job(free, judge.now) or told_by_cluster(then, free, reason, ahead=len(then.ahead(free)))
    return Remedy(told=Told(code="unhold_then", parameters={"then": told.nested}), command=command)


def _nodes_back(tries: Tries) -> Iterator[Remedy]:
    """Nodes that take no jobs now and on which it would start if they did."""
    judge = tries.judge
    for node in judge.suiting(tries.job.submitted):
        if judge.takes_jobs(node):
            continue
        back = replace(node, state=NodeState.UP, drained=False)
        if tries.places(nodes=[back]):
            named = {"node_name": node.node_name}
            if node.state is NodeState.DRAINED and node.node_name in judge.usable:
                yield Remedy(
                    told=Told(code="resume_node", parameters=named),
                    command=f"conductor resume {quote(node.node_name)}",
                )
            else:
                yield Remedy(
                    told=Told(code="node_back", parameters=named),
                    command=f"conductor node {quote(node.node_name)}",
                )


def _registered_again(tries: Tries) -> Iterator[Remedy]:
    """Nodes that were removed and on which it would start if they were there again."""
    for node in tries.judge.removed_that_suited(tries.job.submitted):
        if tries.places(nodes=[replace(node, state=NodeState.UP, drained=False)]):
            told = Told(code="register_again", parameters={"node_name": node.node_name})
            yield Remedy(told=told, command="conductor executor")


def _could_run(tries: Tries) -> Iterator[Remedy]:
    """A job that is too wide for every node."""
    judge, wanted = tries.judge, tries.job.submitted
    for node in sorted(judge.nodes(), key=lambda one: (-one.total_cpus, one.node_name)):
        less = narrower(wanted, node.total_cpus)
        if node.total_cpus < wanted.total_cpus and node in judge.suiting(less):
            named = {"cpus": node.total_cpus, "node_name": node.node_name}
            yield asked_otherwise("could_run", cpus_option(wanted, node.total_cpus), **named)
            return


def _end_of_one(tries: Tries, holders: Sequence[Holder], reason: str) -> Iterator[Remedy]:
    """The first job to end whose end alone is enough."""
    judge, wanted = tries.judge, tries.job.submitted
    free = {node.node_name: judge.free_cpus(node) for node in judge.suiting(wanted)}
    for holder in holders:
        if tries.used_up:
            return
        if reason == "Resources" and free.get(holder.node_name, 0) + holder.cpus < wanted.total_cpus:
            continue
        if tries.places(without=holder.job_id):
            if holder.ends_by is None:
                yield Remedy(
                    told=Told(code="job_ends", parameters={"job_id": holder.job_id, "job_name": holder.name})
                )
            else:
                told = {"job_id": holder.job_id, "job_name": holder.name, "ends_by": holder.ends_by}
                yield Remedy(told=Told(code="job_ends_by", parameters=told))
            return


def _higher_priority(tries: Tries) -> Iterator[Remedy]:
    job = tries.job
    ahead = tries.judge.ahead(job)
    if not ahead:
        return
    priority = max(tries.judge.cluster.jobs[one].priority for one in ahead) + 1
    if tries.places(jobs=[replace(job, priority=priority)]):
        yield Remedy(
            told=Told(code="higher_priority", parameters={"priority": priority}),
            command=f"conductor reprioritize {priority} {called(job)}",
        )


def _shorter_limit(tries: Tries) -> Iterator[Remedy]:
    """What ends before the protected job's planned start does not delay it."""
    head = tries.judge.protected_from(tries.job)
    if head is None or head.starts_at is None:
        return
    minutes = int((head.starts_at - tries.judge.now).total_seconds() // 60)
    limit = tries.job.submitted.time_limit_seconds
    if minutes < 1 or (limit is not None and limit <= 60 * minutes):
        return
    if tries.places_asking(replace(tries.job.submitted, time_limit_seconds=60 * minutes)):
        yield asked_otherwise("shorter_limit", f"--time {minutes}", minutes=minutes)


def _raised_cap(tries: Tries) -> Iterator[Remedy]:
    """The cap at which it would start."""
    judge = tries.judge
    cap = judge.cap_reached(tries.job)
    if cap is None:
        return
    policy = judge.cluster.policy.policy
    if cap.never and cap.least < cap.enough:
        yield from _set_to(cap, policy, cap.least, "raise_to_start_ever")
    raised = cap.raised(policy)
    if raised is not None and tries.places(policy=raised):
        yield from _set_to(
            cap, policy, cap.enough, "raise_licence" if cap.code == "Licenses" else "raise_cap"
        )
    elif cap.never and cap.least == cap.enough:
        yield from _set_to(cap, policy, cap.least, "raise_to_start_ever")


def _set_to(cap: Cap, policy: Policy, value: int, code: str) -> Iterator[Remedy]:
    raised = cap.raised(policy, value)
    if raised is not None:
        told = Told(code=code, parameters={"name": cap.name, "value": value})
        yield Remedy(told=told, command=_policy_command(cap, raised, value))


def _policy_command(cap: Cap, policy: Policy, value: int) -> str:
    if cap.code == "Licenses":
        licences = ",".join(f"{name}:{count}" for name, count in sorted(policy.licences.items()))
        return f"conductor policy {quote(f'licences={licences}')}"
    return f"conductor policy {cap.name}={value}"

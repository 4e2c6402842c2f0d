"""What is said of a job that waits for what only the rest of the cluster explains: codes and what fills their gaps."""

from typing import Any

from conductor.core.job import Job
from conductor.core.node_use import end_of
from conductor.core.protection import Protected
from conductor.core.wait_caps import CAPS, Cap
from conductor.core.wait_reasons import Judge, Told, called, wishes_of

HOLDERS_SHOWN = 20


def told_by_cluster(judge: Judge, job: Job, reason: str, *, ahead: int) -> Told:
    """`ahead`: how many waiting jobs are looked at before it."""
    wanted = job.submitted
    match reason:
        case "BadConstraints":
            asked = {"wanted": wishes_of(wanted), "count": len(judge.nodes())}
            removed = [node.node_name for node in judge.removed_that_suited(wanted)]
            if removed:
                return Told(
                    code="BadConstraints_removed", parameters={**asked, "nodes": removed[:HOLDERS_SHOWN]}
                )
            return Told(code=reason, parameters=asked)
        case "ReqNodeNotAvail":
            standing = [judge.standing(node) for node in judge.suiting(wanted)]
            return Told(code=reason, parameters={"nodes": standing[:HOLDERS_SHOWN]})
        case "Resources":
            return Told(code=reason, parameters={"wanted": wishes_of(wanted), **_most_free(judge, job)})
        case "Priority":
            return _told_of_priority(judge, job, ahead)
        case "Starting":
            placement = judge.placement(job.job_id)
            return Told(code=reason, parameters={"node_name": placement.node_name if placement else None})
        case _ if reason in CAPS:
            cap = _cap(judge, job)
            never = f"{reason}_never" if cap.never else reason
            return Told(code=never, parameters=cap.parameters(wanted))
        case _:
            return Told(code=reason)


def _cap(judge: Judge, job: Job) -> Cap:
    cap = judge.cap_reached(job)
    assert cap is not None
    return cap


def _told_of_priority(judge: Judge, job: Job, ahead_count: int) -> Told:
    head = judge.protected_from(job)
    if head is None:
        return Told(code="Priority", parameters={"ahead": ahead_count})
    name = called(judge.cluster.jobs[head.job_id])
    parameters = {
        "head": head.job_id,
        "head_name": name,
        "head_node": head.node_name,
        "starts_at": head.starts_at,
    }
    return Told(code=f"Priority_{head.because}", parameters=parameters)


def _most_free(judge: Judge, job: Job) -> dict[str, Any]:
    """The node that lacks the fewest kinds of what it needs; of equals, the one with most free CPUs."""
    short = judge.short(job.submitted)
    best = min(short, key=lambda name: (len(short[name]), -judge.cluster.nodes[name].free_cpus, name))
    use = judge.cluster.nodes[best]
    return {
        "count": len(short),
        "node_name": best,
        "free_cpus": use.free_cpus,
        "total_cpus": use.node.total_cpus,
        "short": [one.told for one in short[best]],
    }


def told_of_protection(judge: Judge, job: Job, reason: str, own: Protected | None) -> Told | None:
    """That nothing may delay it (`own`), or from when on nothing will under `first_fit`."""
    if own is not None:
        named = {"node_name": own.node_name, "starts_at": own.starts_at, "because": own.because}
        if own.node_name is None:
            return Told(code="protected_first", parameters=named)
        return Told(code="protected_at" if own.starts_at else "protected_open", parameters=named)
    guard_seconds = judge.guard_seconds
    if reason not in ("Resources", "Licenses") or guard_seconds is None or job.eligible_at is None:
        return None
    cap = judge.cap_reached(job)
    from_then = end_of(job.eligible_at, int(guard_seconds))
    if from_then is None or from_then <= judge.now or (cap is not None and cap.never):
        return None
    return Told(code="guard_from", parameters={"at": from_then})

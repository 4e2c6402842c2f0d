"""How the end of an attempt is reported to the log: what the supervisor said of it, as a `Release`."""

from typing import Any

from conductor.core.commands import Release
from conductor.core.events import ReleaseReason
from conductor.core.identifiers import AllocationId, Incarnation, JobId, NodeName
from conductor.handler import Accepted
from conductor.supervisor_client import Exited, LaunchFailed

# Causes that are the node's and not the job's: what happens next is for the job's `requeue` to say.
_NODE_FAILED = ("untrusted", "node_stopped")
_CAUSES = {
    "cancelled": ReleaseReason.CANCELLED,
    "timed_out": ReleaseReason.TIMED_OUT,
    "out_of_memory": ReleaseReason.OUT_OF_MEMORY,
    **dict.fromkeys(_NODE_FAILED, ReleaseReason.NODE_LOST),
}


def ended(
    end: LaunchFailed | Exited,
    *,
    incarnation: Incarnation,
    node_name: NodeName,
    job_id: JobId | None,
    before_reboot: bool,
) -> Release:
    """`before_reboot`: the process was started before the machine's last boot, so it ended with the machine."""
    ran = end if isinstance(end, Exited) else None
    return Release(
        allocation_id=AllocationId(end.allocation_id),
        incarnation=incarnation,
        reason=_reason(end, before_reboot),
        exit_code=ran.exit_code if ran else None,
        exit_signal=ran.exit_signal if ran else None,
        cpu_seconds=ran.cpu_seconds if ran else None,
        memory_peak_mb=ran.memory_peak_mb if ran else None,
        detail=end.detail if isinstance(end, Exited) else end.reason,
        job_id=job_id,
        node_name=node_name,
    )


def _reason(end: LaunchFailed | Exited, before_reboot: bool) -> ReleaseReason:
    if isinstance(end, LaunchFailed):
        return ReleaseReason.NODE_LOST if end.cause in _NODE_FAILED else ReleaseReason.LAUNCH_FAILED
    nobody_knows = end.exit_code is None and end.exit_signal is None
    if nobody_knows and before_reboot:
        return ReleaseReason.NODE_LOST
    return _CAUSES.get(end.cause or "", ReleaseReason.FINISHED)


def told_of_end(release: Release, accepted: Accepted) -> dict[str, Any]:
    """What a log line says of a recorded end."""
    fields: dict[str, Any] = {"reason": release.reason, "exit": release.exit_code}
    if release.exit_signal is not None:
        fields["exit_signal"] = release.exit_signal
    for recorded in accepted.events[:1]:
        fields |= {"position": recorded.position, "correlation": recorded.provenance.correlation}
    return fields


def never_started(
    allocation_id: AllocationId,
    why: str,
    *,
    incarnation: Incarnation,
    node_name: NodeName,
    job_id: JobId,
) -> Release:
    return Release(
        allocation_id=allocation_id,
        incarnation=incarnation,
        reason=ReleaseReason.LAUNCH_FAILED,
        exit_code=None,
        exit_signal=None,
        detail=why,
        job_id=job_id,
        node_name=node_name,
    )


def ended_unseen(
    allocation_id: AllocationId, *, incarnation: Incarnation, node_name: NodeName, rebooted: bool
) -> Release:
    """The log believes that it runs, and the node's supervisor knows nothing of it."""
    return Release(
        allocation_id=allocation_id,
        incarnation=incarnation,
        reason=ReleaseReason.NODE_LOST if rebooted else ReleaseReason.FINISHED,
        exit_code=None,
        exit_signal=None,
        detail="the machine was restarted" if rebooted else "unknown to the node's supervisor",
    )

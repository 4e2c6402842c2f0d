"""The word in `jobs.reason` for how a job is held or has ended; Slurm's where there is one."""

from typing import assert_never

from conductor.core.events import JobCancelled, JobHeld, ReleaseReason, ResourcesReleased


def held_reason(event: JobHeld) -> str:
    return "JobHoldMaxRequeue" if event.automatic else "JobHeldUser"


_UNMET = "DependencyNeverSatisfied"


def cancelled_reason(event: JobCancelled) -> str:
    if event.unmet is not None:
        return _because(_UNMET, event.unmet)
    return _because("Cancelled", event.reason)


def unmet_condition(reason: str | None) -> str | None:
    """The condition that could never be met any more, out of the reason of a job that ended by it."""
    word, colon, condition = (reason or "").partition(": ")
    return condition if colon and word == _UNMET else None


def end_reason(event: ResourcesReleased) -> str | None:
    match event.reason:
        case ReleaseReason.FINISHED if event.exit_code == 0:
            return None
        case ReleaseReason.FINISHED if event.exit_code is not None:
            return "NonZeroExitCode"
        case ReleaseReason.FINISHED if event.exit_signal is not None:
            return "RaisedSignal"
        case ReleaseReason.FINISHED:
            return _because("ExitUnknown", event.detail)
        case ReleaseReason.CANCELLED:
            return _because("Cancelled", event.detail)
        case ReleaseReason.TIMED_OUT:
            return "TimeLimit"
        case ReleaseReason.LAUNCH_FAILED:
            return _because("JobLaunchFailure", event.detail)
        case ReleaseReason.NODE_LOST:
            return _because("NodeFail", event.detail)
        case ReleaseReason.OUT_OF_MEMORY:
            return "OutOfMemory"
        case ReleaseReason.REPAIRED | ReleaseReason.EXPIRED:
            return _because("Repaired", event.detail)
        case _:
            assert_never(event.reason)


def _because(word: str, detail: str | None) -> str:
    """A stable word that programs may rely on, then what a person said, if anything."""
    return f"{word}: {detail}" if detail else word

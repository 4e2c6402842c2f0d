"""The word in `jobs.reason` for how a job is held or has ended, Slurm's where there is one; then what a person said.

Programs may rely on the words.
"""

from typing import assert_never

from conductor.core.events import (
    ImportOutcome,
    JobCancelled,
    JobHeld,
    JobImported,
    ReleaseReason,
    ResourcesReleased,
)


def because(word: str, detail: str | None) -> str:
    """The word, with the detail if there is any."""
    return f"{word}: {detail}" if detail else word


def held_reason(event: JobHeld) -> str:
    return "JobHoldMaxRequeue" if event.automatic else "JobHeldUser"


_UNMET = "DependencyNeverSatisfied"


def cancelled_reason(event: JobCancelled) -> str:
    if event.unmet is not None:
        return because(_UNMET, event.unmet)
    return because("Cancelled", event.reason)


def unmet_condition(reason: str | None) -> str | None:
    """The condition that could never be met any more, out of the reason of a job that ended by it."""
    word, colon, condition = (reason or "").partition(": ")
    return condition if colon and word == _UNMET else None


def end_reason(event: ResourcesReleased) -> str | None:
    """Of a job whose allocation has ended it."""
    match event.reason:
        case ReleaseReason.FINISHED if event.exit_code == 0:
            return None
        case ReleaseReason.FINISHED if event.exit_code is not None:
            return "NonZeroExitCode"
        case ReleaseReason.FINISHED if event.exit_signal is not None:
            return "RaisedSignal"
        case ReleaseReason.FINISHED:
            return because("ExitUnknown", event.detail)
        case ReleaseReason.CANCELLED:
            return because("Cancelled", event.detail)
        case ReleaseReason.TIMED_OUT:
            return "TimeLimit"
        case ReleaseReason.LAUNCH_FAILED:
            return because("JobLaunchFailure", event.detail)
        case ReleaseReason.NODE_LOST:
            return because("NodeFail", event.detail)
        case ReleaseReason.OUT_OF_MEMORY:
            return "OutOfMemory"
        case ReleaseReason.REPAIRED | ReleaseReason.EXPIRED:
            return because("Repaired", event.detail)
        case _:
            assert_never(event.reason)


def import_reason(event: JobImported) -> str | None:
    """Of a job that another system had: its own words where it had any, never a guess."""
    match event.outcome:
        case ImportOutcome.WAITING:
            return "JobHeldUser"
        case ImportOutcome.COMPLETED:
            return None
        case ImportOutcome.CANCELLED:
            return because("Cancelled", event.error)
        case ImportOutcome.FAILED if event.exit_signal is not None:
            return "RaisedSignal"
        case ImportOutcome.FAILED if event.exit_code:
            return "NonZeroExitCode"
        case ImportOutcome.FAILED:
            return because("ExitUnknown", event.error)
        case _:
            assert_never(event.outcome)

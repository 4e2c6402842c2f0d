"""What a command may ask of jobs that the original system had: to be taken in, and to close what it leaked.

Promises: a job is taken in once, under its own number, which must be free. Refuses to know where such jobs are read
from, and what their events mean for a job (`job.evolve` does).
"""

from dataclasses import replace

from conductor.core.allocation import Allocation
from conductor.core.commands import ImportJob, Repair
from conductor.core.decision import Decision, Refused, refuse
from conductor.core.errors import RejectionCode
from conductor.core.events import ImportedAllocationClosed, JobSubmitted
from conductor.core.job import Job
from conductor.core.job_reasons import because


def decide_import(command: ImportJob, job: Job | None, submitted: Decision) -> Decision:
    """Two events: what was submitted, and what became of it. Held from the first, so that nothing starts between."""
    if job is not None:
        return refuse(
            RejectionCode.WRONG_STATE,
            f"Job number {job.job_id} is taken here. Import into a database whose numbers are free.",
            job,
        )
    if isinstance(submitted, Refused):
        return submitted
    [first] = submitted
    assert isinstance(first, JobSubmitted)
    return replace(first, held=True), command.imported


def decide_close(command: Repair, allocation: Allocation) -> Decision:
    """What the original system never gave back is history here: closing it changes no job and frees no CPU."""
    return (
        ImportedAllocationClosed(
            allocation_id=allocation.allocation_id, detail=because(command.finding, command.reason)
        ),
    )

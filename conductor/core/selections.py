"""Which jobs an id names: `42` (a job, or a whole array by its number), `42_7` (one task), `42_[1-5,9]` (some).

Refuses to know which jobs there are.
"""

import re
from dataclasses import dataclass

from conductor.core.identifiers import JobId

LONGEST = 10_000  # characters; indices one by one of a few thousand tasks

_ID = re.compile(r"(?P<job>\d{1,16})(?:_(?:(?P<task>\d{1,7})|\[(?P<tasks>[0-9,:\s-]+)\]))?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """`task_ids` is None when a number stands alone. `several`: it was asked for more than one, in brackets."""

    job_id: JobId
    task_ids: tuple[int, ...] | None = None
    several: bool = False


def selected(text: str) -> Selection | None:
    """None when this is no id."""
    # Here, because it brings every command with it, and who only names jobs (a client) has no use for them.
    from conductor.core.arrays import HIGHEST_INDEX
    from conductor.core.arrays import parsed as parsed_array

    found = _ID.fullmatch(text) if len(text) <= LONGEST else None
    if found is None or not 0 < int(found["job"]) < 2**53:
        return None
    job_id = JobId(int(found["job"]))
    if found["task"] is not None:
        task_id = int(found["task"])
        return Selection(job_id=job_id, task_ids=(task_id,)) if task_id <= HIGHEST_INDEX else None
    if found["tasks"] is None:
        return Selection(job_id=job_id)
    try:
        return Selection(job_id=job_id, task_ids=parsed_array(found["tasks"]).indices, several=True)
    except ValueError:
        return None


def job_name(job_id: int, array_job_id: int | None, array_task_id: int | None) -> str:
    """How people call a job: `42_7` when it is a task of an array."""
    return str(job_id) if array_job_id is None else f"{array_job_id}_{array_task_id}"

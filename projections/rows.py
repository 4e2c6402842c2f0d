"""Which rows a batch of events changes: the difference between states before and after, as rows.

The write path hands these to `commit_batch` in the same call that appends the events.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from conductor.core.decider import State
from conductor.core.identifiers import StreamName
from conductor.core.job import Job
from conductor.core.node import Node
from projections.allocations import allocation_row
from projections.jobs import job_row
from projections.nodes import node_row

Rows = Mapping[str, list[dict[str, Any]]]


def changed_rows(before: Mapping[StreamName, State], after: Mapping[StreamName, State]) -> Rows:
    """Rows by kind: `jobs`, `live_allocations`, `released_allocations`, `past_allocations`, `nodes`."""
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for stream, state in after.items():
        was = before.get(stream)
        if isinstance(state, Job):
            _job_rows(rows, was if isinstance(was, Job) else None, state)
        elif isinstance(state, Node):
            rows["nodes"].append(node_row(state))
    return rows


def _job_rows(rows: dict[str, list[dict[str, Any]]], was: Job | None, job: Job) -> None:
    rows["jobs"].append(job_row(job))
    known = {id(past) for past in was.past_allocations} if was else set()
    superseded = [past for past in job.past_allocations if id(past) not in known]
    rows["past_allocations"] += [allocation_row(job, past) for past in superseded]
    if job.allocation is not None and (was is None or was.allocation != job.allocation):
        kind = "live_allocations" if job.allocation.live else "released_allocations"
        rows[kind].append(allocation_row(job, job.allocation))

"""A process that folds the log for answers about the past, so that the API's own never waits for it.

It reads one request a line from standard input and writes one answer to standard output: the length of what
follows, a line of JSON, and then one line for every row. It ends when its standard input does, whatever it is
doing: then the API is gone. Only `api.services.past` starts it.
"""

import os
import queue
import sys
import threading
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson
import psycopg

from conductor.core.decider import State
from conductor.core.errors import ConductorError
from conductor.core.identifiers import JobId
from conductor.core.why import explain
from conductor.database import DatabaseUnavailable
from projections.moment import states_at
from projections.past_cluster import cluster_of, up_then
from projections.snapshot import snapshot
from projections.survey import AllocationFilter, JobFilter, Survey


def main() -> None:
    os.nice(10)  # who waits for the present goes first
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests,), daemon=True).start()
    while True:
        head, rows = _answer(orjson.loads(requests.get()))
        body = b"\n".join([orjson.dumps(head), *rows])
        sys.stdout.buffer.write(b"%d\n%b" % (len(body), body))
        sys.stdout.buffer.flush()


def _listen(requests: "queue.SimpleQueue[bytes]") -> None:
    for line in sys.stdin.buffer:
        requests.put(line)
    os._exit(0)


def _answer(request: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    try:
        with snapshot(request["database_url"]) as connection:
            if request["why"]:
                states = states_at(connection, request["position"])
                return _explained(states, request["position"], **request["why"]), []
            survey = Survey.of(
                states_at(connection, request["position"]),
                jobs=_job_filter(request["jobs"]),
                allocations=_allocation_filter(request["allocations"]),
            )
    except (DatabaseUnavailable, psycopg.OperationalError) as error:
        return {"database": str(error)}, []
    except ConductorError as error:
        return {"log": str(error)}, []
    listed = survey.job_rows() if request["jobs"] else survey.allocation_rows()
    head = {
        "sums": survey.sums(),
        "oldest_pending_at": survey.oldest_pending_at,
        "nodes": survey.node_rows(),
        "ids": [row["id"] for row in listed],
    }
    return head, [orjson.dumps(row) for row in listed]


def _explained(
    states: Iterable[State], position: int, *, job_id: int, at: str, fair_share: dict[str, float]
) -> dict[str, Any]:
    now = datetime.fromisoformat(at)
    cluster = cluster_of(states, position, now, fair_share)
    return explain(cluster, JobId(job_id), now, up_then(cluster)).to_json()


def _job_filter(asked: dict[str, Any] | None) -> JobFilter | None:
    if asked is None:
        return None
    since, until = (datetime.fromisoformat(asked[key]) if asked[key] else None for key in ("since", "until"))
    states = frozenset(asked["states"]) if asked["states"] is not None else None
    return JobFilter(**{**asked, "states": states, "since": since, "until": until})


def _allocation_filter(asked: dict[str, Any] | None) -> AllocationFilter | None:
    return AllocationFilter(**{**asked, "statuses": frozenset(asked["statuses"])}) if asked else None


if __name__ == "__main__":
    main()

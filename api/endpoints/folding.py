"""`?fold=array`: jobs as people list them, the waiting tasks of an array in one line.

Promises: a line stands for tasks that wait with one reason and one priority; its columns are those of the newest of
them, with `folded_tasks` (how many) and `folded_task_ids` (which: `20-99`); all other jobs are lines of their own.
Lines and their columns are of one moment. Refuses to know what a row shows otherwise.
"""

from typing import Any

from psycopg.rows import dict_row

from api.answers.reading import SQL, Row, page_of
from conductor.core.job import FINAL_STATES, JobState
from conductor.database import Pool, load_queries
from conductor.log import reachable

_FOLDED = load_queries("api.endpoints", "folding.sql")["folded"]


def can_fold(filters: dict[str, Any]) -> bool:
    """Whether there may be anything to fold: a job that waits, and such a one is on no node."""
    states = filters["states"]
    return filters["node_name"] is None and (states is None or JobState.PENDING in states)


async def folded_page(
    pool: Pool, filters: dict[str, Any], cursor: int | None, limit: int
) -> tuple[list[Row], int | None]:
    """Rows, newest first, and the cursor of the next page."""
    not_ended = filters["states"] is not None and not FINAL_STATES.intersection(filters["states"])
    async with (
        reachable(pool) as connection,
        connection.transaction(),
        connection.cursor(row_factory=dict_row) as rows,
    ):
        await rows.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        while True:
            await rows.execute(
                _FOLDED,
                {**filters, "not_ended": not_ended, "cursor": cursor, "limit": limit + 1},
                prepare=False,
            )
            page, cursor = page_of(await rows.fetchall(), limit)
            lines = {line["id"]: line for line in page if line["begins"]}
            if lines or cursor is None:
                break
        values = {**filters, "cursor": max(lines, default=0) + 1, "ids": list(lines), "limit": limit}
        await rows.execute(SQL["jobs"], {**values, "by_state": False, "by_user": False}, prepare=False)
        found = await rows.fetchall()
    for row in found:
        line = lines[row["id"]]
        if line["tasks"] is not None and line["tasks"] > 1:
            row |= {"folded_tasks": line["tasks"], "folded_task_ids": line["task_ids"]}
    return found, cursor

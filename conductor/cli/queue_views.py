"""`conductor jobs --queue`: who goes first, and by which priority."""

from typing import TYPE_CHECKING

from conductor.cli.screen import Screen
from conductor.cli.submission import refuse
from conductor.cli.tables import FLEXIBLE, NUMBER, Column
from conductor.cli.times import duration
from conductor.core.selections import job_name

if TYPE_CHECKING:
    from conductor.client import Client

_COLUMNS = (
    ("place", NUMBER),
    ("id", NUMBER),
    ("name", FLEXIBLE),
    ("user", Column(least=6)),
    ("account", Column(least=6)),
    ("priority", NUMBER),
    ("effective", NUMBER),
    ("cpus", NUMBER),
    ("limit", NUMBER),
    ("reason", FLEXIBLE),
)


def show_queue(
    client: "Client", limit: int, screen: Screen, *, plain: bool, wide: bool, as_json: bool
) -> None:
    """`plain`: nothing else was asked for. Raises `WrongUsage` when it was."""
    if not plain:
        refuse(screen, "queue_alone")
    found = client.queue(limit=min(limit, 1000)).raw
    if as_json:
        screen.json(found)
        return
    rows = [
        (
            one["place"],
            job_name(one["job_id"], one["array_job_id"], one["array_task_id"]),
            one["name"],
            one["user_name"],
            one["account"],
            one["priority"],
            f"{one['effective_priority']:.0f}",
            one["total_cpus_required"],
            duration(one["time_limit_seconds"]) if one["time_limit_seconds"] is not None else "",
            one["reason"],
        )
        for one in found["jobs"]
    ]
    if rows:
        screen.table(_COLUMNS, rows, wide=wide)
    else:
        screen.warn("queue_empty")
    more = found["waiting"] - len(rows)
    if more > 0:
        screen.warn("queue_more", count=more)
    for name, licence in found["licences"].items():
        screen.say("licence_use", name=name, used=licence["used"], total=licence["total"])

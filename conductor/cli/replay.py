"""`conductor replay`: the tables, proved by the log."""

from typing import TYPE_CHECKING, Any

from conductor.cli.options import Json

if TYPE_CHECKING:
    from conductor.cli.screen import Screen

SHOWN = 20


def verify(as_json: Json = False) -> int:
    """Fold the whole log and compare every row of every table with it; exit code 1 when anything differs.

    Example: conductor replay verify
    """
    # Imported here: it brings the database's client library, which commands over HTTP never need.
    from conductor.cli.progress import progress_bar
    from conductor.cli.screen import Screen
    from conductor.settings import database_url_of, load_settings
    from projections import replay

    screen = Screen.open()
    with progress_bar(screen) as progress:
        report = replay.verify(database_url_of(load_settings()), progress=progress)
    if as_json:
        screen.json(
            {
                "equal": report.equal,
                "events": report.events,
                "position": report.position,
                "rows": dict(report.rows),
                "differences_total": report.differences_total,
                "differences": [one.sentence() for one in report.differences],
            }
        )
    else:
        _tell(report, screen)
    return 0 if report.equal else 1


def _tell(report: Any, screen: "Screen") -> None:
    events, position, count = report.events, report.position, report.differences_total
    if report.equal:
        screen.say(
            "replay_equal", events=f"{events:,}", rows=f"{sum(report.rows.values()):,}", position=position
        )
        return
    screen.say("replay_differs", events=f"{events:,}", position=position, count=count)
    for difference in report.differences[:SHOWN]:
        screen.line(f"  {difference.sentence()}")
    if count > SHOWN:
        screen.say("replay_more", count=count - SHOWN)

"""`conductor replay`: the tables, proved by the log."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from conductor.cli.operator import operator
from conductor.cli.options import CaseFilePath, Json, Reason

if TYPE_CHECKING:
    from conductor.cli.checkpoints import Notes
    from conductor.cli.screen import Screen

SHOWN = 20


def verify(
    checkpoints: Annotated[
        list[Path] | None,
        typer.Option(
            "--checkpoint", metavar="FILE", help="Also hold it against this signed note; several may be."
        ),
    ] = None,
    public_key: Annotated[
        Path | None,
        typer.Option("--public-key", metavar="FILE", help="Whose notes to believe; else the home's own."),
    ] = None,
    since: Annotated[
        Path | None,
        typer.Option(
            "--from-checkpoint", metavar="FILE", help="Trust all before this note; replay what came after."
        ),
    ] = None,
    file: CaseFilePath = None,
    as_json: Json = False,
) -> int:
    """Fold the whole log and compare every row of every table with it.

    Exit code 1 when anything differs, 125 when it could not be read to the end.

    Example: conductor replay verify --checkpoint monday.json
    """
    # Imported here: it brings the database's client library, which commands over HTTP never need.
    from conductor.cli.case_views import prove_file, tell_proof
    from conductor.cli.checkpoints import read_trusted
    from conductor.cli.exits import WrongUsage
    from conductor.cli.progress import progress_bar
    from conductor.cli.screen import Screen
    from conductor.settings import database_url_of, load_settings
    from projections import replay

    screen = Screen.open()
    if since is not None and file is not None:
        raise WrongUsage(screen.text("since_and_file"))
    trusted, notes = read_trusted(since, checkpoints or (), public_key, screen)
    if file is not None:
        with progress_bar(screen) as progress:
            proved = prove_file(file, notes, progress)
        return tell_proof(*proved, notes, screen, as_json=as_json)
    database_url = database_url_of(load_settings())
    trusted.check_database(database_url)
    notes.check_database(database_url)
    with progress_bar(screen) as progress:
        report = replay.verify(
            database_url,
            progress=progress,
            known=notes.known(),
            since=trusted.known()[0] if trusted.notes else None,
        )
    if as_json:
        screen.json(_document(report, notes))
    else:
        _tell(report, screen)
        if report.equal:
            notes.tell(screen)
    return 0 if report.equal else 1


def rebuild(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only name the rows that differ.")] = False,
    as_json: Json = False,
    reason: Reason = None,
) -> int:
    """Make rows that differ from the log anew from it, beside live work; an event says which, who and why.

    Exit code 1 when something could not be mended (with --dry-run: when anything differs), 125 when it could not look.

    Example: conductor replay rebuild --reason "restored from a backup"
    """
    from conductor.cli.progress import progress_bar
    from conductor.cli.screen import Screen
    from conductor.settings import database_url_of, load_settings
    from projections.rebuild import rebuild

    screen, settings = Screen.open(), load_settings()
    with progress_bar(screen) as progress:
        rebuilt = rebuild(
            database_url_of(settings),
            provenance=operator(),
            reason=reason,
            dry_run=dry_run,
            progress=progress,
        )
    if as_json:
        screen.json(
            {
                "position": rebuilt.position,
                "dry_run": dry_run,
                "rows": rebuilt.rows,
                "differences": [{"table": d.table, "key": d.key, "kind": d.kind} for d in rebuilt.damages],
                "events": rebuilt.events,
                "not_mended": rebuilt.not_mended,
                "recounted": rebuilt.recounted,
                "streams_left": sorted(rebuilt.left),
            }
        )
    else:
        _tell_rebuilt(rebuilt, screen, dry_run)
    return 1 if rebuilt.not_mended or rebuilt.left or (dry_run and rebuilt.damages) else 0


def _tell_rebuilt(rebuilt: Any, screen: "Screen", dry_run: bool) -> None:
    count = len(rebuilt.damages)
    if not count:
        screen.say("rebuild_nothing", position=rebuilt.position)
    elif dry_run:
        screen.say("rebuild_would", count=f"{count:,}", position=rebuilt.position)
    else:
        events = ", ".join(map(str, rebuilt.events[:SHOWN]))
        screen.say("rebuild_done", count=f"{count:,}", events=events)
    for damage in rebuilt.damages[:SHOWN]:
        screen.line(f"  {damage.table} {damage.key}: {screen.text(f'row_{damage.kind}')}")
    if count > SHOWN:
        screen.say("replay_more", count=count - SHOWN)
    if rebuilt.recounted:
        screen.say("rebuild_recounted")
    for sentence in rebuilt.not_mended:
        screen.warn("rebuild_not_mended", what=sentence)
    if rebuilt.left:
        shown = ", ".join(sorted(rebuilt.left)[:SHOWN]) + (" ..." if len(rebuilt.left) > SHOWN else "")
        screen.warn("rebuild_left", count=len(rebuilt.left), streams=shown)


def _document(report: Any, notes: "Notes") -> dict[str, Any]:
    return {
        "equal": report.equal,
        "events": report.events,
        "position": report.position,
        "rows": dict(report.rows),
        "since": report.since,
        "checkpoints": notes.as_json(),
        "differences_total": report.differences_total,
        "differences": [one.as_json() for one in report.differences],
    }


def _tell(report: Any, screen: "Screen") -> None:
    events, position, count = report.events, report.position, report.differences_total
    if report.since:
        screen.say("replay_since", position=report.since)
    if report.equal:
        screen.say(
            "replay_equal", events=f"{events:,}", rows=f"{sum(report.rows.values()):,}", position=position
        )
        return
    screen.say("replay_differs", events=f"{events:,}", position=position, count=count)
    for difference in report.differences[:SHOWN]:
        screen.line(f"  {difference.sentence(screen.language)}")
    if count > SHOWN:
        screen.say("replay_more", count=count - SHOWN)

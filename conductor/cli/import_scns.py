"""`conductor import-scns`: the jobs of the original system, as events of this log."""

from collections.abc import Iterator
from datetime import tzinfo
from typing import TYPE_CHECKING, Annotated, Any

import typer

from conductor.cli.operator import operator
from conductor.cli.options import Json

if TYPE_CHECKING:
    from conductor.cli.screen import Screen
    from conductor.scns.importing import Found, Imported

_SHOWN = 20


def import_scns(
    url: Annotated[str, typer.Argument(metavar="URL", hidden=True)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be imported.")] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out rows that cannot be understood.")
    ] = False,
    same_source: Annotated[
        bool,
        typer.Option(
            "--same-source", help="It is the database that was imported before, under another name then."
        ),
    ] = False,
    timezone: Annotated[
        str, typer.Option("--timezone", metavar="ZONE", help="Of its times without one; it wrote UTC.")
    ] = "UTC",
    user: Annotated[
        str | None,
        typer.Option("--user", metavar="NAME", help="Whose the jobs are; else the name of each account."),
    ] = None,
    as_json: Json = False,
) -> int:
    """Take in the jobs and allocations of the SCNS-Conductor database at URL, under their own numbers. It is only
    read. Run it again when it was interrupted: what was imported is recognised.

    Example: conductor import-scns postgresql://scns:secret@db01/scns --dry-run
    """
    import asyncio
    from dataclasses import replace

    from conductor.cli.progress import progress_bar
    from conductor.cli.screen import Screen
    from conductor.scns.importing import import_original
    from conductor.scns.translation import Terms
    from conductor.settings import database_url_of, load_settings

    screen = Screen.open()
    terms = Terms(source="", zone=_zone(timezone, screen), user_name=user)
    with progress_bar(screen, "importing") as progress:
        result = asyncio.run(
            import_original(
                database_url_of(load_settings()),
                url,
                terms=terms,
                provenance=replace(operator(), channel="import-scns"),
                dry_run=dry_run,
                skip_bad=skip_bad,
                same_source=same_source,
                progress=progress,
            )
        )
    if as_json:
        screen.json(_document(result))
    else:
        _tell(result, screen)
    return 1 if dry_run and result.found.bad and not skip_bad else 0


def _zone(name: str, screen: "Screen") -> tzinfo:
    from datetime import UTC
    from zoneinfo import ZoneInfo

    from conductor.cli.submission import refuse

    if name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        refuse(screen, "bad_timezone", given=name)


def _tell(result: "Imported", screen: "Screen") -> None:
    found = result.found
    _tell_found(found, screen)
    _tell_leaks(found, screen)
    if found.bad:
        screen.warn("import_bad" if result.dry_run else "import_left_out", count=len(found.bad))
        for line in _first(found.bad, screen):
            screen.note(f"  {line}")
    if result.dry_run:
        screen.say("import_would", count=len(found.numbers.keys() - found.before))
    elif result.imported:
        screen.say("import_done", count=result.imported, position=f"{result.position:,}")
    else:
        screen.say("import_nothing")
    before = len(found.before)
    if before:
        screen.say("import_before", count=before)
    if result.changed:
        numbers = ", ".join(_first([str(number) for number in result.changed], screen))
        screen.warn("import_changed", count=len(result.changed), numbers=numbers)
    if result.imported and found.leaks:
        screen.say("import_audit")
    if result.imported and any(one.here == "PENDING" for one in found.becomes):
        screen.say("import_waiting")


def _tell_found(found: "Found", screen: "Screen") -> None:
    from conductor.cli.tables import FIXED, NUMBER

    screen.say("import_found", name=found.source, jobs=found.jobs, allocations=found.allocations)
    if found.oldest is not None and found.newest is not None:
        from conductor.cli.times import local

        screen.say("import_times", oldest=local(found.oldest), newest=local(found.newest))
    if not found.becomes:
        return
    rows = [
        (one.there, f"{one.here} ({one.reason})" if one.reason else str(one.here), f"{count:,}")
        for one, count in sorted(found.becomes.items())
    ]
    columns = [("state_there", FIXED), ("state_here", FIXED), ("jobs_count", NUMBER)]
    screen.line("")
    screen.table(columns, rows)
    screen.line("")


def _tell_leaks(found: "Found", screen: "Screen") -> None:
    if not found.leaks:
        return
    cpus = sum(leak.allocation.cpus for leak in found.leaks)
    screen.say("import_leaks", count=len(found.leaks), cpus=cpus)
    lines = [
        screen.text(
            "import_leak",
            allocation_id=leak.allocation.allocation_id,
            job_id=leak.job_id,
            state=leak.state,
            status=leak.allocation.status,
            cpus=leak.allocation.cpus,
            node=leak.allocation.node_name,
            pid=leak.allocation.pid or "-",
        )
        for leak in found.leaks[: _SHOWN + 1]
    ]
    for line in _first(lines, screen, of=len(found.leaks)):
        for part in screen.lines_of(f"  {line}"):
            screen.line(part)


def _first(lines: list[str], screen: "Screen", *, of: int | None = None) -> Iterator[str]:
    yield from lines[:_SHOWN]
    count = (len(lines) if of is None else of) - _SHOWN
    if count > 0:
        yield screen.text("import_more", count=f"{count:,}")


def _document(result: "Imported") -> dict[str, Any]:
    found = result.found
    return {
        "source": found.source,
        "dry_run": result.dry_run,
        "jobs": found.jobs,
        "allocations": found.allocations,
        "oldest": found.oldest.isoformat() if found.oldest else None,
        "newest": found.newest.isoformat() if found.newest else None,
        "states": [
            {"there": one.there, "here": str(one.here), "reason": one.reason or None, "jobs": count}
            for one, count in sorted(found.becomes.items())
        ],
        "never_released": [
            {
                "allocation_id": leak.allocation.allocation_id,
                "job_id": leak.job_id,
                "state": leak.state,
                "status": leak.allocation.status,
                "cpus": leak.allocation.cpus,
                "node_name": leak.allocation.node_name,
                "process_id": leak.allocation.pid,
            }
            for leak in found.leaks
        ],
        "bad": found.bad,
        "imported": result.imported,
        "imported_before": len(found.before),
        "changed_since": result.changed,
        "position": result.position or None,
    }

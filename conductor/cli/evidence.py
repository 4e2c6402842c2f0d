"""`conductor checkpoint` and `conductor export`: what is kept outside the database, to judge it by later."""

from pathlib import Path
from typing import Annotated

import typer

from conductor.cli.options import Json, job_name

Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="A new file; standard output when left out."),
]


def checkpoint(output: Output = None, as_json: Json = False) -> int:
    """Sign the log's last position and hash, for `replay verify --checkpoint`; keep the note elsewhere.

    Example: conductor checkpoint --output monday.json
    """
    from datetime import UTC, datetime

    from conductor.checkpoint import sign
    from conductor.checkpoint_key import PUBLIC_KEY_NAME, signing_key
    from conductor.cli.new_file import new_file
    from conductor.cli.screen import Screen
    from conductor.settings import database_url_of, load_settings
    from projections.snapshot import cluster_id, first_damage, log_head, snapshot

    screen, settings = Screen.open(), load_settings()
    with snapshot(database_url_of(settings)) as connection:
        cluster, head = cluster_id(connection), log_head(connection)
        damage = first_damage(connection, head.position) if head else None
    if head is None:
        screen.warn("error", what=screen.text("checkpoint_empty"))
        return 1
    note = sign(
        signing_key(settings.home),
        cluster_id=cluster,
        position=head.position,
        event_hash=head.hash,
        recorded_at=head.recorded_at,
        now=datetime.now(UTC),
    )
    if damage is not None:
        screen.warn("damaged_log", code=damage[0], position=damage[1])
    if output is not None:
        with new_file(output, screen) as write:
            write(f"{note.line()}\n".encode())
    if as_json:
        shown = None if output is None else str(output)
        screen.json({"checkpoint": note.as_json(), "fingerprint": note.fingerprint, "output": shown})
    elif output is None:
        print(note.line())
    else:
        screen.say(
            "checkpoint_written",
            position=note.position,
            fingerprint=note.fingerprint,
            path=output,
            public_key=settings.home / PUBLIC_KEY_NAME,
        )
    return 0


def export(
    job_ids: Annotated[
        list[str] | None,
        typer.Option(
            "--job", metavar="ID", parser=job_name, help="A job's whole story; several may be given."
        ),
    ] = None,
    first: Annotated[
        int | None, typer.Option("--from", metavar="POSITION", min=1, help="From this event on.")
    ] = None,
    last: Annotated[
        int | None, typer.Option("--to", metavar="POSITION", min=1, help="Up to this event; else to the end.")
    ] = None,
    scripts: Annotated[bool, typer.Option("--scripts", help="With the jobs' scripts.")] = False,
    environments: Annotated[
        bool, typer.Option("--environments", help="With the jobs' environments; they may hold secrets.")
    ] = False,
    output: Output = None,
) -> int:
    """Write events as a case file that `replay verify --file` and `job --file` read with no server.

    Example: conductor export --job 42 --output case-42.jsonl
    """
    from datetime import UTC, datetime

    from conductor import __version__
    from conductor.cli.exits import WrongUsage
    from conductor.cli.new_file import new_file
    from conductor.cli.screen import Screen
    from conductor.core.selections import selected
    from conductor.settings import database_url_of, load_settings
    from projections.case_export import Selection, export_case

    screen = Screen.open()
    ranged = first is not None or last is not None
    if bool(job_ids) is ranged:
        raise WrongUsage(screen.text("export_what"))
    named = [found for found in map(selected, job_ids or ()) if found is not None]
    selection = Selection(
        jobs=[one.job_id for one in named if one.task_ids is None],
        tasks=[one for one in named if one.task_ids is not None],
        first=first or 1,
        last=last,
        scripts=scripts,
        environments=environments,
    )
    url = database_url_of(load_settings())
    with new_file(output, screen) as write:
        done = export_case(url, selection, write=write, release=__version__, now=datetime.now(UTC))
    if done.damage is not None:
        screen.warn("damaged_log", code=done.damage[0], position=done.damage[1])
    screen.warn(
        "exported",
        path=output or "-",
        events=f"{done.events:,}",
        scripts=done.scripts,
        environments=done.environments,
        sha256=done.sha256,
    )
    return 0

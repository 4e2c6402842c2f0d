"""`conductor pids`: which job ran as a PID, when, and by whose commands."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from conductor.cli.options import Json, Wide

if TYPE_CHECKING:
    from conductor.cli.screen import Screen
    from conductor.cli.tables import Cell
    from conductor.client import Process


def pids(
    pid: Annotated[
        int | None, typer.Option("-p", "--pid", metavar="PID", min=1, help="With this number.")
    ] = None,
    node: Annotated[str | None, typer.Option("-w", "--node", metavar="NAME", help="On this node.")] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at", metavar="TIME", help='Alive then, local time: "2026-11-17 14:02", 14:02, now-2hours.'
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=1000, help="At most so many, newest first.")
    ] = 50,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Show which job ran as a PID, when, and who started and ended it; kept for ever.

    Example: conductor pids --pid 4711 --node gpu03 --at "2026-11-17 14:02"
    """
    from conductor.cli.screen import Screen
    from conductor.cli.submission import refuse
    from conductor.cli.times import parse_instant
    from conductor.client import connect

    screen = Screen.open()
    instant = None if at is None else parse_instant(at, datetime.now().astimezone(), past=True)
    if at is not None and instant is None:
        refuse(screen, "bad_at", given=at)
    with connect(channel="cli") as client:
        found = client.processes(pid=pid, node_name=node, at=instant, limit=limit)
    if as_json:
        screen.json(found.raw)
    elif not found.processes:
        screen.warn("no_processes")
    elif len(found.processes) == 1 and not wide:
        _sheet(found.processes[0], screen)
    else:
        _table(found.processes, screen, wide=wide)
        if found.next is not None:
            screen.warn("more_jobs")


def _sheet(process: "Process", screen: "Screen") -> None:
    """All that is known of one."""
    from conductor.cli.times import local

    screen.say("process_title", pid=process.process_id, node=process.node_name, job_id=process.job_id)
    ended = "" if process.end_time is None else local(process.end_time)
    pairs = [
        ("label_name", process.job_name),
        ("label_attempt", str(process.attempt)),
        ("label_user", process.user_name),
        ("label_account", process.account),
        ("label_started", local(process.start_time)),
        ("label_ended", ended or screen.text("still_runs")),
        ("label_exit", _exit(process)),
        ("label_release", process.release_reason),
        ("label_submitted_by", _who(process.submitted_by, process.submitted_through, screen)),
        ("label_ended_by", _who(process.ended_by, process.ended_through, screen)),
        ("label_boot", process.boot_id),
        ("label_ticks", None if process.process_start_ticks is None else str(process.process_start_ticks)),
        ("label_pid_namespace", process.pid_namespace),
    ]
    screen.pairs([(label, value) for label, value in pairs if value])


def _who(actor: str | None, channel: str | None, screen: "Screen") -> str | None:
    from conductor.cli.timeline_views import who

    return None if actor is None else who(actor, channel or "", screen.language)


def _table(processes: Sequence["Process"], screen: "Screen", *, wide: bool) -> None:
    from conductor.cli.tables import FIXED, FLEXIBLE, MOMENT, NUMBER, Column

    columns = [
        ("pid", NUMBER),
        ("node", FLEXIBLE),
        ("job", FIXED),
        ("user", Column(least=6)),
        ("started", MOMENT),
        ("ended_at", MOMENT),
        ("exit", FIXED),
        ("release", Column(least=9)),
    ]
    more = [
        ("name", FLEXIBLE),
        ("account", FLEXIBLE),
        ("submitted_by", FLEXIBLE),
        ("boot", FIXED),
        ("ticks", NUMBER),
        ("pid_namespace", FIXED),
    ]
    rows = [[*_row(one), *(_more(one) if wide else ())] for one in processes]
    screen.table([*columns, *(more if wide else ())], rows, wide=wide)


def _row(process: "Process") -> Sequence["Cell"]:
    job = f"{process.job_id} #{process.attempt}" if process.attempt > 1 else str(process.job_id)
    ended = None if process.end_time is None else _moment(process.end_time, after=process.start_time)
    release = " ".join(filter(None, (process.release_reason, process.ended_by and f"({process.ended_by})")))
    return (
        process.process_id,
        process.node_name,
        job,
        process.user_name,
        _moment(process.start_time),
        ended,
        _exit(process),
        release,
    )


def _more(process: "Process") -> Sequence["Cell"]:
    return (
        process.job_name,
        process.account,
        process.submitted_by,
        process.boot_id,
        process.process_start_ticks,
        process.pid_namespace,
    )


def _moment(instant: datetime, *, after: datetime | None = None) -> str:
    """Local time; without the date when that is clear, without the seconds when it is long ago."""
    here, now = instant.astimezone(), datetime.now().astimezone()
    if after is not None and here.date() == after.astimezone().date():
        return f"{here:%H:%M:%S}"
    return f"{here:%m-%d %H:%M:%S}" if here.year == now.year else f"{here:%Y-%m-%d %H:%M}"


def _exit(process: "Process") -> str | None:
    """Exit code, or the signal's name; a question mark when nobody could know."""
    from conductor.cli.numbers import signal_name

    if process.end_time is None:
        return None
    if process.exit_code is not None:
        return str(process.exit_code)
    if process.exit_signal is None:
        return "?"
    return signal_name(process.exit_signal)

"""`conductor replay as-of`: the whole system as it stood, folded from the log; printed, or as tables in a schema.

Promises: opens the database and changes nothing in it but the schema that `--into` names; the same columns and
the same look as today's listings.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from conductor.cli.options import CaseFilePath, Json, Wide, job_name

# What brings the database's client library is imported where it is used.
if TYPE_CHECKING:
    import psycopg

    from conductor.cli.screen import Screen
    from conductor.core.decider import State
    from conductor.core.identifiers import JobId
    from projections.moment import Moment
    from projections.past_schema import SchemaRefused
    from projections.survey import Survey

PARTS = ("jobs", "nodes", "allocations", "stats")
# What a refused schema is told by: the codes of `SchemaRefused`.
_REFUSED = ("schema_bad_name", "schema_reserved", "schema_foreign", "schema_exists", "schema_no_right")


States = Annotated[
    list[str] | None,
    typer.Option("-s", "--state", "--states", metavar="STATE", help="Only such jobs; several with commas."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wishes:
    """What to print of the moment: some parts, and which jobs. Empty states mean every one."""

    parts: frozenset[str]
    states: tuple[str, ...]
    user_name: str | None
    limit: int
    wide: bool
    as_json: bool


def as_of(
    when: Annotated[str, typer.Argument(metavar="POSITION|TIME", hidden=True)],
    jobs: Annotated[bool, typer.Option("--jobs", help="Only the queue.")] = False,
    job_id: Annotated[
        str | None, typer.Option("--job", metavar="ID", parser=job_name, help="Only this job, whole.")
    ] = None,
    nodes: Annotated[bool, typer.Option("--nodes", help="Only the nodes.")] = False,
    allocations: Annotated[bool, typer.Option("--allocations", help="Only the live allocations.")] = False,
    stats: Annotated[bool, typer.Option("--stats", help="Only the numbers.")] = False,
    states: States = None,
    user: Annotated[str | None, typer.Option("-u", "--user", metavar="NAME", help="Only his jobs.")] = None,
    everything: Annotated[
        bool, typer.Option("-a", "--all", help="Also jobs that had ended by then.")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most so many of each.")] = 50,
    into: Annotated[
        str | None, typer.Option("--into", metavar="SCHEMA", help="Make the tables of then, for SQL.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Make SCHEMA anew if --into made it.")] = False,
    file: CaseFilePath = None,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Print the whole system as it stood after POSITION events, or at TIME: local, unless it has an offset.

    Example: conductor replay as-of "2026-11-17 14:02"
    """
    from conductor.cli.exits import WrongUsage
    from conductor.cli.moments import parse_moment
    from conductor.cli.screen import Screen

    screen = Screen.open()
    chosen = frozenset(
        part for part, given in zip(PARTS, (jobs, nodes, allocations, stats), strict=True) if given
    )
    _check_together(
        screen, parts=bool(chosen), job=job_id is not None, into=into is not None, file=file is not None
    )
    if replace and into is None:
        raise WrongUsage(screen.text("as_of_replace"))
    asked = parse_moment(when, screen)
    wishes = _Wishes(
        parts=chosen or frozenset(PARTS), states=_states(states, screen, everything=everything),
        user_name=user, limit=limit, wide=wide, as_json=as_json,
    )  # fmt: skip
    if file is not None:
        _tell_file(file, asked, job_id, wishes, screen)
        return
    if into is not None:
        _check_schema(into, screen)
    with _at(asked, screen, read_only=into is None, whole=job_id is None) as (connection, moment):
        if job_id is not None:
            _tell_job(connection, job_id, moment, screen, as_json=as_json)
        elif into is not None:
            _make_schema(connection, into, moment, screen, replace=replace, as_json=as_json)
        else:
            _tell(_survey(connection, moment, wishes, screen), moment, wishes, screen)
    if into is not None and not as_json:
        # Only now is it committed.
        screen.say("schema_next", schema=into)


def _check_together(screen: "Screen", *, parts: bool, job: bool, into: bool, file: bool) -> None:
    from conductor.cli.exits import WrongUsage

    if parts + job + into > 1:
        raise WrongUsage(screen.text("as_of_one_part"))
    if file and into:
        raise WrongUsage(screen.text("as_of_file_into"))


def _tell_file(
    path: Path, asked: int | datetime, job_id: str | None, wishes: _Wishes, screen: "Screen"
) -> None:
    """The same from a case file, which needs no database."""
    from conductor.cli.case_views import case_as_of, show_job

    if job_id is not None:
        show_job(path, job_id, asked, screen, script=False, as_json=wishes.as_json)
        return
    states, moment = case_as_of(path, asked, screen)
    _tell(_survey_of(states, wishes), moment, wishes, screen)


@contextmanager
def _at(
    asked: int | datetime, screen: "Screen", *, read_only: bool, whole: bool
) -> Iterator[tuple["psycopg.Connection[Any]", "Moment"]]:
    """The database in one snapshot, and the moment asked for; where it is of the `whole` log, holes in it are said.

    Raises `WrongUsage` beyond the head.
    """
    from conductor.cli.exits import WrongUsage
    from conductor.settings import database_url_of, load_settings
    from projections.moment import BeyondHead, find_moment
    from projections.snapshot import first_missing, snapshot

    with snapshot(database_url_of(load_settings()), read_only=read_only) as connection:
        try:
            moment = find_moment(connection, asked)
        except BeyondHead as error:
            raise WrongUsage(screen.text("beyond_head", position=error.position, head=error.head)) from error
        if moment.in_future:
            screen.warn("as_of_future")
        if whole and (missing := first_missing(connection, moment.position)) is not None:
            screen.warn("as_of_hole", missing=missing)
        yield connection, moment


def _states(given: Iterable[str] | None, screen: "Screen", *, everything: bool) -> tuple[str, ...]:
    """`final` stands for every end. Raises `WrongUsage`."""
    from conductor.cli.exits import WrongUsage
    from conductor.client import ACTIVE_STATES, FINAL_STATES

    wanted: list[str] = []
    for name in [one.strip().upper() for text in given or () for one in text.split(",") if one.strip()]:
        if name == "FINAL":
            wanted += sorted(FINAL_STATES)
        elif name in (*ACTIVE_STATES, *FINAL_STATES):
            wanted.append(name)
        else:
            known = ", ".join((*ACTIVE_STATES, *sorted(FINAL_STATES), "final"))
            raise WrongUsage(screen.text("unknown_state", given=name, known=known))
    return tuple(wanted) or (() if everything else ACTIVE_STATES)


def _survey(
    connection: "psycopg.Connection[Any]", moment: "Moment", wishes: _Wishes, screen: "Screen"
) -> "Survey":
    from conductor.cli.progress import progress_bar
    from projections.moment import states_at

    with progress_bar(screen) as progress:
        return _survey_of(states_at(connection, moment.position, progress=progress), wishes)


def _survey_of(states: "Iterable[State]", wishes: _Wishes) -> "Survey":
    from projections.survey import AllocationFilter, JobFilter, Survey

    which = JobFilter(states=frozenset(wishes.states) or None, user_name=wishes.user_name, limit=wishes.limit)
    return Survey.of(states, jobs=which, allocations=AllocationFilter(limit=wishes.limit))


def document_of(survey: "Survey", moment: "Moment", parts: Iterable[str]) -> dict[str, Any]:
    """What was asked for, under the API's keys; the numbers stand by themselves when nothing else was."""
    from projections.survey import stats_document

    oldest = survey.oldest_pending_at
    waited = (moment.at - oldest).total_seconds() if moment.at and oldest else None
    rows = survey.job_rows()
    whole: dict[str, dict[str, Any]] = {
        "stats": stats_document(survey.sums(), oldest_pending_seconds=waited, position=moment.position),
        "nodes": {"nodes": survey.node_rows()},
        "allocations": {"allocations": survey.allocation_rows()},
        "jobs": {
            "jobs": rows,
            "next": rows[-1]["id"] if survey.matching_jobs > len(rows) and rows else None,
            "not_listed": survey.total_jobs - len(rows),
        },
    }
    wanted = [part for part in whole if part in parts]
    document: dict[str, Any] = {"as_of": moment.told()}
    for part in wanted:
        document |= {"stats": whole[part]} if part == "stats" and len(wanted) > 1 else whole[part]
    return document


def _tell(survey: "Survey", moment: "Moment", wishes: _Wishes, screen: "Screen") -> None:
    from conductor.cli.cluster import stats_sheet
    from conductor.cli.moments import tell_moment
    from conductor.client import Stats
    from conductor.client.models import read

    document = document_of(survey, moment, wishes.parts)
    if wishes.as_json:
        screen.json(document)
        return
    tell_moment(document, screen)
    if "stats" in wishes.parts:
        stats_sheet(read(Stats, document.get("stats", document)), screen)
    for part in ("jobs", "nodes", "allocations"):
        if part in wishes.parts:
            if wishes.parts != {part}:
                screen.line("")
            _tell_part(part, document, moment, wishes, screen)


def _tell_part(
    part: str, document: Mapping[str, Any], moment: "Moment", wishes: _Wishes, screen: "Screen"
) -> None:
    from conductor.cli.job_views import allocation_table, job_table
    from conductor.cli.node_views import node_table
    from conductor.client import JobPage, Nodes
    from conductor.client.models import read

    if part == "nodes":
        nodes = read(Nodes, document).nodes
        node_table(nodes, screen, wide=wishes.wide) if nodes else screen.say("as_of_no_nodes")
    elif part == "allocations":
        rows = document["allocations"]
        allocation_table(rows, screen, wide=wishes.wide) if rows else screen.say("as_of_no_allocations")
    else:
        jobs = read(JobPage, document).jobs
        if jobs:
            job_table(jobs, screen, wide=wishes.wide, now=moment.at)
        else:
            screen.say("as_of_no_jobs")
        if document["not_listed"]:
            screen.say("as_of_others", count=f"{document['not_listed']:,}")


def _tell_job(
    connection: "psycopg.Connection[Any]", named: str, moment: "Moment", screen: "Screen", *, as_json: bool
) -> None:
    from conductor.cli.job_views import job_sheet
    from conductor.cli.moments import tell_moment
    from conductor.client import Event, Job
    from conductor.client.models import read
    from conductor.core.errors import ConductorError
    from conductor.core.identifiers import JobId, job_stream
    from conductor.core.job import Job as JobState
    from conductor.core.timeline import timeline
    from projections.moment import state_at, stream_events
    from projections.survey import shown_job

    job_id = _number(connection, named, screen)
    stream = job_stream(job_id or JobId(0))
    state = state_at(connection, stream, moment.position)
    if not isinstance(state, JobState):
        raise ConductorError(screen.text("no_job_then", job_id=named, position=moment.position))
    document = {**shown_job(state, moment.at or datetime.now(UTC)), "as_of": moment.told()}
    if as_json:
        screen.json(document)
        return
    tell_moment(document, screen)
    events = [Event(**row) for row in stream_events(connection, stream, moment.position)]
    job_sheet(read(Job, document), timeline(events), screen)


def _number(connection: "psycopg.Connection[Any]", named: str, screen: "Screen") -> "JobId | None":
    """Which job that is; None: the array has no such task. Raises `WrongUsage` for several."""
    from conductor.cli.exits import WrongUsage
    from conductor.core.selections import selected
    from projections.snapshot import array_tasks

    selection = selected(named)
    if selection is None or selection.several:
        raise WrongUsage(screen.text("one_job_wanted", given=named))
    if selection.task_ids is None:
        return selection.job_id
    return next(iter(array_tasks(connection, selection.job_id, selection.task_ids).values()), None)


def _check_schema(schema: str, screen: "Screen") -> None:
    from conductor.cli.exits import WrongUsage
    from projections.past_schema import SchemaRefused, check_schema_name

    try:
        check_schema_name(schema)
    except SchemaRefused as error:
        raise WrongUsage(_refusal(error, screen)) from error


def _refusal(error: "SchemaRefused", screen: "Screen") -> str:
    return screen.text(_REFUSED[_REFUSED.index(error.code)], schema=error.schema)


def _make_schema(
    connection: "psycopg.Connection[Any]",
    schema: str,
    moment: "Moment",
    screen: "Screen",
    *,
    replace: bool,
    as_json: bool,
) -> None:
    from conductor.cli.moments import tell_moment
    from conductor.cli.progress import progress_bar
    from conductor.core.errors import ConductorError
    from projections.moment import states_at
    from projections.past_schema import SchemaRefused, make_past_schema

    with progress_bar(screen) as progress:
        states: Iterable[Any] = states_at(connection, moment.position, progress=progress)
        try:
            counts = make_past_schema(connection, schema, moment, states, replace=replace)
        except SchemaRefused as error:
            raise ConductorError(_refusal(error, screen)) from error
    document: dict[str, Any] = {"as_of": moment.told(), "schema": schema, "rows": counts}
    if as_json:
        screen.json(document)
        return
    tell_moment(document, screen)
    screen.say("schema_made", schema=schema, rows=f"{sum(counts.values()):,}")

"""Case files on a screen: proved, as they stood at a position, and one job of theirs as its whole sheet."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from conductor.cli.checkpoints import Notes
from conductor.cli.exits import WrongUsage
from conductor.cli.job_views import job_sheet
from conductor.cli.screen import Screen
from conductor.client.models import Event, Job, read
from conductor.core import job as core
from conductor.core.decider import State
from conductor.core.errors import ConductorError
from conductor.core.identifiers import JobId, job_stream
from conductor.core.selections import Selection, selected
from conductor.core.timeline import timeline
from projections.allocations import allocation_row
from projections.case_file import CaseFile, read_case
from projections.case_proof import CaseReport, verify_case
from projections.jobs import job_row
from projections.moment import Moment
from projections.replay import Progress

SHOWN = 20
_RUNS_SHOWN = 5


class NotInTheFile(ConductorError):
    """What was asked for is not among the file's events or scripts."""


def prove_file(path: Path, notes: Notes, progress: Progress | None) -> tuple[CaseFile, CaseReport]:
    """What the file proves. Raises `CaseFileError`, and `CheckpointError` for another cluster's note."""
    case = read_case(path)
    notes.check_cluster(case.header.cluster_id)
    return case, verify_case(case, notes.known(), progress=progress)


def tell_proof(case: CaseFile, report: CaseReport, notes: Notes, screen: Screen, *, as_json: bool) -> int:
    """Exit code 1 when anything differs."""
    if as_json:
        screen.json(_report_json(case, report, notes))
    else:
        _tell(report, screen)
        if report.equal:
            notes.tell(screen, but=[one.origin for one in report.unseen])
        _tell_unproved(case, report, screen)
    return 0 if report.equal else 1


def show_job(
    path: Path, job_name: str, when: int | datetime | None, screen: Screen, *, script: bool, as_json: bool
) -> None:
    """What `conductor job` shows, from a case file, as of a moment. Raises `CaseFileError`, `NotInTheFile`.

    `job_name`: its number, or `42_7` for a task of an array.
    """
    selection = selected(job_name)
    if selection is None or selection.several:
        raise WrongUsage(screen.text("one_job_wanted", given=job_name))
    case = _sound(path, screen)
    job_id = _number(case, selection)
    stream = job_stream(job_id or JobId(0))
    until = case.position_at(when) if isinstance(when, datetime) else when
    state = case.states(until, only=stream).get(stream)
    if job_id is None or not isinstance(state, core.Job):
        raise NotInTheFile(screen.text("case_no_job", job_id=job_name, path=path))
    if script:
        body = case.body(state.submitted.script_sha256)
        if body is None:
            raise NotInTheFile(screen.text("case_no_script", job_id=job_name, path=path))
        screen.line(body.removesuffix("\n")) if screen.out_is_terminal else print(body, end="")
        return
    shown, events = _shown(state), _events(case, job_id, until)
    steps = timeline(events)
    if as_json:
        told = [_event_json(event) for event in events]
        screen.json(_plain({**shown, "events": told, "timeline": [step.to_json() for step in steps]}))
    else:
        job_sheet(read(Job, shown), steps, screen)


def _number(case: CaseFile, selection: Selection) -> JobId | None:
    """Which job that is; of a task, by its submission in the file."""
    if selection.task_ids is None:
        return selection.job_id
    for logged in case.log_events():
        if logged.type == "JobSubmitted":
            submitted = logged.data
            wanted = (selection.job_id, *selection.task_ids)
            if (submitted.get("array_job_id"), submitted.get("array_task_id")) == wanted:
                return JobId(submitted["job_id"])
    return None


def case_as_of(path: Path, when: int | datetime, screen: Screen) -> tuple[Iterable[State], Moment]:
    """What the streams that the file has from their beginning fold to at a position, or at a time."""
    case = _sound(path, screen)
    last = case.last_position or 0
    if isinstance(when, int) and when > last:
        raise NotInTheFile(screen.text("case_beyond", path=path, last=last, position=when))
    position = case.position_at(when) if isinstance(when, datetime) else when
    if not verify_case(case).whole:
        screen.warn("case_in_part", path=path)
    at = when if isinstance(when, datetime) else case.recorded_at(position)
    return case.states(position).values(), Moment(position=position, at=at, head=last)


def _sound(path: Path, screen: Screen) -> CaseFile:
    """A file that does not hold together is shown all the same, with a warning."""
    case = read_case(path)
    report = verify_case(case)
    if not report.equal:
        screen.warn("case_unsound", path=path, count=report.differences_total)
    return case


def _shown(job: core.Job) -> dict[str, Any]:
    """The columns of `jobs` and what the API adds to them."""
    waited_until = job.started_at or job.ended_at
    return {
        **job_row(job),
        "resource_allocation": allocation_row(job, job.allocation) if job.allocation else None,
        "wait_seconds": (waited_until - job.submitted_at).total_seconds() if waited_until else None,
        "run_seconds": (job.ended_at - job.started_at).total_seconds()
        if job.ended_at and job.started_at
        else None,
    }


def _events(case: CaseFile, job_id: int, until: int | None) -> list[Event]:
    stream = job_stream(JobId(job_id))
    return [
        Event(
            position=one.position,
            stream=one.stream,
            version=one.version,
            type=one.type,
            at=one.at,
            data=one.data,
            metadata=one.metadata,
        )
        for one in case.log_events(until)
        if one.stream == stream
    ]


def _event_json(event: Event) -> dict[str, Any]:
    return {
        "position": event.position,
        "stream": event.stream,
        "version": event.version,
        "type": event.type,
        "at": event.at,
        "data": event.data,
        "metadata": event.metadata,
    }


def _plain(value: Any) -> Any:
    """Rows as JSON has them: times as text."""
    match value:
        case datetime():
            return value.isoformat()
        case Mapping():
            return {key: _plain(one) for key, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
        case _:
            return value


def _tell(report: CaseReport, screen: Screen) -> None:
    runs = [screen.text("case_run", first=first, last=last) for first, last in report.runs[:_RUNS_SHOWN]]
    if len(report.runs) > _RUNS_SHOWN:
        runs.append(screen.text("case_runs_more", count=len(report.runs) - _RUNS_SHOWN))
    events, pieces = f"{report.events:,}", ", ".join(runs)
    if report.equal:
        screen.say("case_equal", events=events, folded=report.folded, runs=pieces)
        return
    screen.say("case_differs", events=events, count=report.differences_total, runs=pieces)
    for difference in report.differences[:SHOWN]:
        screen.line(f"  {difference.sentence(screen.language)}")
    if report.differences_total > SHOWN:
        screen.say("replay_more", count=report.differences_total - SHOWN)


def _tell_unproved(case: CaseFile, report: CaseReport, screen: Screen) -> None:
    """Empty for an export of everything, which had nothing to leave out."""
    first, last, head = case.first_position or 0, case.last_position or 0, case.header.head_position
    names = sorted(report.partial)
    shown = ", ".join(names[:_RUNS_SHOWN]) + (" ..." if len(names) > _RUNS_SHOWN else "")
    parts: list[tuple[bool, str, dict[str, object]]] = [
        (first > 1, "unproved_before", {"position": first}),
        (len(report.runs) > 1, "unproved_between", {"pieces": len(report.runs)}),
        (last < head, "unproved_after", {"position": last, "head": head}),
        (bool(names), "unproved_streams", {"count": len(names), "names": shown}),
        (not report.whole, "unproved_cpus", {}),
        *((True, "unproved_known", {"path": one.origin, "position": one.position}) for one in report.unseen),
    ]
    told = [(key, values) for so, key, values in parts if so]
    if told:
        screen.say("unproved")
    for key, values in told:
        screen.say(key, **values)


def _report_json(case: CaseFile, report: CaseReport, notes: Notes) -> dict[str, Any]:
    return {
        "equal": report.equal,
        "events": report.events,
        "cluster_id": case.header.cluster_id,
        "exported_at": case.header.exported_at,
        "runs": [{"from": first, "to": last} for first, last in report.runs],
        "streams_folded": report.folded,
        "streams_partial": sorted(report.partial),
        "scripts": report.bodies,
        "checkpoints": notes.as_json(),
        "checkpoints_unproved": [one.origin for one in report.unseen],
        "differences_total": report.differences_total,
        "differences": [one.as_json() for one in report.differences],
    }

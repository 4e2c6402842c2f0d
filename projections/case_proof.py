"""What a case file proves by itself, and what it cannot prove because that is not in it.

Promises: every event is held against its hash, neighbours against each other, every stream that is there from its
beginning against `evolve`, and a whole log's events against the ledger of CPUs. No database.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from conductor.core.decider import State
from conductor.core.errors import ConductorError
from conductor.core.identifiers import JobId, StreamName, job_stream
from conductor.core.job import Job
from projections.case_file import CaseEvent, CaseFile, fold_whole
from projections.known import KnownPosition, Witness
from projections.ledger import Ledger
from projections.log_stream import LogEvent
from projections.replay import Difference, Progress

_TELL_EVERY = 5000
_KEPT = 100  # differences named; all are counted


@dataclass(slots=True, kw_only=True)
class CaseReport:
    """`runs`: first and last position of each unbroken piece of the chain. `partial`: streams whose beginning, or a
    piece, is not in the file: (name, first version there). `unseen`: what was remembered of positions not in it.
    """

    events: int = 0
    runs: list[tuple[int, int]] = field(default_factory=list)
    folded: int = 0
    partial: dict[str, int] = field(default_factory=dict)
    unseen: list[KnownPosition] = field(default_factory=list)
    bodies: int = 0
    differences: list[Difference] = field(default_factory=list)
    differences_total: int = 0

    @property
    def equal(self) -> bool:
        return self.differences_total == 0

    @property
    def whole(self) -> bool:
        """Whether it is one unbroken chain from the log's first event on."""
        return len(self.runs) == 1 and self.runs[0][0] == 1

    def add(self, code: str, subject: str, key: str, /, **values: object) -> None:
        self.differences_total += 1
        if len(self.differences) < _KEPT:
            self.differences.append(Difference.told(code, subject, key, **values))


def verify_case(
    case: CaseFile, known: Sequence[KnownPosition] = (), *, progress: Progress | None = None
) -> CaseReport:
    """Prove what the file allows. Raises `CaseFileError`."""
    report = CaseReport()
    held = {one.position for one in known}
    witness = _Held(known)
    states: dict[StreamName, State] = {}
    ledger = Ledger()
    last: LogEvent | None = None
    for event in case.case_events():
        _check_hashes(report, event, last)
        if event.logged.position in held:
            witness.see(report, event.logged)
        _fold(report, event.logged, states, ledger)
        last = event.logged
        report.events += 1
        if progress is not None and report.events % _TELL_EVERY == 0:
            progress(report.events, case.events)
    report.folded = len(states)
    report.unseen = witness.unseen()
    _check_selection(report, case, states, last)
    _check_scripts(report, case)
    return report


class _Held:
    """Memories of positions that the file may or may not have."""

    def __init__(self, known: Sequence[KnownPosition]) -> None:
        self._waiting = list(known)

    def see(self, report: CaseReport, logged: LogEvent) -> None:
        here = [one for one in self._waiting if one.position == logged.position]
        self._waiting = [one for one in self._waiting if one.position != logged.position]
        for subject, text in Witness(here).see(logged.position, logged.hash):
            report.add("history_rewritten", subject, "differs_rewritten", why=text)

    def unseen(self) -> list[KnownPosition]:
        return self._waiting


def _check_hashes(report: CaseReport, event: CaseEvent, last: LogEvent | None) -> None:
    logged, subject = event.logged, f"position {event.logged.position}"
    if not event.hash_holds:
        report.add("hash_broken", subject, "differs_own_hash")
    if last is not None and last.position + 1 == logged.position:
        report.runs[-1] = (report.runs[-1][0], logged.position)
        if event.previous_hash != last.hash:
            report.add("hash_broken", subject, "differs_before", position=last.position)
        return
    report.runs.append((logged.position, logged.position))
    if logged.position == 1 and event.previous_hash:
        report.add("hash_broken", subject, "differs_first")


def _fold(report: CaseReport, logged: LogEvent, states: dict[StreamName, State], ledger: Ledger) -> None:
    try:
        recorded = None if logged.stream in report.partial else fold_whole(states, logged)
    except (ConductorError, ValueError) as error:
        report.add(
            "event_illegal", f"position {logged.position} in {logged.stream}", "differs_rule", why=error
        )
        return
    if recorded is None:
        report.partial.setdefault(logged.stream, logged.version)
    elif report.whole:
        job = states.get(recorded.stream)
        wanted = job.submitted.gres if isinstance(job, Job) else {}
        for breach in ledger.book(recorded.event, wanted):
            report.add(breach.code, f"position {logged.position}", "differs_rule", why=breach.text)


def _check_selection(
    report: CaseReport, case: CaseFile, states: Mapping[StreamName, State], last: LogEvent | None
) -> None:
    """Whether the file holds what its first line says was asked for."""
    header = case.header
    if not header.jobs and report.runs != [(header.first, header.last)]:
        report.add("position_missing", f"positions {header.first} to {header.last}", "differs_not_all")
    needed = {job_stream(JobId(job_id)) for job_id in header.jobs}
    incomplete = (report.partial.keys() if report.whole else set()) | (needed - states.keys())
    for stream in sorted(incomplete):
        report.add("stream_incomplete", stream, "differs_stream")
    if last is not None and last.position > header.head_position:
        report.add("head_differs", f"position {last.position}", "differs_after_head")
    if last is not None and last.position == header.head_position and last.hash != header.head_hash:
        report.add("head_differs", f"position {last.position}", "differs_head")


def _check_scripts(report: CaseReport, case: CaseFile) -> None:
    for sha256, body in case.bodies():
        report.bodies += 1
        if hashlib.sha256(body.encode()).hexdigest() != sha256:
            report.add("script_altered", f"script {sha256}", "differs_body_here")

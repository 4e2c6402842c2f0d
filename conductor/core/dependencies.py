"""What a job waits for: `afterok:41:42_7,afterany:50`, `after:41?afternotok:41`, `singleton`; and whether it has come.

Commas: all of them; question marks: any one. A number that heads an array stands for every task of it. A job that
is requeued after its end changes nothing of what was decided by that end. What came true for one job has come true for
every other that waited for the very same at that moment.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal, NamedTuple, assert_never, get_args

from conductor.core.arrays import parsed as parsed_array
from conductor.core.commands import ResolveDependency
from conductor.core.decision import Decision, Surroundings, refuse
from conductor.core.errors import RejectionCode
from conductor.core.events import DependencyMet, JobCancelled
from conductor.core.identifiers import JobId
from conductor.core.job import Job, JobState
from conductor.core.job_reasons import unmet_condition
from conductor.core.misspelt import Misspelt

Kind = Literal["after", "afterok", "afternotok", "afterany", "singleton"]

MOST_REFERENCES = 1000

_REFERENCE = re.compile(r"(\d{1,16})(?:_(\d{1,7}))?", re.ASCII)


class Outlook(Enum):
    WAITING = "waiting"
    MET = "met"
    NEVER = "never"


class Tally(NamedTuple):
    """How far the jobs that a reference stands for have come. One that ended has also begun."""

    jobs: int
    began: int
    ended: int
    completed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A job, one task of an array, or (with the array's number alone) every task of it."""

    job_id: JobId
    task_id: int | None = None

    def __str__(self) -> str:
        return str(self.job_id) if self.task_id is None else f"{self.job_id}_{self.task_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One condition: `afterok` of one job. `reference` is None for `singleton` alone."""

    kind: Kind
    reference: Reference | None = None

    def __str__(self) -> str:
        return f"{self.kind}:{self.reference}" if self.reference else self.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    clauses: tuple[Clause, ...]
    any_will_do: bool = False

    def __str__(self) -> str:
        return ("?" if self.any_will_do else ",").join(map(str, self.clauses))

    @property
    def references(self) -> tuple[Reference, ...]:
        return tuple(dict.fromkeys(c.reference for c in self.clauses if c.reference))

    @property
    def singleton(self) -> bool:
        return any(clause.kind == "singleton" for clause in self.clauses)


def parsed(text: str) -> Dependency:
    """Raises `Misspelt`, which says which part is wrong."""
    if "," in text and "?" in text:
        raise Misspelt("dependency_mixed")
    any_will_do = "?" in text
    clauses: list[Clause] = []
    for part in re.split(r"[,?]", text.strip()):
        clauses += _clauses_of(part.strip())
    if len(clauses) > MOST_REFERENCES:
        raise Misspelt("dependency_jobs", most=MOST_REFERENCES)
    return Dependency(clauses=tuple(dict.fromkeys(clauses)), any_will_do=any_will_do)


def _clauses_of(part: str) -> list[Clause]:
    name, *references = part.split(":")
    kind = next((known for known in get_args(Kind) if known == name), None)
    if kind is None:
        raise Misspelt("dependency_kind", part=repr(name[:40]), known=", ".join(get_args(Kind)))
    if kind == "singleton":
        if references:
            raise Misspelt("dependency_singleton")
        return [Clause(kind=kind)]
    if not references:
        raise Misspelt("dependency_number", kind=kind)
    return [Clause(kind=kind, reference=_reference_of(kind, one)) for one in references]


def _reference_of(kind: str, text: str) -> Reference:
    found = _REFERENCE.fullmatch(text)
    if found is None or int(found[1]) == 0 or int(found[1]) >= 2**53:
        raise Misspelt("dependency_reference", part=repr(text[:40]), kind=kind, given=text[:40])
    return Reference(job_id=JobId(int(found[1])), task_id=int(found[2]) if found[2] else None)


def decide_resolve(command: ResolveDependency, job: Job, around: Surroundings) -> Decision:
    """Events from what the named jobs' own streams say; none while it may still come."""
    if command.term is not None and command.term != around.leadership.term:
        return refuse(
            RejectionCode.VERSION_CONFLICT,
            f"Term {command.term} is over: a scheduler with term {around.leadership.term} leads now.",
            job,
        )
    text = job.submitted.dependency
    if text is None or job.dependency_met or job.state is not JobState.PENDING:
        return ()
    dependency = parsed(text)
    known = {i: found for i in command.depends_on if (found := around.jobs.get(i)) is not None}
    if not dependency.singleton and (settled := _as_for_another(text, job, known.values())):
        return settled
    match outlook(dependency, job, known):
        case Outlook.MET, _:
            return (DependencyMet(dependency=text),)
        case Outlook.NEVER, clause:
            return (JobCancelled(reason=None, unmet=str(clause)),)
        case _:
            return ()


def _as_for_another(text: str, job: Job, others: Iterable[Job]) -> Decision:
    """What was found for another job that waited for the very same, at a moment when this one waited too.

    An earlier moment tells nothing: what was waited for may have been requeued before this job came.
    """
    for other in others:
        if not waits_alike(other, job):
            continue
        met_at = other.dependency_met_at
        if met_at is not None and met_at > job.submitted_at:
            return (DependencyMet(dependency=text),)
        unmet = unmet_condition(other.reason) if other.state is JobState.CANCELLED else None
        if unmet is not None and other.ended_at is not None and other.ended_at > job.submitted_at:
            return (JobCancelled(reason=None, unmet=unmet),)
    return ()


def waits_alike(one: Job, other: Job) -> bool:
    """Both wait, or waited, for the very same."""
    return one.submitted.dependency == other.submitted.dependency and one.job_id != other.job_id


def decided_by(event: DependencyMet | JobCancelled, job: Job, others: Iterable[Job]) -> JobId | None:
    """Which of the jobs that were looked at brought this about: the last that ended (or began)."""
    singleton = parsed(job.submitted.dependency or "").singleton
    told = [other for other in others if singleton or not waits_alike(other, job)]
    if isinstance(event, JobCancelled):
        told = [other for other in told if other.state.final]
    moved = [(at, other.job_id) for other in told if (at := other.ended_at or other.started_at) is not None]
    return max(moved)[1] if moved else None


def outlook(dependency: Dependency, job: Job, jobs: Mapping[JobId, Job]) -> tuple[Outlook, Clause | None]:
    """What is to be expected, and the condition that decides it, if one does.

    `jobs` are all that its references stand for, and for `singleton` those that stand before it.
    """
    return combined(dependency, [_outlook_of(clause, job, jobs) for clause in dependency.clauses])


def combined(dependency: Dependency, outlooks: Iterable[Outlook]) -> tuple[Outlook, Clause | None]:
    """The outlook of the whole from that of each condition, in their order; and the one that decides it."""
    found = list(zip(outlooks, dependency.clauses, strict=True))
    decisive = Outlook.MET if dependency.any_will_do else Outlook.NEVER
    for one, clause in found:
        if one is decisive:
            return one, clause
    other = Outlook.NEVER if dependency.any_will_do else Outlook.MET
    if all(one is other for one, _ in found):
        return other, found[-1][1]
    return Outlook.WAITING, next(clause for one, clause in found if one is Outlook.WAITING)


def _outlook_of(clause: Clause, job: Job, jobs: Mapping[JobId, Job]) -> Outlook:
    if clause.reference is None:
        ahead = any(stands_before(other, job) for other in jobs.values())
        return Outlook.WAITING if ahead else Outlook.MET
    members, whole = members_of(clause.reference, jobs)
    expected = outlook_of(clause.kind, tally_of(members))
    doomed = clause.kind == "afterok" and expected is Outlook.NEVER  # whatever becomes of the others
    return expected if whole or doomed else Outlook.WAITING


def stands_before(other: Job, job: Job) -> bool:
    """For `singleton`: one of the same name and user that has not ended, and came earlier or goes already.

    Numbers are drawn before a submission is recorded, so one with a higher number may have been let go before.
    """
    return (
        other.job_id != job.job_id
        and not other.state.final
        and (other.job_id < job.job_id or goes_already(other))
        and (other.submitted.name, other.submitted.user_name) == (job.submitted.name, job.submitted.user_name)
    )


def goes_already(job: Job) -> bool:
    """It has not ended, and what it waited for has come, or it has CPUs."""
    return not job.state.final and (job.dependency_met or job.state is not JobState.PENDING)


def members_of(reference: Reference, jobs: Mapping[JobId, Job]) -> tuple[Collection[Job], bool]:
    """The jobs among these that a reference stands for; and whether they are all that it stands for."""
    if reference.task_id is not None:
        task = [
            job
            for job in jobs.values()
            if job.submitted.array_job_id == reference.job_id
            and job.submitted.array_task_id == reference.task_id
        ]
        return task, bool(task)
    tasks = [job for job in jobs.values() if job.submitted.array_job_id == reference.job_id]
    if tasks:
        return tasks, len(tasks) == len(parsed_array(tasks[0].submitted.array or "").indices)
    alone = jobs.get(reference.job_id)
    return ([alone], True) if alone is not None else ([], False)


def tally_of(jobs: Collection[Job]) -> Tally:
    return Tally(
        jobs=len(jobs),
        began=sum(job.started_at is not None or job.state.final for job in jobs),
        ended=sum(job.state.final for job in jobs),
        completed=sum(job.state is JobState.COMPLETED for job in jobs),
    )


def outlook_of(kind: Kind, tally: Tally) -> Outlook:
    """One condition on jobs of which so many have come so far."""
    ended = tally.ended == tally.jobs
    match kind:
        case "after":
            return Outlook.MET if tally.began == tally.jobs else Outlook.WAITING
        case "afterok":
            if tally.ended > tally.completed:
                return Outlook.NEVER
            return Outlook.MET if ended else Outlook.WAITING
        case "afternotok":
            if not ended:
                return Outlook.WAITING
            return Outlook.NEVER if tally.completed == tally.jobs else Outlook.MET
        case "afterany":
            return Outlook.MET if ended else Outlook.WAITING
        case "singleton":
            raise AssertionError("a singleton names no jobs")
        case _:
            assert_never(kind)

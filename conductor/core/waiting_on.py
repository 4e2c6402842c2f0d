"""Which jobs wait for which, and what is known of those: so that a change costs those whom it concerns.

Jobs that wait for the same share one question. A question is asked anew only when the outlook of a job or an array
that it names has changed, and for that these are counted, not listed. How ended jobs stand that are still waited for
is not in the scheduler's memory: `unknown` names what must be read, `learn` takes it in. Deciding never happens here;
what is handed out are wishes, and the log answers them.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from heapq import heappop, heappush
from typing import NamedTuple

from conductor.core.commands import ResolveDependency
from conductor.core.dependencies import (
    Clause,
    Dependency,
    Kind,
    Outlook,
    Reference,
    Tally,
    goes_already,
    outlook_of,
    parsed,
)
from conductor.core.identifiers import JobId, Term
from conductor.core.job import Job, JobState

# What a question is found by: its text; for `singleton` also the job, which is asked about itself.
Key = tuple[str, JobId | None]
Named = tuple[str, str]  # user and name, by which singletons are told apart
_NEVER, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_KINDS: tuple[Kind, ...] = ("after", "afterok", "afternotok", "afterany")


class Standing(NamedTuple):
    """How a job stands that others wait for."""

    version: int
    began: bool
    ended: bool
    completed: bool
    moved_at: datetime | None = None  # when it ended, else began

    @classmethod
    def of(cls, job: Job) -> "Standing":
        ended, at = job.state.final, job.ended_at or job.started_at
        completed = job.state is JobState.COMPLETED
        return cls(job.version, ended or job.started_at is not None, ended, completed, at)


@dataclass(slots=True)
class _Target:
    """The jobs that a reference stands for, and how far they have come."""

    members: dict[JobId, Standing] = field(default_factory=dict)
    tally: Tally = Tally(0, 0, 0, 0)
    outlooks: dict[Kind, Outlook] = field(default_factory=lambda: dict.fromkeys(_KINDS, Outlook.WAITING))
    questions: dict[Key, list[int]] = field(default_factory=dict)  # with the conditions that name it


class Witness(NamedTuple):
    """A job for which it came true then, and so for all that waited for the same at that time."""

    job_id: JobId
    met_at: datetime


@dataclass(slots=True)
class _Question:
    dependency: Dependency
    name: Named  # of the job, for a singleton
    waiting: dict[JobId, datetime] = field(default_factory=dict)  # with the time when each was submitted
    witness: Witness | None = None  # of those for which it came true, the last
    outlook: Outlook = Outlook.WAITING
    outlooks: list[Outlook] = field(default_factory=list)  # of each condition; the two below count these
    met: int = 0
    never: int = 0

    def __post_init__(self) -> None:
        self.outlooks = [Outlook.WAITING] * len(self.dependency.clauses)

    def note(self, index: int, outlook: Outlook) -> None:
        """One condition stands so now."""
        was, self.outlooks[index] = self.outlooks[index], outlook
        self.met += (outlook is Outlook.MET) - (was is Outlook.MET)
        self.never += (outlook is Outlook.NEVER) - (was is Outlook.NEVER)

    def expected(self) -> Outlook:
        """What `dependencies.combined` says, without looking through all of them."""
        if self.dependency.any_will_do:
            if self.met:
                return Outlook.MET
            return Outlook.NEVER if self.never == len(self.outlooks) else Outlook.WAITING
        if self.never:
            return Outlook.NEVER
        return Outlook.MET if self.met == len(self.outlooks) else Outlook.WAITING

    def decisive(self) -> Clause:
        """The first condition that stands as the whole does."""
        return self.dependency.clauses[self.outlooks.index(self.outlook)]


@dataclass(slots=True)
class _Live:
    """Jobs of one user and name that have not ended."""

    jobs: set[JobId] = field(default_factory=set)
    going: set[JobId] = field(default_factory=set)  # of these: let go already, whatever their numbers
    order: list[JobId] = field(default_factory=list)  # a heap; may still have some that ended
    last_ended: JobId | None = None

    def first(self) -> JobId | None:
        while self.order and self.order[0] not in self.jobs:
            heappop(self.order)
        return self.order[0] if self.order else None

    def follow(self, job: Job) -> None:
        job_id = job.job_id
        if goes_already(job):
            self.going.add(job_id)
        else:
            self.going.discard(job_id)
        if not job.state.final and job_id not in self.jobs:
            self.jobs.add(job_id)
            heappush(self.order, job_id)
        elif job.state.final and job_id in self.jobs:
            self.jobs.discard(job_id)
            self.last_ended = job_id


@dataclass(slots=True)
class WaitingOn:
    """Told of every change of a job by `moved`."""

    _questions: dict[Key, _Question] = field(default_factory=dict)
    _key_of: dict[JobId, Key] = field(default_factory=dict)  # of jobs that wait
    _targets: dict[Reference, _Target] = field(default_factory=dict)
    _targets_of: dict[JobId, list[Reference]] = field(default_factory=dict)
    _unknown: dict[Reference, None] = field(default_factory=dict)
    _due: dict[Key, None] = field(default_factory=dict)
    _names: dict[Named, _Live] | None = None  # made when the first singleton comes
    _singletons: dict[JobId, Key] = field(default_factory=dict)
    _on_starts: set[Key] = field(default_factory=set)

    @property
    def unknown(self) -> tuple[Reference, ...]:
        """What must be looked up and given to `learn`."""
        return tuple(self._unknown)

    @property
    def starts_matter(self) -> bool:
        """Some job waits for another's start, which otherwise concerns nobody here."""
        return bool(self._on_starts)

    def moved(self, job: Job, live: Mapping[JobId, Job]) -> None:
        """A job has become this; `live` are all that have not ended."""
        standing: Standing | None = None
        for reference in self._targets_of.get(job.job_id, ()):
            standing = standing or Standing.of(job)
            if standing.version > self._targets[reference].members[job.job_id].version:
                self._count(reference, job.job_id, standing)
        if self._names is not None:
            self._follow_name(job)
        if job.submitted.dependency is not None:
            self._follow_dependent(job, live)

    def learn(self, found: Mapping[Reference, Mapping[JobId, Standing]]) -> None:
        """How those stand that were unknown. A reference may have been given up since."""
        for reference, members in found.items():
            if reference not in self._unknown:
                continue
            del self._unknown[reference]
            target = self._targets[reference]
            for job_id, standing in members.items():
                target.members[job_id] = standing
                self._targets_of.setdefault(job_id, []).append(reference)
            target.tally = _tally(target.members.values())
            self._look_at(target)

    def due(
        self, most: int, term: Term | None = None, *, most_streams: int = 20_000
    ) -> list[ResolveDependency]:
        """At most so many wishes, which name about so many jobs, in the order in which they must be granted.

        A job that is to end because it can never start is taken for ended here: those who wait for it follow at once.
        """
        found: list[ResolveDependency] = []
        taken_for: list[tuple[Reference, JobId, Standing]] = []
        agenda, seen = deque(self._due), set(self._due)
        streams = 0
        while agenda and len(found) < most and streams < most_streams:
            key = agenda.popleft()
            question = self._questions[key]
            if question.dependency.singleton and not self._consider(key):
                continue  # an earlier one of its name is back
            for command in self._wishes(question, term):
                if len(found) == most or streams >= most_streams:
                    break
                found.append(command)
                streams += len(command.depends_on)
                if question.outlook is not Outlook.NEVER:
                    continue
                for reference in self._targets_of.get(command.job_id, ()):
                    was = self._targets[reference].members[command.job_id]
                    taken_for.append((reference, command.job_id, was))
                    now_due = self._count(reference, command.job_id, _cancelled(was))
                    agenda.extend(key for key in now_due if key not in seen)
                    seen.update(now_due)
        for reference, job_id, was in reversed(taken_for):
            self._count(reference, job_id, was)
        return found

    def _follow_dependent(self, job: Job, live: Mapping[JobId, Job]) -> None:
        waits = job.state is JobState.PENDING and job.depends
        known = job.job_id in self._key_of
        if waits and not known:
            self._ask(job, live)
        elif known and not waits:
            self._answered(job)

    def _ask(self, job: Job, live: Mapping[JobId, Job]) -> None:
        text = job.submitted.dependency or ""
        dependency = (
            self._questions[text, None].dependency if (text, None) in self._questions else parsed(text)
        )
        key: Key = (text, job.job_id if dependency.singleton else None)
        question = self._questions.get(key)
        if question is None:
            question = _Question(dependency, _name_of(job))
            self._questions[key] = question
            self._name_targets(key, dependency)
        question.waiting[job.job_id] = job.submitted_at
        self._key_of[job.job_id] = key
        if dependency.singleton:
            self._singletons[job.job_id] = key
            if self._names is None:
                self._names = _by_name(live.values())
        self._consider(key)

    def _name_targets(self, key: Key, dependency: Dependency) -> None:
        question = self._questions[key]
        for index, clause in enumerate(dependency.clauses):
            if clause.reference is None:
                continue
            target = self._targets.get(clause.reference)
            if target is None:
                target = self._targets[clause.reference] = _Target()
                self._unknown[clause.reference] = None
            target.questions.setdefault(key, []).append(index)
            question.note(index, target.outlooks[clause.kind])
        if any(clause.kind == "after" for clause in dependency.clauses):
            self._on_starts.add(key)

    def _answered(self, job: Job) -> None:
        """It came true, or the job waits no more for another reason."""
        key = self._key_of.pop(job.job_id)
        self._singletons.pop(job.job_id, None)
        question = self._questions[key]
        del question.waiting[job.job_id]
        if job.dependency_met_at is not None:
            question.witness = Witness(job.job_id, job.dependency_met_at)
        if question.waiting:
            return
        del self._questions[key]
        self._due.pop(key, None)
        self._on_starts.discard(key)
        for reference in question.dependency.references:
            target = self._targets[reference]
            del target.questions[key]
            if not target.questions:
                self._give_up(reference, target)

    def _give_up(self, reference: Reference, target: _Target) -> None:
        del self._targets[reference]
        self._unknown.pop(reference, None)
        for job_id in target.members:
            references = self._targets_of[job_id]
            references.remove(reference)
            if not references:
                del self._targets_of[job_id]

    def _count(self, reference: Reference, job_id: JobId, standing: Standing) -> list[Key]:
        """Count a member as it stands now; gives the questions that are due by this."""
        target = self._targets[reference]
        was = target.members[job_id]
        target.members[job_id] = standing
        jobs, began, ended, completed = target.tally
        target.tally = Tally(
            jobs,
            began + standing.began - was.began,
            ended + standing.ended - was.ended,
            completed + standing.completed - was.completed,
        )
        return self._look_at(target)

    def _look_at(self, target: _Target) -> list[Key]:
        outlooks = {kind: outlook_of(kind, target.tally) for kind in _KINDS}
        if outlooks == target.outlooks or not target.tally.jobs:
            return []
        target.outlooks = outlooks
        for key, indices in target.questions.items():
            question = self._questions[key]
            for index in indices:
                question.note(index, outlooks[question.dependency.clauses[index].kind])
        return [key for key in target.questions if self._consider(key)]

    def _consider(self, key: Key) -> bool:
        """True when the question is due: what it asks has come true, or never can."""
        question = self._questions[key]
        if key[1] is not None:  # a singleton
            index = next(
                i for i, clause in enumerate(question.dependency.clauses) if clause.reference is None
            )
            question.note(index, self._alone(question, key))
        question.outlook = question.expected()
        if question.outlook is Outlook.WAITING:
            self._due.pop(key, None)
            return False
        self._due[key] = None
        return True

    def _wishes(self, question: _Question, term: Term | None) -> Iterable[ResolveDependency]:
        """The first is asked about those that it waits for, which may be very many; the others follow it."""
        told_by = self._told_by(question)
        last = max(told_by, key=lambda job_id: told_by[job_id].moved_at or _NEVER, default=None)
        witness = question.witness if question.outlook is Outlook.MET else None
        for job_id, submitted_at in question.waiting.items():
            if witness is not None and submitted_at < witness.met_at:
                depends_on: tuple[JobId, ...] = (witness.job_id,) if last is None else (witness.job_id, last)
            else:
                depends_on = tuple(told_by)
                witness = Witness(
                    job_id, _LAST
                )  # when its wish is granted, which is before those of the others
            yield ResolveDependency(job_id=job_id, depends_on=depends_on, term=term)

    def _told_by(self, question: _Question) -> dict[JobId, Standing]:
        """Whose streams tell that it is so."""
        by_one = (question.outlook is Outlook.MET) is question.dependency.any_will_do
        clauses = (question.decisive(),) if by_one else question.dependency.clauses
        found: dict[JobId, Standing] = {}
        for clause in clauses:
            if clause.reference is not None:
                members = self._targets[clause.reference].members
                failed = (i for i, one in members.items() if one.ended and not one.completed)
                doomed = clause.kind == "afterok" and question.outlook is Outlook.NEVER
                found |= {i: members[i] for i in ([next(failed)] if doomed else members)}
            elif (last := self._last_ended(question)) is not None:
                found[last] = Standing(0, True, True, False)
        return found

    def _alone(self, question: _Question, key: Key) -> Outlook:
        live = (self._names or {}).get(question.name)
        first = live.first() if live is not None else None
        if live is None or first is None or key[1] is None:
            return Outlook.MET
        return Outlook.WAITING if first < key[1] or live.going - {key[1]} else Outlook.MET

    def _last_ended(self, question: _Question) -> JobId | None:
        live = (self._names or {}).get(question.name)
        return live.last_ended if live is not None else None

    def _follow_name(self, job: Job) -> None:
        assert self._names is not None
        live = self._names.setdefault(_name_of(job), _Live())
        live.follow(job)
        first = live.first()
        if first is None:
            del self._names[_name_of(job)]
        elif first in self._singletons:
            self._consider(self._singletons[first])


def _cancelled(was: Standing) -> Standing:
    return was._replace(began=True, ended=True, completed=False, moved_at=_LAST)


def _tally(members: Iterable[Standing]) -> Tally:
    standings = list(members)
    return Tally(
        jobs=len(standings),
        began=sum(one.began for one in standings),
        ended=sum(one.ended for one in standings),
        completed=sum(one.completed for one in standings),
    )


def _name_of(job: Job) -> Named:
    return job.submitted.user_name, job.submitted.name


def _by_name(jobs: Iterable[Job]) -> dict[Named, _Live]:
    found: dict[Named, _Live] = {}
    for job in jobs:
        live = found.setdefault(_name_of(job), _Live())
        live.follow(job)
    return found

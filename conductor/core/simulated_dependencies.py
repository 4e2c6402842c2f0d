"""Dependencies in a simulation: who waits for whom, and what has become of those that are waited for.

What a dependency means is `dependencies.outlook`'s to say, as everywhere.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from conductor.core.dependencies import Dependency, Outlook, outlook, parsed
from conductor.core.events import DependencyMet, JobCancelled, JobSubmitted, ResourcesReleased
from conductor.core.identifiers import JobId, Version
from conductor.core.job import Job, evolve

_Name = tuple[str, str]


@dataclass(slots=True, kw_only=True)
class Dependants:
    """`jobs` is the cluster's own, of those that have not ended; `ended` those that have and are asked for."""

    jobs: Mapping[JobId, Job]
    ended: dict[JobId, Job]
    _asked_for: set[JobId] = field(default_factory=set)  # by anybody, ever; an array by its number
    _waits_for: dict[JobId, list[JobId]] = field(default_factory=dict)
    _singletons: dict[_Name, list[JobId]] = field(default_factory=dict)
    _tasks: dict[JobId, list[JobId]] = field(default_factory=dict)

    def expect(self, submissions: Iterable[JobSubmitted]) -> None:
        """What will come, so that only what is asked for need be remembered."""
        everyone = list(submissions)
        for one in everyone:
            if one.dependency is not None:
                self._asked_for |= {reference.job_id for reference in parsed(one.dependency).references}
        for one in everyone:
            self._note_task(one)
        for job in self.ended.values():
            self._note_task(job.submitted)

    def _note_task(self, submitted: JobSubmitted) -> None:
        if submitted.array_job_id in self._asked_for and submitted.array_job_id is not None:
            self._tasks.setdefault(submitted.array_job_id, []).append(submitted.job_id)

    def add(self, job: Job) -> None:
        """A job that depends on others has come."""
        dependency = _dependency_of(job)
        for reference in dependency.references:
            self._waits_for.setdefault(reference.job_id, []).append(job.job_id)
        if dependency.singleton:
            self._singletons.setdefault(_name_of(job), []).append(job.job_id)

    def after(self, job: Job, end: ResourcesReleased | JobCancelled | None, now: datetime) -> list[JobId]:
        """Whom it concerns that a job has begun, or, with `end`, ended (`job` is as it was before)."""
        keys = [key for key in (job.job_id, job.submitted.array_job_id) if key in self._asked_for]
        if keys and end is not None:
            self.ended[job.job_id] = evolve(job, end, at=now, version=Version(job.version + 1))
        found = [
            dependant for key in dict.fromkeys(keys) if key for dependant in self._waits_for.get(key, ())
        ]
        if end is not None and self._singletons:
            found += self._singletons.get(_name_of(job), ())
        return found

    def decided(self, job: Job) -> DependencyMet | JobCancelled | None:
        """What its dependency has come to, when it has."""
        if not job.depends:
            return None
        found, clause = outlook(_dependency_of(job), job, self._concerned(job))
        if found is Outlook.MET:
            return DependencyMet(dependency=job.submitted.dependency or "")
        return JobCancelled(reason=None, unmet=str(clause)) if found is Outlook.NEVER else None

    def _concerned(self, job: Job) -> dict[JobId, Job]:
        dependency = _dependency_of(job)
        named = [reference.job_id for reference in dependency.references]
        named += [task for head in named for task in self._tasks.get(head, ())]
        found = {i: known for i in named if (known := self.jobs.get(i) or self.ended.get(i)) is not None}
        if dependency.singleton:
            found |= {i: other for i, other in self.jobs.items() if _name_of(other) == _name_of(job)}
        return found


def _dependency_of(job: Job) -> Dependency:
    assert job.submitted.dependency is not None
    return parsed(job.submitted.dependency)


def _name_of(job: Job) -> _Name:
    return job.submitted.name, job.submitted.user_name

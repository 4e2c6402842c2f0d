"""The original system's jobs, taken in: first looked at whole, then handed to the one door in batches.

Promises: nothing is written before every row was understood and every number was found free; what was imported before
is recognised by its command, so an import that was killed goes on where it stopped, and one more changes nothing.
The original is read in one snapshot and never written.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from conductor.completing import Request
from conductor.core.commands import ImportJob
from conductor.core.errors import ConductorError, Rejection
from conductor.core.events import ImportedAllocation, Provenance
from conductor.core.job import TRANSITIONS, JobState, trigger
from conductor.core.job_reasons import import_reason
from conductor.database import open_pool
from conductor.handler import Handler, Outcome, running_handler
from conductor.scns.numbers import (
    check_free,
    connected_as_owner,
    imported_before,
    numbers_of,
    set_aside,
    source_of,
)
from conductor.scns.original import Original, open_original
from conductor.scns.translation import Terms, Untranslatable, command_id_of, translate
from projections.rows import changed_rows

Progress = Callable[[int, int], None]

_BATCH = 200
_NAMED = 20


class CannotImport(ConductorError):
    """Rows of the original cannot be understood; nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """CPUs that the original never gave back."""

    job_id: int
    state: str
    allocation: ImportedAllocation


class Becoming(NamedTuple):
    """The state of a job there, and here, with its reason's word."""

    there: str
    here: JobState
    reason: str


@dataclass(slots=True, kw_only=True)
class Found:
    """What the original has. `bad`: rows that cannot be understood, each with why."""

    source: str
    jobs: int = 0
    allocations: int = 0
    becomes: Counter[Becoming] = field(default_factory=Counter)
    leaks: list[Leak] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)
    oldest: datetime | None = None
    newest: datetime | None = None
    before: frozenset[int] = frozenset()  # jobs that an earlier run took in
    numbers: dict[int, int] = field(default_factory=dict)  # job -> its allocation, 0 for none


@dataclass(slots=True, kw_only=True)
class Imported:
    """What came of it. `changed`: imported before, and otherwise there now; such jobs stay as they were taken in."""

    found: Found
    dry_run: bool
    imported: int = 0
    before: int = 0
    changed: list[int] = field(default_factory=list)
    position: int = 0


async def import_original(
    database_url: str,
    original_url: str,
    *,
    terms: Terms,
    provenance: Provenance,
    dry_run: bool = False,
    skip_bad: bool = False,
    same_source: bool = False,
    progress: Progress | None = None,
) -> Imported:
    """Take everything in; `terms.source` is filled in here. `same_source`: what was imported before is this database,
    which had another name then.

    Raises `OriginalUnreadable`, `AnotherSource`, `CannotImport`, `NumbersTaken` before anything is written,
    `DatabaseUnavailable` at any time.
    """
    with open_original(original_url) as original, connected_as_owner(database_url) as owner:
        terms = replace(terms, source=source_of(owner, original.name, same_source=same_source))
        total = original.count()
        found = _look(original, terms, _within(progress, 0, total if dry_run else total * 2))
        if found.bad and not (skip_bad or dry_run):
            raise CannotImport(_bad_rows(found))
        found.before = imported_before(owner, sorted(found.numbers))
        result = Imported(found=found, dry_run=dry_run)
        jobs = numbers_of(found.numbers, max(found.before, default=0))
        known = max((found.numbers[number] for number in found.before), default=0)
        allocations = numbers_of(filter(None, found.numbers.values()), known)
        if dry_run or not found.numbers:
            check_free(owner, jobs, allocations)
            return result
        set_aside(owner, jobs, allocations)
        async with (
            open_pool(database_url, size=2) as pool,
            running_handler(pool, changed_rows) as handler,
        ):
            run = _Run(handler, replace(provenance, correlation=str(uuid.uuid4())), result)
            await run.take_in(original, terms, _within(progress, total, total * 2))
    return result


def _within(progress: Progress | None, before: int, total: int) -> Callable[[int], None]:
    """Told how many jobs of this pass are done."""
    return lambda done: progress(before + done, total) if progress is not None else None


def _look(original: Original, terms: Terms, told: Callable[[int], None]) -> Found:
    """All of it, one row at a time."""
    found = Found(source=terms.source)
    for job, allocations in original.rows():
        found.jobs += 1
        found.allocations += len(allocations)
        try:
            _note(found, translate(job, allocations, terms))
        except Untranslatable as error:
            found.bad.append(f"job {job.get('id')}: {error}")
        if found.jobs % 500 == 0:
            told(found.jobs)
    for number, job_id in original.allocations_without_job():
        found.allocations += 1
        missing = f"there is no job {job_id}" if job_id is not None else "it names no job"
        found.bad.append(f"allocation {number}: {missing}")
    _refuse_doubles(found)
    return found


def _note(found: Found, command: ImportJob) -> None:
    imported, job_id = command.imported, command.job_id
    assert job_id is not None
    reason = (import_reason(imported) or "").partition(":")[0]
    found.becomes[Becoming(imported.state, TRANSITIONS[JobState.PENDING][trigger(imported)], reason)] += 1
    found.numbers[job_id] = imported.allocation.allocation_id if imported.allocation else 0
    if imported.allocation is not None and not imported.allocation.given_back:
        found.leaks.append(Leak(job_id=job_id, state=imported.state, allocation=imported.allocation))
    times = [at for at in (imported.submitted_at, found.oldest, found.newest) if at is not None]
    found.oldest, found.newest = min(times, default=None), max(times, default=None)


def _refuse_doubles(found: Found) -> None:
    """A table without its keys: both rows would be one."""
    taken = Counter(number for number in found.numbers.values() if number)
    double = sorted(number for number, count in taken.items() if count > 1)
    if double or len(found.numbers) != sum(found.becomes.values()):
        raise CannotImport(
            f"Numbers of the original are not unique (allocations {double[:_NAMED]}): its tables have lost their "
            "primary keys. Nothing was imported. Make the numbers unique there first."
        )


def _bad_rows(found: Found) -> str:
    named = "".join(f"\n  {one}" for one in found.bad[:_NAMED])
    more = f"\n  and {len(found.bad) - _NAMED} more" if len(found.bad) > _NAMED else ""
    return (
        f"{len(found.bad)} rows of database {found.source} cannot be understood:{named}{more}\n"
        "Nothing was imported. Mend them there, or leave them out with --skip-bad."
    )


class _Run:
    """One pass that hands in every job."""

    def __init__(self, handler: Handler, provenance: Provenance, result: Imported) -> None:
        self._handler = handler
        self._provenance = provenance
        self._result = result

    async def take_in(self, original: Original, terms: Terms, told: Callable[[int], None]) -> None:
        """The jobs with the highest numbers first: in the log they say that all others are set aside."""
        numbers, before = self._result.found.numbers, self._result.found.before
        first = {max(numbers), max(numbers, key=numbers.__getitem__)} - before
        if first:
            highest = [one for one in self._commands(original, terms) if one.job_id in first]
            await self._hand_in(highest, atomic=True)
        done, commands = 0, self._commands(original, terms)
        while batch := list(islice(commands, _BATCH)):
            await self._hand_in([one for one in batch if one.job_id not in first])
            done += len(batch)
            told(done)

    def _commands(self, original: Original, terms: Terms) -> Iterator[ImportJob]:
        for job, allocations in original.rows():
            try:
                yield translate(job, allocations, terms)
            except Untranslatable:
                continue  # named before, and left out because that was asked for

    async def _hand_in(self, commands: Sequence[ImportJob], *, atomic: bool = False) -> None:
        requests = [
            Request(
                command=command,
                provenance=replace(self._provenance, command_id=command_id_of(command.job_id or 0)),
            )
            for command in commands
        ]
        outcomes = await self._handler.handle_requests(requests, atomic=atomic)
        for command, outcome in zip(commands, outcomes, strict=True):
            self._note(command, outcome)

    def _note(self, command: ImportJob, outcome: Outcome) -> None:
        result, job_id = self._result, command.job_id
        assert job_id is not None
        if isinstance(outcome, Rejection):
            if outcome.field != "command_id":
                raise CannotImport(
                    f"Job {job_id} was refused: {outcome.message} {result.imported} jobs were imported before it; "
                    "run the same command again once that is mended."
                )
            result.changed.append(job_id)
        elif job_id in result.found.before:
            result.before += 1
        else:
            result.imported += 1
            result.position = max(result.position, outcome.position)

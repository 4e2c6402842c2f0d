"""The one door to writing: load, fold, decide, project, append.

Simply put: for each command, read the streams it rests on, fold them, decide, and append the events together
with the rows they change. This does the same for everything that waits at once: while one batch commits, the
next gathers. So an idle system adds no wait, and a busy one commits hundreds of commands at a time.

Promises: a refused command is refused alone; a batch that lost a race is decided again whole; ids are drawn
before the first try and kept, so a commit whose answer was lost is recognised when it is tried again.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from psycopg import AsyncConnection

from conductor.codec import encode
from conductor.completing import IdStock, Request, complete
from conductor.core.commands import Command, ImportJob, Submit, submission_of
from conductor.core.decider import State
from conductor.core.errors import Rejection, RejectionCode
from conductor.core.events import Provenance, RecordedEvent
from conductor.core.identifiers import JobId, Position, StreamName
from conductor.core.made_quickly import made_quickly
from conductor.core.rights import Rights
from conductor.crash_points import crash_point
from conductor.database import DatabaseUnavailable, Pool, jittered
from conductor.deciding import Loaded, Plan, Verdict, load, settle
from conductor.log import Batch, CpusTaken, VersionConflict, append, reachable
from conductor.refusing import forbidden_outright
from conductor.remembered import Remembered
from conductor.running import end_tasks
from conductor.telemetry.committed import BATCHES_RETRIED, tell_batch
from conductor.telemetry.tracing import span

Projector = Callable[
    [Mapping[StreamName, State], Mapping[StreamName, State]],
    Mapping[str, Sequence[Mapping[str, Any]]],
]

_BATCH_COMMANDS = 500
_BESIDE = 2  # batches of submissions that are under way at a time: one is decided, one is written
_BATCH_SCRIPT_BYTES = 8 * 1024 * 1024
_TRIES = 100  # of a batch that keeps losing races; far more than any contention seen
_UNAVAILABLE_SECONDS = 5.0


@made_quickly
@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What a command brought about. No events: it was so already.

    `position` is the last one the answer rests on, for `?at_least=`.
    """

    events: tuple[RecordedEvent, ...]
    position: Position


Outcome = Accepted | Rejection


@dataclass(slots=True, kw_only=True)
class Entry:
    """Commands that were handed in together, and the promise of their outcomes, one each."""

    requests: list[Request]
    atomic: bool
    in_turn: bool = False  # one of several that came together: each is recorded after those before it
    answer: asyncio.Future[list[Outcome]] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    @property
    def script_bytes(self) -> int:
        submissions = (submission_of(request.command) for request in self.requests)
        return sum(len(one.script) for one in submissions if one is not None)

    @property
    def goes_beside(self) -> bool:
        """Whether it is submissions and nothing else."""
        return not self.in_turn and all(isinstance(request.command, Submit) for request in self.requests)


class Handler:
    """Takes commands from any number of tasks of one event loop and commits them in batches."""

    def __init__(
        self, pool: Pool, project: Projector, *, unavailable_seconds: float = _UNAVAILABLE_SECONDS
    ) -> None:
        self._pool = pool
        self._project = project
        self._unavailable_seconds = unavailable_seconds
        self._waiting: asyncio.Queue[Entry] = asyncio.Queue()
        self._held_back: Entry | None = None
        self._ids = IdStock()
        self._remembered = Remembered()

    async def handle(
        self,
        command: Command,
        provenance: Provenance,
        *,
        expected_version: int | None = None,
        rights: Rights | None = None,
    ) -> Outcome:
        """Decide and commit one command.

        Raises `DatabaseUnavailable` when PostgreSQL stays away; whether it happened is unknown then, and handing
        in the same command with the same `command_id` is safe.
        """
        request = Request(
            command=command, provenance=provenance, expected_version=expected_version, rights=rights
        )
        return (await self.handle_requests([request]))[0]

    async def handle_all(
        self,
        commands: Sequence[Command],
        provenance: Provenance,
        *,
        atomic: bool,
        rights: Rights | None = None,
    ) -> list[Outcome]:
        """One outcome each, in order; with `atomic`, all or none."""
        requests = [Request(command=command, provenance=provenance, rights=rights) for command in commands]
        return await self.handle_requests(requests, atomic=atomic)

    async def handle_requests(self, requests: Sequence[Request], *, atomic: bool = False) -> list[Outcome]:
        refusals = forbidden_outright(requests, atomic=atomic)
        if refusals:
            return await self._handle_the_others(requests, refusals)
        if not requests:
            return []
        if atomic:
            return await self._hand_in(Entry(requests=list(requests), atomic=True))
        in_turn = len(requests) > 1
        entries = [Entry(requests=[request], atomic=False, in_turn=in_turn) for request in requests]
        answers = [self._hand_in(entry) for entry in entries]
        return [answer for [answer] in await asyncio.gather(*answers)]

    async def _handle_the_others(
        self, requests: Sequence[Request], refusals: Mapping[int, Rejection]
    ) -> list[Outcome]:
        others = [one for index, one in enumerate(requests) if index not in refusals]
        outcomes = iter(await self.handle_requests(others))
        return [refusals[i] if i in refusals else next(outcomes) for i in range(len(requests))]

    async def draw_job_ids(self, count: int) -> list[JobId]:
        """Numbers for submissions that are still to be made: those need not be made twice, without and with one.

        Raises `DatabaseUnavailable`.
        """
        async with reachable(self._pool) as connection:
            return [JobId(number) for number in await self._ids.draw(connection, "draw_job_ids", count)]

    def _hand_in(self, entry: Entry) -> asyncio.Future[list[Outcome]]:
        for request in entry.requests:
            request.digest = _digest(request.command) if request.provenance.command_id else None
        self._waiting.put_nowait(entry)
        return entry.answer

    async def run(self) -> None:
        """Commit batches for ever; run it as a task and cancel it.

        Submissions go their own way: they write to no stream that anybody else knows yet, so the next are decided while
        PostgreSQL writes those before. All else goes one batch after the other.
        """
        beside: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as group:
            while True:
                first = self._held_back or await self._waiting.get()
                self._held_back = None
                if not first.goes_beside:
                    await self._settled(await self._with_others(first))
                    continue
                while len(beside) >= _BESIDE:
                    await asyncio.wait(beside, return_when=asyncio.FIRST_COMPLETED)
                task = group.create_task(self._settled(await self._with_others(first)))
                beside.add(task)
                task.add_done_callback(beside.discard)

    async def _settled(self, entries: list[Entry]) -> None:
        try:
            await self._commit(entries)
        except Exception as error:
            _fail(entries, error)

    async def _with_others(self, first: Entry) -> list[Entry]:
        """The oldest entry and everything that came since, within the bounds of a batch; to submissions, only such."""
        entries, only_beside = [first], first.goes_beside
        await self._let_others_hand_in()
        commands, script_bytes = len(entries[0].requests), entries[0].script_bytes
        while not self._waiting.empty():
            entry = self._waiting.get_nowait()
            commands += len(entry.requests)
            script_bytes += entry.script_bytes
            too_much = commands > _BATCH_COMMANDS or script_bytes > _BATCH_SCRIPT_BYTES
            if too_much or (only_beside and not entry.goes_beside):
                self._held_back = entry
                break
            entries.append(entry)
        return entries

    async def _let_others_hand_in(self) -> None:
        """Tasks that are ready to run may add to the batch. No timer: an idle loop comes back at once."""
        await asyncio.sleep(0)

    async def _commit(self, entries: list[Entry]) -> None:
        """Until every entry has its answer. A batch that the database refuses is halved down to the culprit."""
        try:
            await self._try_until_settled(entries)
        except CpusTaken as violation:
            BATCHES_RETRIED.add("cpus_taken")
            if len(entries) == 1:
                _answer(entries[0], [_taken(violation)] * len(entries[0].requests))
                return
            middle = len(entries) // 2
            await self._commit(entries[:middle])
            await self._commit(entries[middle:])

    async def _try_until_settled(self, entries: list[Entry]) -> None:
        give_up_at = time.monotonic() + self._unavailable_seconds
        for attempt in range(_TRIES):
            try:
                await self._try_once(entries)
                return
            except VersionConflict:
                BATCHES_RETRIED.add("conflict")
                self._remembered.forget_all()
                if attempt > 2:  # several losers in step would go on losing in step
                    await asyncio.sleep(jittered(0.001 * min(attempt, 50)))
            except DatabaseUnavailable:
                BATCHES_RETRIED.add("database_away")
                self._remembered.forget_all()  # whatever comes back may be another server
                if time.monotonic() > give_up_at:
                    raise
                await asyncio.sleep(jittered(0.1))
        raise DatabaseUnavailable(
            f"{len(entries)} commands kept losing races against other writers. Try again; if it goes on, look for "
            "another writer in a loop with `conductor events`."
        )

    async def _decide(
        self, connection: AsyncConnection[Any], entries: list[Entry], requests: list[Request]
    ) -> tuple[Loaded, Plan]:
        """From memory when that leads to events only, which the door checks; else from the log as it is now."""
        batch = [(entry.requests, entry.atomic) for entry in entries]
        loaded = await load(connection, requests, self._remembered)
        plan = settle(batch, loaded)
        if loaded.from_memory and not plan.only_events:
            self._remembered.forget(loaded.from_memory)
            loaded = await load(connection, requests, self._remembered)
            plan = settle(batch, loaded)
        return loaded, plan

    async def _try_once(self, entries: list[Entry]) -> None:
        remembered_since = self._remembered.since
        async with reachable(self._pool) as connection:
            requests = [request for entry in entries for request in entry.requests]
            await complete(connection, requests, self._ids)
            loaded, plan = await self._decide(connection, entries, requests)
            recorded: list[RecordedEvent] = []
            append_seconds = 0.0
            if plan.events:
                batch = Batch(
                    at=loaded.at,
                    streams_read=plan.streams_read,
                    events=plan.events,
                    rows={
                        **self._project(loaded.states, plan.changed),
                        "passing_allocations": plan.passing,
                        "lost_nodes": plan.lost_nodes,
                    },
                    scripts=plan.scripts,
                    environments=plan.environments,
                    channels=plan.channels,
                )
                crash_point("handler.decided")
                began = time.perf_counter()
                with span("log.append", commands=len(requests), events=len(plan.events)):
                    recorded = await append(connection, batch)
                append_seconds = time.perf_counter() - began
                crash_point("handler.committed")
        new_jobs = entries[0].goes_beside  # which are rarely asked for here again
        if self._remembered.since == remembered_since and not new_jobs:
            self._remembered.keep(plan.states, plan.traces)
        for entry, verdicts in zip(entries, plan.verdicts, strict=True):
            _answer(entry, [_outcome(verdict, recorded, loaded.position) for verdict in verdicts])
        commands = (request.command for request in requests)
        verdicts = [verdict for entry in plan.verdicts for verdict in entry]
        tell_batch(commands, verdicts, recorded, plan.states, append_seconds=append_seconds)


def _outcome(verdict: Verdict, recorded: list[RecordedEvent], seen: Position) -> Outcome:
    match verdict:
        case Rejection():
            return verdict
        case slice():
            events = tuple(recorded[verdict])
        case _:
            events = verdict
    return Accepted(events=events, position=events[-1].position if events else seen)


def _answer(entry: Entry, outcomes: list[Outcome]) -> None:
    if not entry.answer.done():  # the waiter may have gone away
        entry.answer.set_result(outcomes)


def _fail(entries: list[Entry], error: Exception) -> None:
    for entry in entries:
        if not entry.answer.done():
            entry.answer.set_exception(error)


def _taken(violation: CpusTaken) -> Rejection:
    return Rejection(
        code=RejectionCode.CPUS_TAKEN,
        message="Another live allocation holds one of these CPUs or generic resources. Choose others. "
        f"PostgreSQL says: {violation}",
    )


def _digest(command: Command) -> str:
    """Of what was asked. Without the environment: a digest of a short secret could be guessed from the log."""
    if isinstance(command, ImportJob):
        asked: Command = replace(command, submission=replace(command.submission, environment={}))
    else:
        asked = replace(command, environment={}) if isinstance(command, Submit) else command
    return hashlib.sha256(encode(asked)).hexdigest()[:32]


@asynccontextmanager
async def running_handler(pool: Pool, project: Projector) -> AsyncIterator[Handler]:
    """A handler whose batches run for as long as the block does."""
    handler = Handler(pool, project)
    task = asyncio.create_task(handler.run(), name="handler")
    try:
        yield handler
    finally:
        await end_tasks([task])

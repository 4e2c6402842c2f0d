"""One incarnation's work with one supervisor: take reservations, gate, allocate, watch, release, renew the lease.

The simple equivalent, for one reservation:

    supervisor.gate(script)                 a process stands ready and has run nothing
    handler.handle(Allocate(its identity))  now the log knows it
    supervisor.open() or .discard()         the script starts, or never runs
    ... supervisor says: exited ...
    handler.handle(Release(its outcome))
    supervisor.forget()

Every step is a message that may be repeated, and what to do next is read from the supervisor and the log, not
from this process: kill it anywhere, and the next session carries on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, assert_never

import structlog

from conductor.accounts import UnknownAccount
from conductor.core.commands import Allocate, Command, ReportCleanup
from conductor.core.errors import Rejection, RejectionCode
from conductor.core.events import ProcessIdentity, Provenance
from conductor.core.identifiers import AllocationId, Incarnation, JobId, NodeName
from conductor.crash_points import crash_point
from conductor.database import DatabaseUnavailable, Pool, WakeUp, jittered, load_queries
from conductor.handler import Accepted, Handler, Outcome
from conductor.job_end import ended, ended_unseen, never_started, told_of_end
from conductor.live_allocation import LiveAllocation, live_allocations, live_by_the_log, still_allocated
from conductor.log import reachable
from conductor.log_memory import MemoryFile
from conductor.machine import Machine
from conductor.node_lease import NodeLease
from conductor.observing import Observer
from conductor.output_keeping import NODE_FOLDERS, keep_for_days
from conductor.output_server import serve_outputs
from conductor.patiently import patiently
from conductor.running import end_tasks, first_of
from conductor.settings import Settings
from conductor.starting import gate_request
from conductor.strays import Surroundings, spool_name, supervisor_here
from conductor.supervisor_client import (
    Cleanup,
    Discarded,
    Exited,
    Gated,
    LaunchFailed,
    NotHeld,
    Opened,
    SupervisorClient,
)
from conductor.supervisor_client import Event as SupervisorEvent
from conductor.telemetry.process import gauge

SQL = load_queries("conductor", "node_session.sql")

RECONCILE_SECONDS = 30.0
_STOP_SECONDS = 4.0  # what is on its way to the log at SIGTERM gets this long

logger = structlog.get_logger("executor")


@dataclass(frozen=True, slots=True, kw_only=True)
class WakeUps:
    """What the node's channels set."""

    reserved: WakeUp = field(default_factory=WakeUp)
    cancelled: WakeUp = field(default_factory=WakeUp)
    asked: WakeUp = field(default_factory=WakeUp)  # for output

    def by_name(self) -> dict[str, WakeUp]:
        return {"reservations": self.reserved, "cancels": self.cancelled, "outputs": self.asked}


@dataclass(slots=True, kw_only=True)
class Session:
    """One incarnation's work with one supervisor."""

    settings: Settings
    pool: Pool
    handler: Handler
    supervisor: SupervisorClient
    machine: Machine
    incarnation: Incarnation
    wake_ups: WakeUps
    lease: NodeLease = field(init=False)
    observer: Observer = field(init=False)
    _held: dict[AllocationId, JobId] = field(
        default_factory=dict
    )  # given to the supervisor, not yet forgotten
    _attempts: dict[AllocationId, int] = field(default_factory=dict)  # of what is held
    _leaders: dict[AllocationId, int] = field(default_factory=dict)  # PIDs, of what is held
    _stopped: set[AllocationId] = field(default_factory=set)
    _before_reboot: set[AllocationId] = field(default_factory=set)  # started before this machine's last boot
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        gauge("conductor_executor_held").read(lambda: len(self._held))
        self.lease = NodeLease(
            settings=self.settings,
            pool=self.pool,
            supervisor=self.supervisor,
            incarnation=self.incarnation,
            held=self._held.keys,
        )
        self.observer = Observer(
            pool=self.pool,
            node_name=self.node_name,
            incarnation=self.incarnation,
            memory_file=MemoryFile(self.settings.spool),
            held=self._held.keys,
            around=self._around,
        )

    @property
    def node_name(self) -> NodeName:
        return NodeName(self.settings.node_name)

    async def run(self, stopping: asyncio.Event) -> None:
        """Until it is told to stop, or something of the session is lost: then it raises what that was."""
        told = asyncio.create_task(_told(stopping))
        tasks = [told, asyncio.create_task(self._begin())]
        try:
            await first_of(tasks, return_when=asyncio.FIRST_COMPLETED)
            tasks = [told, *(asyncio.create_task(work) for work in self._works())]
            await first_of(tasks, return_when=asyncio.FIRST_EXCEPTION)
        except _Told:
            await self.lease.give_up()
        finally:
            await end_tasks(tasks)
            await self._finish_reports()

    async def _begin(self) -> None:
        await self.lease.renew()
        self._take_over()

    def _works(self) -> list[Coroutine[Any, Any, None]]:
        return [
            self.lease.keep(),
            self._keep_looking(self.wake_ups.reserved, self._take_reservations),
            self._keep_looking(self.wake_ups.cancelled, self._carry_out_cancels),
            self._follow_supervisor(),
            self._reconcile(),
            self.observer.run(),
            serve_outputs(self.pool, self.settings, self.wake_ups.asked),
            self._keep_spool(),
        ]

    async def _keep_spool(self) -> None:
        spool, keep_days = self.settings.spool, self.settings.output_keep_days
        await keep_for_days(self.pool, spool, NODE_FOLDERS, keep_days, held=self._held.values)

    def _take_over(self) -> None:
        """What an earlier executor left behind: gated children ask the log again, exits are told again."""
        for attempt in self.supervisor.held:
            self._held[AllocationId(attempt.allocation_id)] = JobId(attempt.job_id)
            self._attempts[AllocationId(attempt.allocation_id)] = attempt.attempt
            if attempt.process is not None and attempt.process.boot_id != self.machine.boot_id:
                self._before_reboot.add(AllocationId(attempt.allocation_id))
            elif attempt.process is not None:
                self._leaders[AllocationId(attempt.allocation_id)] = attempt.process.pid
            if attempt.stage == "gated" and attempt.process is not None:
                self._react(Gated(allocation_id=attempt.allocation_id, process=attempt.process))

    async def _keep_looking(self, wake_up: WakeUp, look: Callable[[], Awaitable[None]]) -> None:
        """At every wake-up, and at least once a poll interval."""
        while True:
            try:
                await look()
            except DatabaseUnavailable as error:
                logger.warning("executor.database_away", error=str(error))
            await wake_up.wait(self.settings.poll_seconds)

    async def _take_reservations(self) -> None:
        wanted = {"node_name": self.node_name, "held": list(self._held)}
        async with reachable(self.pool) as connection:
            reserved = await (await connection.execute(SQL["reservations"], wanted)).fetchall()
        for row in reserved:
            crash_point("executor.reservations_read")
            try:
                request = gate_request(row, self.settings, self.machine)
            except UnknownAccount as error:
                self._start(self._refuse_to_start(AllocationId(row[0]), JobId(row[1]), str(error)))
                continue
            self._held[AllocationId(request.allocation_id)] = JobId(request.job_id)
            self._attempts[AllocationId(request.allocation_id)] = request.attempt
            self.supervisor.gate(request)

    async def _refuse_to_start(self, allocation_id: AllocationId, job_id: JobId, why: str) -> None:
        self._held[allocation_id] = job_id
        await self._commit(
            never_started(
                allocation_id, why, incarnation=self.incarnation, node_name=self.node_name, job_id=job_id
            )
        )
        self._forget(allocation_id)

    async def _carry_out_cancels(self) -> None:
        async with reachable(self.pool) as connection:
            cursor = await connection.execute(SQL["cancels"], {"node_name": self.node_name})
            asked = {AllocationId(number): wish for number, wish in await cursor.fetchall()}
        for allocation_id in sorted(asked.keys() - self._stopped):
            crash_point("executor.cancels_read")
            self._stopped.add(allocation_id)
            self.supervisor.stop(allocation_id)
            told = {**self._of(allocation_id), **asked[allocation_id]}
            logger.info("job.signalled", **told, signal="SIGTERM", why="cancelled")

    async def _follow_supervisor(self) -> None:
        while True:
            for event in await self.supervisor.next_events():
                self._react(event)

    def _react(self, event: SupervisorEvent) -> None:
        match event:
            case Gated():
                crash_point("executor.gated")
                self._start(self._allocate(event))
            case LaunchFailed() | Exited():
                crash_point("executor.exit_heard")
                self._start(self._release(event))
            case Discarded():
                self._forget(AllocationId(event.allocation_id))
            case NotHeld():
                self._forget(AllocationId(event.allocation_id))
                self._start(patiently(self._compare_with_log))
            case Opened():
                crash_point("executor.opened")
            case Cleanup():
                self._start(self._report_cleanup(event))
            case _:
                assert_never(event)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _allocate(self, gated: Gated) -> None:
        """Ask the log whether the gated process may run, and tell the supervisor."""
        allocation_id = AllocationId(gated.allocation_id)
        self._leaders[allocation_id] = gated.process.pid
        process = ProcessIdentity(
            pid=gated.process.pid,
            boot_id=gated.process.boot_id,
            start_ticks=gated.process.start_ticks,
            pid_namespace=str(gated.process.pid_namespace),
        )
        outcome = await self._commit(
            Allocate(
                allocation_id=allocation_id,
                incarnation=self.incarnation,
                process=process,
                job_id=self._held.get(allocation_id),
                node_name=self.node_name,
            )
        )
        if isinstance(outcome, Accepted):
            crash_point("executor.allocated")
            self.supervisor.open(allocation_id)
            return
        logger.info("job.not_started", **self._of(allocation_id), code=outcome.code, why=outcome.message)
        if outcome.code is RejectionCode.STALE_INCARNATION:
            return  # whoever took over decides about the gated process
        self.supervisor.discard(allocation_id)

    async def _report_cleanup(self, stuck: Cleanup) -> None:
        """Something of the job cannot be killed: its CPUs stay held, and everybody may see why."""
        allocation_id = AllocationId(stuck.allocation_id)
        await self._commit(
            ReportCleanup(
                allocation_id=allocation_id,
                incarnation=self.incarnation,
                pids=stuck.pids,
                detail=stuck.detail,
                job_id=self._held.get(allocation_id),
                node_name=self.node_name,
            )
        )

    async def _release(self, end: LaunchFailed | Exited) -> None:
        allocation_id = AllocationId(end.allocation_id)
        command = ended(
            end,
            incarnation=self.incarnation,
            node_name=self.node_name,
            job_id=self._held.get(allocation_id),
            before_reboot=allocation_id in self._before_reboot,
        )
        outcome = await self._commit(command)
        told = self._of(allocation_id)
        if isinstance(outcome, Rejection):
            logger.warning("job.late_report", **told, code=outcome.code, why=outcome.message)
            if outcome.code is RejectionCode.STALE_INCARNATION:
                return
        else:
            logger.info("process.gone", **told, **told_of_end(command, outcome))
        crash_point("executor.released")
        self.supervisor.forget(allocation_id)
        self._forget(allocation_id)

    def _forget(self, allocation_id: AllocationId) -> None:
        self._held.pop(allocation_id, None)
        self._attempts.pop(allocation_id, None)
        self._leaders.pop(allocation_id, None)
        self._stopped.discard(allocation_id)
        self._before_reboot.discard(allocation_id)

    async def _reconcile(self) -> None:
        """Level-triggered: again and again, what the supervisor holds is compared with what the log says."""
        while True:
            await patiently(self._compare_with_log)
            await asyncio.sleep(jittered(RECONCILE_SECONDS))

    async def _compare_with_log(self) -> None:
        held_before = set(self._held)
        live = await self._live_here()
        for allocation_id in await self._closed(held_before & self._held.keys() - live.keys()):
            # Closed while we were away: whatever still runs in it must not; its end becomes a late report.
            logger.warning("job.not_ours", **self._of(allocation_id))
            self.supervisor.stop(allocation_id)
        # What was not held before the log says that it is allocated is not ours.
        suspects = sorted(live.keys() - held_before - self._held.keys())
        self.observer.compared(await self._unaccounted(suspects))

    async def _unaccounted(self, suspects: Sequence[AllocationId]) -> list[AllocationId]:
        """Of those that were not held: whose process is not here, and whose end could not be recorded."""
        # Read again, for some may have been taken and ended while the first answer came; but once for all of them.
        live = await self._live_here() if suspects else {}
        return [number for number in suspects if not await self._account_for(number, live.get(number))]

    async def _closed(self, missed: Collection[AllocationId]) -> set[AllocationId]:
        """Of those that the tables do not have as live: a wrong row must not end a job, so the log is asked."""
        live = await live_by_the_log(self.pool, {number: self._held[number] for number in missed})
        for allocation_id in live:
            logger.error("allocation.row_wrong", **self._of(allocation_id))
        return set(missed) - live

    async def _live_here(self) -> dict[AllocationId, LiveAllocation]:
        return await live_allocations(self.pool, self.node_name)

    async def _account_for(self, allocation_id: AllocationId, allocation: LiveAllocation | None) -> bool:
        """One that was not held: its end is recorded. False when its process is not here and we cannot mend that."""
        if allocation is None or allocation.status != "allocated" or allocation_id in self._held:
            return True
        # Once more for it alone: it may have ended while the end of another was recorded.
        if not await still_allocated(self.pool, allocation_id) or allocation_id in self._held:
            return True
        if allocation.spool_id != self.machine.spool_id:
            # Another machine's, or another folder's: its supervisor may still run it. A person knows.
            told = self._of(allocation_id)
            logger.warning("allocation.of_another_spool", **told, spool=allocation.spool_id)
            return allocation.runs_here(self.machine.boot_id)
        logger.warning("allocation.missing", **self._of(allocation_id))
        end = ended_unseen(
            allocation_id,
            incarnation=self.incarnation,
            node_name=self.node_name,
            rebooted=allocation.boot_id != self.machine.boot_id,
        )
        return not isinstance(await self._commit(end), Rejection)

    def _of(self, allocation_id: AllocationId) -> dict[str, int | None]:
        """Whom a log line is about."""
        job_id, attempt = self._held.get(allocation_id), self._attempts.get(allocation_id)
        return {"job": job_id, "attempt": attempt, "allocation": allocation_id}

    def _around(self) -> Surroundings:
        supervisor_pid = supervisor_here(self.supervisor.supervisor_pid, self.supervisor.pid_namespace)
        return Surroundings(
            spool_name=spool_name(self.settings.spool),
            supervisor_pid=supervisor_pid,
            leaders=frozenset(self._leaders.values()),
        )

    async def _commit(self, command: Command) -> Outcome:
        """For as long as it takes: the process waits at its gate, the exit in the journal."""
        host, incarnation = self.node_name, self.incarnation
        provenance = Provenance(
            actor=f"executor@{host}", channel=f"executor@{host} incarnation {incarnation}"
        )
        return await patiently(lambda: self.handler.handle(command, provenance))

    async def _finish_reports(self) -> None:
        """What is on its way to the log may arrive; the rest the next session does again."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_STOP_SECONDS)
        await end_tasks(list(self._tasks))


class _Told(Exception):
    """The executor is to stop."""


async def _told(stopping: asyncio.Event) -> None:
    await stopping.wait()
    raise _Told

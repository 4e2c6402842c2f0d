"""The scheduler: lead, follow the log into `Cluster`, place, hand the placements to the handler.

One scheduler leads, others stand by. Leading is a lease in the database (for who), and a term in the log (for
safety): every `Reserve` names its term and the handler names the version of the stream `scheduler` at the
door, so what an old leader still believes is refused there. Two leaders on purpose are harmless.

A cycle is: read what is new, fold it, take back expired reservations, plan, reserve. It runs at every
notification and at least once a poll interval, so a lost notification costs latency, never correctness.
"""

import asyncio
import contextlib
import gc
import os
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import structlog

from conductor.core.commands import (
    ChangePolicy,
    Command,
    DeclareNodeLost,
    ElectLeader,
    Expire,
    ReleaseLost,
    Reserve,
)
from conductor.core.errors import Rejection
from conductor.core.events import LeaderElected, Provenance
from conductor.core.identifiers import NodeName, Term
from conductor.core.placement import Placement, Plan, plan
from conductor.crash_points import arm, crash_point
from conductor.database import DatabaseUnavailable, Pool, WakeUp, listen, load_queries, open_pool
from conductor.handler import Accepted, Handler, running_handler
from conductor.leader_lease import RENEWAL_SECONDS, LeaderLease
from conductor.log import SCHEDULER_CHANNEL, reachable
from conductor.resolving import StartsWatched, learn
from conductor.running import end_tasks, stop_on_signals
from conductor.scheduler_memory import HistoryForked, Memory, follow, load
from conductor.settings import Settings
from conductor.telemetry.log_lines import log_to
from conductor.telemetry.process import counter, gauge, histogram, watch_wake_up, who_is
from conductor.telemetry.publishing import publishing
from conductor.telemetry.tracing import end_tracing, span, trace_to
from projections.rows import changed_rows

SQL = load_queries("conductor", "scheduler.sql")

_OVERDUE_SECONDS = 5.0
_MOST_PLACEMENTS = 1000  # in one cycle, so that a long queue on an empty cluster starts running early
_MANY_QUEUES = 1000  # a pass over more takes long enough to be worth a thread
_MOST_RESOLVED = 1000  # dependencies in one cycle

logger = structlog.get_logger("scheduler")

_LEADS = gauge("conductor_scheduler_leads")
_WAITING = gauge("conductor_scheduler_waiting_jobs")
_FOLLOWED = gauge("conductor_follower_position")
_PASS = histogram("conductor_scheduler_pass_seconds")
_PLACED = counter("conductor_scheduler_placements_total")


@dataclass(slots=True, kw_only=True)
class Scheduler:
    """One candidate for leading. `run` ends when `stopping` is set."""

    pool: Pool
    handler: Handler
    settings: Settings
    wake_up: WakeUp = field(default_factory=WakeUp)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    holder: str = field(default_factory=lambda: str(uuid.uuid4()))
    term: Term | None = None
    starts: StartsWatched | None = None  # None: looks at every poll only
    _memory: Memory | None = None  # as it was followed while standing by
    _followed_at: float = 0.0  # monotonic
    _lease: LeaderLease | None = None  # while it runs

    @property
    def _leads(self) -> bool:
        return self._lease is not None and self._lease.held

    async def run(self) -> None:
        """Stand by, lead, stand by again, until told to stop."""
        self._lease = LeaderLease(str(self.pool.conninfo), self.holder, self.wake_up.set)
        self._lease.begin()
        try:
            while not self.stopping.is_set():
                if self._leads:
                    await self._lead_guarded()
                else:
                    await self._stand_by()
        finally:
            await self._lease.end()

    async def _stand_by(self) -> None:
        """Follow along now and then, so that leading begins where the log ends and not with reading all of it."""
        await self.wake_up.wait(RENEWAL_SECONDS)
        if self._leads or self.stopping.is_set() or time.monotonic() - self._followed_at < RENEWAL_SECONDS:
            return
        try:
            self._memory = self._memory or await load(self.pool)
            await follow(self.pool, self._memory)
            if self._memory.outdated:
                self._memory = None
            else:
                self._memory.cluster.make_ready()
        except (DatabaseUnavailable, HistoryForked):
            self._memory = None
        self._followed_at = time.monotonic()

    async def _lead_guarded(self) -> None:
        try:
            await self._lead()
        except DatabaseUnavailable as error:
            logger.warning("scheduler.database_away", error=str(error))
            await asyncio.sleep(RENEWAL_SECONDS)
        except HistoryForked as error:
            logger.error("scheduler.history_forked", error=str(error))
        finally:
            self.term = None
            _LEADS.set(0)

    async def _lead(self) -> None:
        """One term."""
        elected = await self.handler.handle(
            ElectLeader(holder=f"{self.holder}:{time.monotonic_ns()}", host=self.settings.node_name),
            replace(self._provenance(), correlation=str(uuid.uuid4())),
        )
        if isinstance(elected, Rejection) or not elected.events:
            return  # recorded by a first try whose answer was lost: begin a term of our own
        event = elected.events[0].event
        assert isinstance(event, LeaderElected)
        self.term = event.term
        crash_point("scheduler.elected")
        await self._record_setting()
        memory, self._memory = self._memory or await load(self.pool), None
        _LEADS.set(1)
        logger.info("scheduler.leads", term=self.term, waiting=memory.cluster.waiting)
        self._compare_setting(memory)
        while self._leads and not self.stopping.is_set():
            await follow(self.pool, memory)
            _FOLLOWED.set(memory.cluster.position, "scheduler")
            _WAITING.set(memory.cluster.waiting)
            if memory.outdated:
                memory = await load(self.pool)
            elif not await self._cycle(memory):
                await self.wake_up.wait(self.settings.poll_seconds)
        if not memory.outdated:
            # It may have been stopped for long: nobody is lost by that. If it still lies on the log, the next term of
            # our own need not read all of it.
            memory.in_touch_since = time.monotonic()
            self._memory = memory
        logger.info("scheduler.stands_by", term=self.term)

    async def _record_setting(self) -> None:
        """CONDUCTOR_POLICY is how it begins: in the log, so that it is part of the history."""
        if self.settings.policy is not None:
            command = ChangePolicy(
                changes={"order": self.settings.policy}, reason="CONDUCTOR_POLICY", unless_set=True
            )
            await self.handler.handle(command, replace(self._provenance(), correlation=str(uuid.uuid4())))

    def _compare_setting(self, memory: Memory) -> None:
        order = memory.cluster.policy.policy.order
        if self.settings.policy not in (None, order):
            logger.info(
                "scheduler.policy_was_changed",
                order=order,
                setting=self.settings.policy,
                what="CONDUCTOR_POLICY only says how a system begins; `conductor policy order=...` changes it",
            )

    async def _cycle(self, memory: Memory) -> bool:
        """Expire, plan, reserve, resolve. True when there is more to do at once."""
        if memory.cluster.leadership.term != self.term:
            if self._lease is not None:
                self._lease.let_go()  # somebody was elected since; the door refuses us anyway
            return False
        assert memory.now is not None
        memory.cluster.admit(memory.now)
        expired = memory.cluster.expired(memory.now)
        began = time.perf_counter()
        placements = (await _planned(memory)).placements
        _PASS.observe(time.perf_counter() - began)
        _PLACED.add(by=len(placements))
        if placements:
            crash_point("scheduler.planned")
        commands: list[Command] = [
            Expire(job_id=job_id, allocation_id=allocation.allocation_id) for job_id, allocation in expired
        ]
        commands += [self._reserve(placement) for placement in placements]
        commands += await self._lost(memory)
        if placements:
            with span("scheduler.pass", placed=len(placements), waiting=memory.cluster.waiting):
                await self._hand_over(commands)
        else:
            await self._hand_over(commands)
        if placements:
            crash_point("scheduler.reserved")
        resolved = await self._resolve(memory)
        return resolved or len(placements) == _MOST_PLACEMENTS

    async def _resolve(self, memory: Memory) -> bool:
        """Settle the dependencies that came true or never can. True when some were: more may follow from them."""
        waiting_on = memory.cluster.waiting_on
        await learn(self.pool, waiting_on)
        if self.starts is not None:
            await self.starts.watch(waiting_on.starts_matter)
        due = waiting_on.due(_MOST_RESOLVED, self.term)
        if due:
            crash_point("scheduler.resolving")
        return await self._hand_over(due)

    async def _lost(self, memory: Memory) -> list[Command]:
        """Nodes to declare lost, and what cannot run any more on those that are.

        Whoever was away from the database himself cannot say who else was: nothing is declared until a whole lease
        after our own return.
        """
        commands: list[Command] = [
            ReleaseLost(
                job_id=job.job_id, allocation_id=allocation.allocation_id, node_name=allocation.node_name
            )
            for job, allocation in memory.cluster.lost_allocations()
        ]
        lease_seconds = self.settings.lease_seconds
        if time.monotonic() - memory.in_touch_since < lease_seconds:
            return commands
        if time.monotonic() - memory.overdue_at < min(_OVERDUE_SECONDS, lease_seconds / 2):
            return commands
        memory.overdue_at = time.monotonic()
        margin_seconds = max(self.settings.kill_grace_seconds, lease_seconds / 2)
        wanted = {"lease_seconds": lease_seconds, "margin_seconds": margin_seconds}
        async with reachable(self.pool) as connection:
            cursor = await connection.execute(SQL["overdue"], wanted)
            overdue = [NodeName(name) for (name,) in await cursor.fetchall()]
        reason = f"not heard from for {lease_seconds + margin_seconds:g} s"
        return commands + [DeclareNodeLost(node_name=name, reason=reason) for name in overdue]

    def _reserve(self, placement: Placement) -> Reserve:
        return Reserve(
            job_id=placement.job_id,
            node_name=placement.node_name,
            cpu_ids=placement.cpu_ids,
            gres=placement.gres,
            expires_in_seconds=self.settings.reservation_seconds,
            term=self.term,
        )

    async def _hand_over(self, commands: Sequence[Command]) -> bool:
        """True when anything came of it."""
        outcomes = await self.handler.handle_all(commands, self._provenance(), atomic=False)
        for command, outcome in zip(commands, outcomes, strict=True):
            if isinstance(outcome, Rejection):
                logger.info(
                    "job.not_scheduled",
                    command=type(command).__name__,
                    job=getattr(command, "job_id", None),
                    code=outcome.code,
                    why=outcome.message,
                )
        return any(isinstance(outcome, Accepted) and outcome.events for outcome in outcomes)

    def _provenance(self) -> Provenance:
        term = f" term {self.term}" if self.term else ""
        host = self.settings.node_name
        return Provenance(actor=f"scheduler@{host}", channel=f"scheduler@{host}{term}")


async def _planned(memory: Memory) -> Plan:
    """By another thread when it may take long; nobody touches the memory meanwhile."""
    assert memory.now is not None
    if len(memory.cluster.queues) < _MANY_QUEUES:
        return plan(memory.cluster, memory.now, memory.heard_from, most=_MOST_PLACEMENTS)
    return await asyncio.to_thread(plan, memory.cluster, memory.now, memory.heard_from, most=_MOST_PLACEMENTS)


async def schedule(settings: Settings, database_url: str) -> None:
    """Run one scheduler until SIGTERM or SIGINT."""
    async with (
        open_pool(database_url, size=4) as pool,
        running_handler(pool, changed_rows) as handler,
        publishing(pool, who_is("scheduler", settings.node_name)),
        contextlib.AsyncExitStack() as stack,
    ):
        scheduler = Scheduler(pool=pool, handler=handler, settings=settings)
        stop_on_signals(scheduler.stopping, scheduler.wake_up.set)
        watch_wake_up("scheduler", scheduler.wake_up)
        if not settings.poll_only:
            listening = asyncio.create_task(
                listen(database_url, [SCHEDULER_CHANNEL], lambda _: scheduler.wake_up.set())
            )
            stack.push_async_callback(end_tasks, [listening])
            scheduler.starts = StartsWatched(database_url, scheduler.wake_up.set)
            stack.push_async_callback(scheduler.starts.end)
        await scheduler.run()


def main(settings: Settings, database_url: str) -> int:
    """`conductor scheduler`."""
    arm(settings.crash_at)
    log_to(settings, "scheduler", database_url)
    trace_to(settings.otlp_endpoint, "scheduler", settings.node_name)
    logger.info("scheduler.started", pid=os.getpid())
    # What is remembered of jobs is no garbage. Looking for some every few hundred objects took a quarter of the time of
    # following a thousand submissions, and 60 ms at a stretch.
    gc.set_threshold(50_000, 20, 20)
    try:
        asyncio.run(schedule(settings, database_url))
    finally:
        end_tracing()
    return 0

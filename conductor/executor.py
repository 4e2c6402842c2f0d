"""A node's executor: register, work for as long as the session lasts, register anew.

A session (`node_session`) begins with a registration, which is a new incarnation, and ends when the supervisor,
the lease or our place on this node is lost; then another begins. Told to stop, it gives up the lease, so that no
new work comes here, and leaves the jobs to their supervisor and the next executor.
"""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from conductor.core.commands import RegisterNode
from conductor.core.errors import ConductorError, Rejection
from conductor.core.events import NodeRegistered, Provenance
from conductor.core.identifiers import Incarnation, NodeName
from conductor.crash_points import arm, crash_point
from conductor.database import jittered, listen, open_pool
from conductor.handler import Handler, running_handler
from conductor.log import cancel_channel, node_channel
from conductor.machine import Machine, read_machine
from conductor.node_lease import LeaseLost, Superseded
from conductor.node_session import Session, WakeUps
from conductor.output_file import output_channel
from conductor.patiently import patiently
from conductor.running import end_tasks, stop_on_signals
from conductor.settings import Settings
from conductor.supervisor_client import SupersededExecutor, SupervisorGone, ensure_supervisor
from conductor.telemetry.log_lines import concerning, log_to
from conductor.telemetry.process import watch_wake_up, who_is
from conductor.telemetry.publishing import publishing
from conductor.telemetry.tracing import end_tracing, trace_to
from projections.rows import changed_rows

logger = structlog.get_logger("executor")


async def register(handler: Handler, settings: Settings, machine: Machine) -> Incarnation:
    """Begin a new incarnation of this node."""
    command = RegisterNode(
        node_name=NodeName(settings.node_name),
        spool_id=machine.spool_id,
        boot_id=machine.boot_id,
        total_cpus=settings.total_cpus,
        cpu_ids=machine.cpu_ids,
        memory_mb=machine.memory_mb,
        labels=machine.labels,
        gres=machine.gres,
        numa=machine.numa,
    )
    host = settings.node_name
    provenance = Provenance(
        actor=f"executor@{host}", channel=f"executor@{host}", correlation=str(uuid.uuid4())
    )
    outcome = await patiently(lambda: handler.handle(command, provenance))
    if isinstance(outcome, Rejection):
        raise ConductorError(f"Node {host} cannot register: {outcome.message}")
    event = outcome.events[0].event
    assert isinstance(event, NodeRegistered)
    return event.incarnation


async def execute(settings: Settings, database_url: str) -> int:
    """Run this node's executor until SIGTERM, SIGINT, or until another takes its place."""
    stopping, wake_ups = asyncio.Event(), WakeUps()
    stop_on_signals(stopping)
    for loop, wake_up in wake_ups.by_name().items():
        watch_wake_up(loop, wake_up)
    machine = read_machine(settings)
    async with (
        open_pool(database_url, size=settings.database_pool_size) as pool,
        running_handler(pool, changed_rows) as handler,
        publishing(pool, who_is("executor", settings.node_name)),
        _listening(settings, database_url, wake_ups),
    ):
        while not stopping.is_set():
            incarnation = await register(handler, settings, machine)
            crash_point("executor.registered")
            try:
                supervisor = await ensure_supervisor(settings.spool, incarnation)
            except SupersededExecutor:
                continue  # a newer incarnation of this node is here; the next registration is newer still
            crash_point("executor.connected")
            session = Session(
                settings=settings,
                pool=pool,
                handler=handler,
                supervisor=supervisor,
                machine=machine,
                incarnation=incarnation,
                wake_ups=wake_ups,
            )
            try:
                await session.run(stopping)
            except (Superseded, SupersededExecutor) as error:
                logger.error("executor.superseded", error=str(error))
                return 1
            except (LeaseLost, SupervisorGone) as error:
                logger.warning("executor.session_lost", error=str(error))
                await asyncio.sleep(jittered(0.2))
            finally:
                await supervisor.close()
    return 0


@asynccontextmanager
async def _listening(settings: Settings, database_url: str, wake_ups: WakeUps) -> AsyncIterator[None]:
    if settings.poll_only:
        yield
        return
    channels = {
        node_channel(settings.node_name): wake_ups.reserved,
        cancel_channel(settings.node_name): wake_ups.cancelled,
        output_channel(settings.node_name): wake_ups.asked,
    }
    task = asyncio.create_task(listen(database_url, list(channels), lambda channel: channels[channel].set()))
    try:
        yield
    finally:
        await end_tasks([task])


def main(settings: Settings, database_url: str) -> int:
    """`conductor executor`."""
    arm(settings.crash_at)
    log_to(settings, "executor", database_url)
    trace_to(settings.otlp_endpoint, "executor", settings.node_name)
    concerning(node=settings.node_name)
    logger.info("executor.started", pid=os.getpid())
    try:
        return asyncio.run(execute(settings, database_url))
    finally:
        end_tracing()

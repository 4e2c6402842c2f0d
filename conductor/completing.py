"""A command on its way, and what it still lacks: ids from the sequences, the job of a bare allocation id, CPUs.

Ids are drawn once and stay with the request through every try.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from psycopg import AsyncConnection

from conductor.core.commands import (
    Allocate,
    Command,
    ImportJob,
    RegisterNode,
    Release,
    Repair,
    ReportCleanup,
    Reserve,
    Submit,
)
from conductor.core.errors import Rejection, RejectionCode
from conductor.core.events import Provenance
from conductor.core.identifiers import AllocationId, JobId, NodeName
from conductor.database import load_queries
from conductor.log import SQL as LOG_SQL

SQL = load_queries("conductor", "handler.sql")

_DRAWN_AHEAD = 64

OnAllocation = Allocate | ReportCleanup | Release | Repair


@dataclass(slots=True, kw_only=True)
class Request:
    """A command on its way. Ids that were drawn for it stay with it through every try."""

    command: Command
    provenance: Provenance
    expected_version: int | None = None
    digest: str | None = None
    tried: bool = False
    unfit: Rejection | None = None  # found while completing it, before anything was decided


class IdStock:
    """Numbers from the sequences. Allocation ids are drawn ahead, so that most batches need no round trip."""

    def __init__(self) -> None:
        self._allocation_ids: list[int] = []

    async def draw(self, connection: AsyncConnection[Any], query: str, count: int) -> list[int]:
        cursor = await connection.execute(LOG_SQL[query], {"count": count})
        return [number for (number,) in await cursor.fetchall()]

    async def allocation_ids(self, connection: AsyncConnection[Any], count: int) -> list[int]:
        if len(self._allocation_ids) < count:
            ahead = max(count, _DRAWN_AHEAD)
            self._allocation_ids += await self.draw(connection, "draw_allocation_ids", ahead)
        drawn, self._allocation_ids = self._allocation_ids[:count], self._allocation_ids[count:]
        return drawn


async def complete(connection: AsyncConnection[Any], requests: Sequence[Request], stock: IdStock) -> None:
    """Draw the ids that commands still lack, and find the job and node of bare allocation ids."""
    await _draw(connection, requests, stock)
    await _find_allocations(connection, requests)
    for request in requests:
        if isinstance(request.command, Reserve) and request.command.cpu_ids is None:
            await _choose_cpus(connection, request, request.command)


async def _draw(connection: AsyncConnection[Any], requests: Sequence[Request], stock: IdStock) -> None:
    submits = [(r, c) for r in requests if isinstance(c := r.command, Submit) and c.job_id is None]
    if submits:
        for (request, submit), number in zip(
            submits, await stock.draw(connection, "draw_job_ids", len(submits)), strict=True
        ):
            environment_id = str(uuid.uuid4()) if submit.environment else None
            request.command = replace(submit, job_id=JobId(number), environment_id=environment_id)
    reserves = [(r, c) for r in requests if isinstance(c := r.command, Reserve) and c.allocation_id is None]
    if reserves:
        for (request, reserve), number in zip(
            reserves, await stock.allocation_ids(connection, len(reserves)), strict=True
        ):
            request.command = replace(reserve, allocation_id=AllocationId(number))
    for request in requests:
        if isinstance(wish := request.command, ImportJob) and wish.submission.environment_id is None:
            random_id = str(uuid.uuid4()) if wish.submission.environment else None
            request.command = replace(wish, submission=replace(wish.submission, environment_id=random_id))
        if isinstance(request.command, RegisterNode) and request.command.cpu_block is None:
            [number] = await stock.draw(connection, "draw_cpu_blocks", 1)
            request.command = replace(request.command, cpu_block=number)


async def _find_allocations(connection: AsyncConnection[Any], requests: Sequence[Request]) -> None:
    bare: list[tuple[Request, OnAllocation]] = []
    for request in requests:
        command = request.command
        if isinstance(command, OnAllocation) and _lacks_its_job(command):
            bare.append((request, command))
    if not bare:
        return
    ids = [command.allocation_id for _, command in bare]
    cursor = await connection.execute(SQL["find_allocations"], {"ids": ids})
    found = {row[0]: (JobId(row[1]), NodeName(row[2])) for row in await cursor.fetchall()}
    for request, command in bare:
        if command.allocation_id in found:
            job_id, node_name = found[command.allocation_id]
            request.command = _placed(command, job_id, node_name)
            request.unfit = None
        else:
            request.unfit = Rejection(
                code=RejectionCode.NOT_FOUND, message=f"There is no allocation {command.allocation_id}."
            )


def _lacks_its_job(command: OnAllocation) -> bool:
    return command.job_id is None or (not isinstance(command, Repair) and command.node_name is None)


def _placed(command: OnAllocation, job_id: JobId, node_name: NodeName) -> Command:
    if isinstance(command, Repair):  # rests on its job alone
        return replace(command, job_id=job_id)
    return replace(command, job_id=job_id, node_name=node_name)


async def _choose_cpus(connection: AsyncConnection[Any], request: Request, command: Reserve) -> None:
    """The lowest free CPUs; whoever takes one of them first wins, and the constraint says so."""
    free = await connection.execute(SQL["free_cpus"], {"node_name": command.node_name})
    cpus = [cpu for (cpu,) in await free.fetchall()]
    needed = await (await connection.execute(SQL["required_cpus"], {"job_id": command.job_id})).fetchone()
    count = needed[0] if needed else 0
    if count <= len(cpus):
        request.command = replace(command, cpu_ids=tuple(cpus[:count]))
        request.unfit = None
        return
    request.unfit = Rejection(
        code=RejectionCode.CPUS_TAKEN,
        message=f"Job {command.job_id} needs {count} CPUs; node {command.node_name} has {len(cpus)} free.",
    )

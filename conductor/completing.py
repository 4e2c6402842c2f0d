"""A command on its way, and what it still lacks: ids from the sequences, the job of a bare allocation id, CPUs
and generic resources.

Ids are drawn once and stay with the request through every try. The tasks of an array are requests of their own, behind
the first, whose number is the array's; the environment is theirs together.
"""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from conductor.core.decider import streams_read
from conductor.core.dependencies import Reference
from conductor.core.dependencies import parsed as parsed_dependency
from conductor.core.errors import Rejection, RejectionCode
from conductor.core.events import Provenance
from conductor.core.identifiers import AllocationId, JobId, NodeName, StreamName
from conductor.core.rights import Rights
from conductor.core.said import Said
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
    head: "Request | None" = None  # of a task of an array: its first task, earlier in the same entry
    tried: bool = False
    rights: Rights | None = None  # of whoever asks, where not everything is allowed to him
    unfit: Rejection | None = None  # found while completing it, before anything was decided
    _read: tuple[Command, tuple[StreamName, ...]] | None = None

    @property
    def read(self) -> tuple[StreamName, ...]:
        """The streams that it rests on, the one it may write first; it has its ids by then."""
        if self.unfit is not None:
            return ()
        if self._read is None or self._read[0] is not self.command:
            self._read = self.command, streams_read(self.command)
        return self._read[1]


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
    """Draw the ids that commands still lack, and find the job and node of bare allocation ids.

    Submissions that rest on nothing get theirs later, in the round trip that reads the clock (`numbered_when_read`).
    """
    await _check_dependencies(connection, requests)
    await _draw(connection, requests, stock)
    await _find_allocations(connection, requests)
    promised = _Promised()
    for request in requests:
        by_hand = isinstance(request.command, Reserve) and request.command.term is None
        if isinstance(request.command, Reserve) and by_hand and (request.unfit or not request.tried):
            await _choose_resources(connection, request, request.command, promised)


async def _draw(connection: AsyncConnection[Any], requests: Sequence[Request], stock: IdStock) -> None:
    submits = [] if numbered_when_read(requests) else _numberless(requests)
    if submits:
        give_numbers(submits, await stock.draw(connection, "draw_job_ids", len(submits)))
    reserves = [(r, c) for r in requests if isinstance(c := r.command, Reserve) and c.allocation_id is None]
    if reserves:
        for (request, reserve), number in zip(
            reserves, await stock.allocation_ids(connection, len(reserves)), strict=True
        ):
            request.command = replace(reserve, allocation_id=AllocationId(number))
    for request in requests:
        if isinstance(wish := request.command, ImportJob) and wish.submission.environment_id is None:
            random_id = environment_id_of(wish.submission.environment)
            request.command = replace(wish, submission=replace(wish.submission, environment_id=random_id))
        if isinstance(request.command, RegisterNode) and request.command.cpu_block is None:
            [number] = await stock.draw(connection, "draw_cpu_blocks", 1)
            request.command = replace(request.command, cpu_block=number)


def numbered_when_read(requests: Sequence[Request]) -> list[tuple[Request, Submit]]:
    """Of submissions that rest on nothing but the time: those without a number. They get it in the same round trip."""
    if all(
        isinstance(c := r.command, Submit) and not (c.dependency or c.minds_the_policy or r.tried)
        for r in requests
    ):
        return _numberless(requests)
    return []


def _numberless(requests: Sequence[Request]) -> list[tuple[Request, Submit]]:
    return [(r, c) for r in requests if isinstance(c := r.command, Submit) and c.job_id is None]


def give_numbers(submits: Sequence[tuple[Request, Submit]], numbers: Sequence[int]) -> None:
    for (request, submit), number in zip(submits, numbers, strict=True):
        request.command = _numbered(submit, JobId(number), request.head)


def _numbered(submit: Submit, job_id: JobId, head: Request | None) -> Submit:
    first = head.command if head is not None else None
    if isinstance(first, Submit):
        array_job_id, environment_id = first.job_id, first.environment_id
    else:
        array_job_id = job_id if submit.array is not None else None
        environment_id = environment_id_of(submit.environment)
    return replace(submit, job_id=job_id, array_job_id=array_job_id, environment_id=environment_id)


def environment_id_of(environment: Mapping[str, str] | None) -> str | None:
    """A random one, so that values can be forgotten and not be guessed; an empty environment has none."""
    return str(uuid.uuid4()) if environment else None


async def _check_dependencies(connection: AsyncConnection[Any], requests: Sequence[Request]) -> None:
    """Every job that a submission is to wait for must exist; a job never vanishes, so once is enough."""
    waiting = [(r, c.dependency) for r in requests if isinstance(c := r.command, Submit) and c.dependency]
    unfit: dict[str, Rejection | None] = {}
    for request, text in waiting:
        if request.tried:
            continue
        if text not in unfit:
            unfit[text] = await _unfit_dependency(connection, text)
        request.unfit = unfit[text]


async def _unfit_dependency(connection: AsyncConnection[Any], text: str) -> Rejection | None:
    try:
        references = parsed_dependency(text).references
    except ValueError as error:
        return Rejection(code=RejectionCode.INVALID, message=f"{error}.", field="dependency")
    wanted = {
        "job_ids": [reference.job_id for reference in references],
        "task_ids": [reference.task_id for reference in references],
    }
    cursor = await connection.execute(SQL["missing_jobs"], wanted)
    missing = await cursor.fetchone()
    if missing is None:
        return None
    name = Reference(job_id=JobId(missing[0]), task_id=missing[1])
    return Rejection(
        code=RejectionCode.INVALID,
        message=Said("no_awaited_job", name=name),
        field="dependency",
    )


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What a job asks for, and what the node has. No CPUs: the node never registered, which `decide` says."""

    cpus: int
    exclusive: bool
    memory_mb: int | None
    gres: Mapping[str, int]
    node_cpus: int
    node_memory_mb: int | None
    node_gres: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Promised:
    """By hand in this batch, so in no row yet."""

    memory_mb: Counter[NodeName] = field(default_factory=Counter)
    gres: Counter[str] = field(default_factory=Counter)  # over the whole cluster


async def _choose_resources(
    connection: AsyncConnection[Any], request: Request, command: Reserve, promised: _Promised
) -> None:
    """For a reservation by hand: the lowest free CPUs and generic resources, where none are named.

    Whoever takes one of them first wins, and the constraint says so. Memory and licences have none: they are looked at
    here, and a scheduler that has not read this reservation yet may promise them again.
    """
    request.unfit = None
    wanted = await _wanted(connection, command)
    held = await connection.execute(SQL["held"], {"node_name": command.node_name})
    allocations = await held.fetchall()
    request.unfit = _not_alone(command, wanted, allocations)
    if request.unfit is not None:
        return
    held_mb = promised.memory_mb[command.node_name] + sum(memory_mb or 0 for memory_mb, *_ in allocations)
    if wanted.memory_mb and wanted.node_memory_mb is not None:
        free_mb = max(0, wanted.node_memory_mb - held_mb)
        if wanted.memory_mb > free_mb:
            request.unfit = _taken(command, f"{wanted.memory_mb} MB", f"{free_mb} MB")
            return
    request.unfit = await _lacking_licence(connection, command, wanted, promised)
    if request.unfit is not None:
        return
    gres = _chosen_gres(command, wanted, [(held, asked) for _, held, asked, *_ in allocations])
    if isinstance(gres, Rejection):
        request.unfit = gres
        return
    cpus = command.cpu_ids if command.cpu_ids is not None else await _free_cpus(connection, command)
    count = wanted.node_cpus if wanted.exclusive else wanted.cpus
    if command.cpu_ids is None and wanted.node_cpus and count > len(cpus):
        request.unfit = _taken(command, f"{count} CPUs", str(len(cpus)))
    chosen = cpus if command.cpu_ids is not None else cpus[:count]
    promised.memory_mb[command.node_name] += wanted.memory_mb or 0
    promised.gres.update(wanted.gres)
    request.command = replace(command, cpu_ids=chosen, gres=gres)


async def _lacking_licence(
    connection: AsyncConnection[Any], command: Reserve, wanted: _Wanted, promised: _Promised
) -> Rejection | None:
    if not wanted.gres:
        return None
    for name, there, held in await (
        await connection.execute(SQL["licences"], {"names": list(wanted.gres)})
    ).fetchall():
        free = max(0, there - held - promised.gres[name])
        if wanted.gres[name] > free:
            return Rejection(
                code=RejectionCode.CPUS_TAKEN,
                message=f"Job {command.job_id} needs {name}:{wanted.gres[name]}; of the policy's {there} licences "
                f"{free} are free.",
            )
    return None


async def _wanted(connection: AsyncConnection[Any], command: Reserve) -> _Wanted:
    values = {"job_id": command.job_id, "node_name": command.node_name}
    row = await (await connection.execute(SQL["wanted"], values)).fetchone()
    cpus, exclusive, memory_mb, gres, node_cpus, node_memory_mb, node_gres = row or (0, False, *[None] * 5)
    return _Wanted(
        cpus=cpus,
        exclusive=exclusive,
        memory_mb=memory_mb,
        gres=gres or {},
        node_cpus=node_cpus or 0,
        node_memory_mb=node_memory_mb,
        node_gres=node_gres or {},
    )


def _not_alone(command: Reserve, wanted: _Wanted, held: Sequence[tuple[Any, ...]]) -> Rejection | None:
    """A node that registered anew with other CPUs may have free ones beside a job that is to be alone there."""
    for *_, job_id, exclusive in held:
        if job_id == command.job_id or not (exclusive or wanted.exclusive):
            continue
        node_name = command.node_name
        message = f"Job {command.job_id} needs node {node_name} to itself; job {job_id} is there."
        if exclusive:
            message = f"Job {job_id} has node {node_name} to itself."
        return Rejection(code=RejectionCode.CPUS_TAKEN, message=message)
    return None


async def _free_cpus(connection: AsyncConnection[Any], command: Reserve) -> tuple[int, ...]:
    free = await connection.execute(SQL["free_cpus"], {"node_name": command.node_name})
    return tuple(cpu for (cpu,) in await free.fetchall())


def _chosen_gres(
    command: Reserve,
    wanted: _Wanted,
    held: Sequence[tuple[Mapping[str, Sequence[int]], Mapping[str, int]]],
) -> Mapping[str, tuple[int, ...]] | Rejection:
    """What the node does not have is a licence or a mistake; `decide` knows which. `held`: numbers by name, and how
    many of each were asked for: without numbers of what was a licence then.
    """
    taken = {name: {number for one, _ in held for number in one.get(name, ())} for name in wanted.node_gres}
    for name, numbers in command.gres.items():
        twice = sorted(taken.get(name, set()) & set(numbers))
        if twice:
            return _taken(command, f"{name} number {twice[0]}", "others only")
    if command.gres:
        return command.gres
    chosen: dict[str, tuple[int, ...]] = {}
    for name, count in wanted.gres.items():
        if name not in wanted.node_gres:
            continue
        free = [number for number in range(wanted.node_gres[name]) if number not in taken[name]]
        left = len(free) - sum(asked.get(name, 0) for one, asked in held if name not in one)
        if left < count <= wanted.node_gres[name]:
            return _taken(command, f"{name}:{count}", str(max(0, left)))
        chosen[name] = tuple(free[:count])
    return chosen


def _taken(command: Reserve, needed: str, free: str) -> Rejection:
    return Rejection(
        code=RejectionCode.CPUS_TAKEN,
        message=f"Job {command.job_id} needs {needed}; node {command.node_name} has {free} free.",
    )

"""One pass of the scheduler: 1,000 nodes of 64 CPUs, all full but one, and up to a million jobs of 20 sizes waiting.

With three time limits, and once with limits to the second, as people give them where a head is protected.

Promises: the plan is the product's own, asked for in a state that changed as it does in life: before each pass one node
came free, after it what was planned was reserved and runs. Nothing but the plan is timed.
Refuses to know: the database; a plan is a pure function.
"""

import gc
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Literal

from conductor.core.allocation import Allocation, AllocationStatus
from conductor.core.cluster import Cluster
from conductor.core.events import (
    Event,
    JobSubmitted,
    NodeRegistered,
    Policy,
    PolicyChanged,
    ProcessIdentity,
    Provenance,
    RecordedEvent,
    ReleaseReason,
    ResourcesAllocated,
    ResourcesReleased,
    ResourcesReserved,
)
from conductor.core.identifiers import (
    POLICY_STREAM,
    AllocationId,
    Incarnation,
    JobId,
    NodeName,
    Position,
    StreamName,
    Version,
    job_stream,
)
from conductor.core.job import Job, JobState
from conductor.core.node import Node
from conductor.core.node import evolve as evolved_node
from conductor.core.placement import Placement, plan
from scripts.benchmarks.figures import BenchError, Figure, Floor, Measurement, milliseconds
from scripts.benchmarks.floors import durations

NODES, CPUS = 1000, 64
SIZES = range(13, 33)  # CPUs of waiting jobs
RUNNING_SIZES = (1, 2, 4, 8, 16, 32)
WAITING = (1_000, 10_000, 100_000, 1_000_000)
WAITING_WITH_OWN_LIMITS = 100_000
LIMITS_SECONDS = (60, 2 * 24 * 3600)
ORDERS: tuple[Literal["first_fit", "strict_fifo", "backfill"], ...] = ("first_fit", "strict_fifo", "backfill")
MOST_PASSES = 200
FIRST_JOB_WAITING = 10_000_000
BEGAN_AT = datetime(2026, 1, 1, tzinfo=UTC)
PROVENANCE = Provenance(actor="bench", channel="bench")


def measure_pass(seconds: float) -> Measurement:
    """Each order of the queue over each number of waiting jobs, `seconds` for all passes of one number."""
    cases = [(waiting, False) for waiting in WAITING] + [(WAITING_WITH_OWN_LIMITS, True)]
    figures: list[Figure] = []
    masks = [(number * 0x9E3779B97F4A7C15) % 2**CPUS for number in range(NODES)]
    loop = milliseconds(durations(lambda: [mask.bit_count() for mask in masks], 0.3), 50)
    for waiting, own_limits in cases:
        world = World(waiting, own_limits=own_limits)
        look = milliseconds(durations(world.look_at_each, 0.3, most=20), 50)
        floors = (
            Floor(name=f"a loop over {NODES:,} integers of {CPUS} bits, free CPUs counted", value=loop),
            Floor(name="a loop over the waiting jobs that does nothing", value=look),
        )
        for order in ORDERS:
            world.change_policy(Policy(order=order))
            taken = world.passes(seconds / len(ORDERS))
            name = f"{order}, {waiting:,} waiting{', limits to the second' if own_limits else ''}"
            first, *others = taken
            figures += [
                Figure(bench="pass", name=name, value=milliseconds(others, 50), unit="ms", floors=floors),
                Figure(bench="pass", name="  the longest", value=1000 * max(others), unit="ms"),
                Figure(bench="pass", name="  the first of all", value=1000 * first, unit="ms"),
            ]
    return Measurement(figures=tuple(figures))


class World:
    """A full cluster, a queue, and what happens between two passes."""

    def __init__(self, waiting: int, *, own_limits: bool = False) -> None:
        self.own_limits = own_limits
        self.random = Random(waiting)  # noqa: S311 - the same world every time
        self.now = BEGAN_AT + timedelta(hours=2)
        self.numbers = count(1)
        self.waiting_numbers = count(FIRST_JOB_WAITING + waiting)
        nodes = [_node(NodeName(f"n{number:04}")) for number in range(NODES)]
        jobs = [job for node in nodes for job in self._running_on(node)]
        jobs += self._with_own_limits(waiting) if own_limits else _waiting(waiting)
        self.cluster = Cluster.load(position=Position(1), at=self.now, nodes=nodes, jobs=jobs)
        self.usable = frozenset(self.cluster.nodes)
        gc.collect()
        gc.freeze()  # as the scheduler does with what it has loaded

    def _running_on(self, node: Node) -> Iterator[Job]:
        first = 0
        while first < CPUS:
            cpus = min(CPUS - first, self.random.choice(RUNNING_SIZES))
            number = next(self.numbers)
            hours = self.random.choice((4, 8, 24))
            yield _running(number, node, tuple(range(first, first + cpus)), hours)
            first += cpus

    def _with_own_limits(self, number: int) -> Iterator[Job]:
        for job_id in range(FIRST_JOB_WAITING, FIRST_JOB_WAITING + number):
            yield _job(JobId(job_id), self._submission(job_id))

    def _submission(self, job_id: int) -> JobSubmitted:
        cpus = SIZES[job_id % len(SIZES)]
        submitted = _submitted(cpus, hours=1 + cpus % 3)
        if not self.own_limits:
            return submitted
        return replace(submitted, time_limit_seconds=self.random.randint(*LIMITS_SECONDS))

    def look_at_each(self) -> None:
        for queue in self.cluster.queues.values():
            for _ in queue:
                pass

    def change_policy(self, policy: Policy) -> None:
        self._tell(POLICY_STREAM, PolicyChanged(policy=policy, reason=None))

    def passes(self, seconds: float) -> list[float]:
        """How long each plan took. Some have another job at the head than the one before, and plan it anew."""
        taken: list[float] = []
        until = time.monotonic() + seconds
        while len(taken) < 3 or (len(taken) < MOST_PASSES and time.monotonic() < until):
            self._free_a_node()
            began_at = time.perf_counter()
            planned = plan(self.cluster, self.now, self.usable)
            taken.append(time.perf_counter() - began_at)
            if not planned.placements:
                raise BenchError("nothing was placed on a node that had come free")
            for placement in planned.placements:
                self._start(placement)
                self._submit_another()
        return taken

    def _free_a_node(self) -> None:
        name = self.random.choice(list(self.cluster.nodes))
        for job_id in list(self.cluster.nodes[name].holds):
            allocation = self.cluster.jobs[job_id].allocation
            assert allocation is not None
            ended = ResourcesReleased(
                allocation_id=allocation.allocation_id, reason=ReleaseReason.FINISHED, exit_code=0
            )
            self._tell(job_stream(job_id), ended)
        self.cluster.forget_ended()

    def _start(self, placement: Placement) -> None:
        number = AllocationId(next(self.numbers))
        reserved = ResourcesReserved(
            allocation_id=number,
            attempt=1,
            node_name=placement.node_name,
            cpu_ids=placement.cpu_ids,
            cpu_block=0,
            memory_mb=None,
            expires_at=self.now + timedelta(minutes=1),
            term=None,
        )
        process = ProcessIdentity(pid=1, boot_id="boot", start_ticks=1)
        allocated = ResourcesAllocated(allocation_id=number, incarnation=Incarnation(1), process=process)
        for event in (reserved, allocated):
            self._tell(job_stream(placement.job_id), event)

    def _submit_another(self) -> None:
        job_id = JobId(next(self.waiting_numbers))
        self._tell(job_stream(job_id), replace(self._submission(job_id), job_id=job_id))

    def _tell(self, stream: StreamName, event: Event) -> None:
        self.cluster.apply(
            RecordedEvent(
                position=Position(self.cluster.position + 1),
                stream=stream,
                version=Version(1),
                event=event,
                at=self.now,
                recorded_at=self.now,
                provenance=PROVENANCE,
            )
        )


def _node(name: NodeName) -> Node:
    registered = NodeRegistered(
        node_name=name,
        incarnation=Incarnation(1),
        spool_id="spool",
        boot_id="boot",
        total_cpus=CPUS,
        cpu_ids=tuple(range(CPUS)),
        cpu_block=0,
        memory_mb=None,
    )
    return evolved_node(None, registered, at=BEGAN_AT, version=Version(1))


def _waiting(number: int) -> Iterator[Job]:
    """A million submissions in full would only fill the memory: those of one size are one."""
    submissions = [_submitted(cpus, hours=1 + cpus % 3) for cpus in SIZES]
    for job_id in range(FIRST_JOB_WAITING, FIRST_JOB_WAITING + number):
        yield _job(JobId(job_id), submissions[job_id % len(submissions)])


def _running(number: int, node: Node, cpu_ids: tuple[int, ...], hours: int) -> Job:
    allocation = Allocation(
        allocation_id=AllocationId(number),
        attempt=1,
        node_name=node.node_name,
        cpu_ids=cpu_ids,
        cpu_block=0,
        memory_mb=None,
        status=AllocationStatus.ALLOCATED,
        reserved_at=BEGAN_AT,
        expires_at=BEGAN_AT,
        version=Version(3),
        allocated_at=BEGAN_AT + timedelta(seconds=number % 3600),
    )
    job = _job(JobId(number), _submitted(len(cpu_ids), hours))
    return replace(job, state=JobState.RUNNING, allocation=allocation)


def _job(job_id: JobId, submitted: JobSubmitted) -> Job:
    return Job(
        job_id=job_id,
        version=Version(1),
        state=JobState.PENDING,
        submitted=submitted,
        submitted_at=BEGAN_AT,
        priority=0,
        held=False,
        eligible_at=BEGAN_AT,
        reason=None,
    )


def _submitted(cpus: int, hours: int) -> JobSubmitted:
    return JobSubmitted(
        job_id=JobId(1),
        name="job",
        user_name="bench",
        account=None,
        submitted_by="bench",
        script_sha256="0" * 64,
        script_bytes=1,
        environment_id=None,
        work_dir=None,
        ntasks_per_node=1,
        cpus_per_task=cpus,
        memory_mb=None,
        time_limit_seconds=3600 * hours,
        priority=0,
        held=False,
        requeue=False,
        begin_time=None,
        dependency=None,
        array_job_id=None,
        array_task_id=None,
        stdout_path=None,
        stderr_path=None,
        comment=None,
    )

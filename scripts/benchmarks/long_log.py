"""A long log, made quickly: jobs of four events each, chained and numbered as the product does it, with their rows.

Promises: `conductor replay verify` finds such a database equal; what an event or a row looks like comes from the
product's own `evolve`, `codec` and `projections`, and so follows them. Refuses to know: what is measured on it.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql

from conductor.codec import SCHEMA_VERSIONS, encode, encode_provenance, event_type
from conductor.core.decider import evolve
from conductor.core.events import (
    Event,
    JobSubmitted,
    NodeRegistered,
    ProcessIdentity,
    Provenance,
    ReleaseReason,
    ResourcesAllocated,
    ResourcesReleased,
    ResourcesReserved,
)
from conductor.core.held_numbers import CPU_BLOCK_SIZE
from conductor.core.identifiers import AllocationId, Incarnation, JobId, NodeName, Version, node_stream
from conductor.core.job import Job
from conductor.core.node import Node
from conductor.database import load_queries
from projections.allocations import allocation_row
from projections.jobs import job_row
from projections.nodes import node_row

SQL = load_queries("scripts.benchmarks", "long_log.sql")

NODES, CPUS = 8, 128
JOBS_AT_ONCE = NODES * CPUS  # each has a CPU of its own
EVENTS_A_JOB = 4
JOBS_OF_A_BATCH = 10_000
FAILS_EVERY = 16
WAVE_SECONDS = 60.0
STEPS_SECONDS = (0.0, 1.0, 1.5, 30.0)  # submitted, reserved, allocated, released
SCRIPT = '#!/bin/bash\nsrun --exclusive ./simulate --input "$1" --threads "$SLURM_CPUS_PER_TASK"\n'
SHA256 = hashlib.sha256(SCRIPT.encode()).hexdigest()
BY_USER = Provenance(actor="admin", channel="api", correlation="8f14e45f-ceea-467f-a9d5-1f0d6a3b7c11")
BY_SCHEDULER = Provenance(actor="scheduler", channel="scheduler@host term 1")
BY_NODE = Provenance(actor="executor", channel="executor@node incarnation 1")
PROVENANCE = (BY_USER, BY_SCHEDULER, BY_NODE, BY_NODE)

Connection = psycopg.Connection[Any]
Pair = tuple[Any, Any]  # of a job that succeeds, and of one that fails


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """Jobs that live at the same time, from the first id to the last."""

    first: int
    last: int
    begins_at: datetime
    nodes: int = NODES
    cpus: int = CPUS

    def at(self, step: int) -> datetime:
        return self.begins_at + timedelta(seconds=STEPS_SECONDS[step])

    def parameters(self, pair: Pair) -> dict[str, Any]:
        succeeded, failed = (encode(one).decode() for one in pair)
        return {
            "first": self.first,
            "last": self.last,
            "succeeded": succeeded,
            "failed": failed,
            "fails_every": FAILS_EVERY,
            "nodes": self.nodes,
            "cpus": self.cpus,
            "block": CPU_BLOCK_SIZE,
        }


def make_long_log(url: str, events: int) -> None:
    """Fill a migrated, empty database with exactly so many events (at least 12), ending about now.

    Eight nodes register; then jobs, each submitted, reserved, allocated and released; up to three jobs more only
    submitted. The connecting role must be allowed to SET ROLE to the owner.
    """
    jobs, waiting = divmod(events - NODES, EVENTS_A_JOB)
    if jobs < 1:
        raise ValueError(f"a long log has at least {NODES + EVENTS_A_JOB} events, not {events}")
    with psycopg.connect(url, autocommit=True) as connection:
        _become_owner(connection)
        waves = -(-jobs // JOBS_AT_ONCE)
        began_at = _now(connection) - timedelta(seconds=WAVE_SECONDS * (waves + 1))
        connection.execute(SQL["script"], {"sha256": SHA256, "body": SCRIPT})
        _register_nodes(connection, began_at, nodes=NODES, cpus=CPUS)
        for wave in range(waves):
            first = 1 + wave * JOBS_AT_ONCE
            begins_at = began_at + timedelta(seconds=WAVE_SECONDS * (wave + 1))
            last = min(first + JOBS_AT_ONCE - 1, jobs)
            _run_wave(connection, Wave(first=first, last=last, begins_at=begins_at))
        if waiting:
            begins_at = began_at + timedelta(seconds=WAVE_SECONDS * waves + 45)
            _run_wave(connection, Wave(first=jobs + 1, last=jobs + waiting, begins_at=begins_at), steps=1)
        connection.execute(SQL["draw"], {"jobs": jobs + waiting, "nodes": NODES})
        connection.execute(SQL["count"])
        connection.execute("VACUUM ANALYZE events, jobs, resource_allocations, nodes")


def make_busy_log(url: str, *, nodes: int, cpus: int, running: int, waiting: int) -> None:
    """Fill a migrated, empty database with nodes, jobs that run on one CPU each, and jobs that wait."""
    with psycopg.connect(url, autocommit=True) as connection:
        _become_owner(connection)
        begins_at = _now(connection) - timedelta(seconds=WAVE_SECONDS)
        connection.execute(SQL["script"], {"sha256": SHA256, "body": SCRIPT})
        _register_nodes(connection, begins_at - timedelta(seconds=1), nodes=nodes, cpus=cpus)
        for first, last, steps in ((1, running, 3), (running + 1, running + waiting, 1)):
            for start in range(first, last + 1, JOBS_OF_A_BATCH):
                end = min(start + JOBS_OF_A_BATCH - 1, last)
                wave = Wave(first=start, last=end, begins_at=begins_at, nodes=nodes, cpus=cpus)
                _run_wave(connection, wave, steps=steps)
        connection.execute(SQL["draw"], {"jobs": running + waiting, "nodes": nodes})
        connection.execute("VACUUM ANALYZE events, jobs, resource_allocations, nodes")


def _become_owner(connection: Connection) -> None:
    row = connection.execute(SQL["owner"]).fetchone()
    assert row is not None, "the database has no schema: migrate it first"
    connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(row[0])))
    connection.execute("SET jit = off")
    connection.execute("SET synchronous_commit = off")


def _now(connection: Connection) -> datetime:
    row = connection.execute(SQL["clock"]).fetchone()
    assert row is not None
    now: datetime = row[0]
    return now.replace(microsecond=0)


def _register_nodes(connection: Connection, at: datetime, *, nodes: int, cpus: int) -> None:
    registered = [_registered(number, cpus) for number in range(nodes)]
    events = [
        {
            "stream": node_stream(event.node_name),
            "version": 1,
            "type": event_type(event),
            "schema_version": SCHEMA_VERSIONS[event_type(event)],
            "data": event,
            "metadata": encode_provenance(BY_NODE),
        }
        for event in registered
    ]
    with connection.transaction():
        connection.execute(SQL["append"], {"at": at, "events": encode(events).decode()})
        rows = [_node_row(event, at) for event in registered]
        connection.execute(SQL["write_nodes"], {"rows": encode(rows).decode()})


def _registered(number: int, cpus: int) -> NodeRegistered:
    return NodeRegistered(
        node_name=NodeName(f"node-{number}"),
        incarnation=Incarnation(1),
        spool_id=f"spool-{number}",
        boot_id="boot",
        total_cpus=cpus,
        cpu_ids=tuple(range(cpus)),
        cpu_block=number * CPU_BLOCK_SIZE,
        memory_mb=None,
    )


def _node_row(event: NodeRegistered, at: datetime) -> Mapping[str, Any]:
    node = evolve(None, event, at=at, version=Version(1))
    assert isinstance(node, Node)
    return node_row(node)


def _run_wave(connection: Connection, wave: Wave, *, steps: int = EVENTS_A_JOB) -> None:
    """The same step of all jobs, then the next; the rows as the last step leaves them."""
    lives = _life(wave, exit_code=0)[:steps], _life(wave, exit_code=1)[:steps]
    with connection.transaction():
        for step, pair in enumerate(zip(*lives, strict=True)):
            kind = event_type(pair[0])
            connection.execute(
                SQL["append_to_jobs"],
                {
                    **wave.parameters(pair),
                    "at": wave.at(step),
                    "version": step + 1,
                    "type": kind,
                    "schema_version": SCHEMA_VERSIONS[kind],
                    "metadata": encode(encode_provenance(PROVENANCE[step])).decode(),
                },
            )
        succeeded, failed = (_folded(wave, life) for life in lives)
        connection.execute(SQL["write_jobs"], wave.parameters((job_row(succeeded), job_row(failed))))
        if succeeded.allocation is not None and failed.allocation is not None:
            rows = (
                allocation_row(succeeded, succeeded.allocation),
                allocation_row(failed, failed.allocation),
            )
            connection.execute(SQL["write_allocations"], wave.parameters(rows))


def _folded(wave: Wave, life: Sequence[Event]) -> Job:
    job = None
    for step, event in enumerate(life):
        job = evolve(job, event, at=wave.at(step), version=Version(step + 1))
    assert isinstance(job, Job)
    return job


def _life(wave: Wave, *, exit_code: int) -> tuple[Event, ...]:
    """The events of the wave's first job; what differs in the others is filled in by the statements."""
    allocation_id = AllocationId(wave.first)
    return (
        _submitted(JobId(wave.first)),
        ResourcesReserved(
            allocation_id=allocation_id,
            attempt=1,
            node_name=NodeName("node-0"),
            cpu_ids=(0,),
            cpu_block=0,
            memory_mb=None,
            expires_at=wave.at(1) + timedelta(seconds=60),
            term=None,
        ),
        ResourcesAllocated(
            allocation_id=allocation_id,
            incarnation=Incarnation(1),
            process=ProcessIdentity(pid=1000, boot_id="boot", start_ticks=100),
        ),
        ResourcesReleased(
            allocation_id=allocation_id,
            reason=ReleaseReason.FINISHED,
            exit_code=exit_code,
            cpu_seconds=27.25,
            memory_peak_mb=312,
        ),
    )


def _submitted(job_id: JobId) -> JobSubmitted:
    return JobSubmitted(
        job_id=job_id,
        name=f"job_{job_id}",
        user_name="user-0",
        account="physics",
        submitted_by="admin",
        script_sha256=SHA256,
        script_bytes=len(SCRIPT.encode()),
        environment_id=None,
        work_dir="/data/project/run",
        ntasks_per_node=1,
        cpus_per_task=1,
        memory_mb=None,
        time_limit_seconds=3600,
        priority=0,
        held=False,
        requeue=False,
        begin_time=None,
        dependency=None,
        array_job_id=None,
        array_task_id=None,
        stdout_path="slurm-%j.out",
        stderr_path=None,
        comment=None,
    )

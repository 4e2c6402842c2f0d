"""A database as the original system made it, with plausible jobs in it: every state, leaks, and what SQL lets through.

`STATUS` is its newer schema, `RELEASED` its older one; `PLAIN` is what SQLModel makes of the same classes when they
name no tables.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString, NamedTuple

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb


class Schema(NamedTuple):
    jobs: str
    allocations: str
    status: LiteralString


STATUS = Schema("jobs", "resource_allocations", "status varchar(20) NOT NULL")
RELEASED = Schema("jobs", "resource_allocations", "released boolean NOT NULL")
PLAIN = Schema("job", "resourceallocation", "status varchar")

_TABLES: LiteralString = """
    CREATE TYPE jobstate AS ENUM ('PENDING', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED');
    CREATE TABLE {jobs} (
        id bigserial PRIMARY KEY, account varchar(255) NOT NULL, name varchar(255) NOT NULL,
        partition varchar(100) NOT NULL, data_source varchar(50) NOT NULL, state jobstate NOT NULL, error_msg text,
        exit_code varchar(20), allocated_cpus integer NOT NULL, allocated_nodes integer NOT NULL, node_list text,
        ntasks_per_node integer NOT NULL, cpus_per_task integer NOT NULL, memory_per_node varchar(20) NOT NULL,
        time_limit integer, exclusive boolean NOT NULL, script text NOT NULL, work_dir varchar(1024) NOT NULL,
        stdout_path varchar(512) NOT NULL, stderr_path varchar(512) NOT NULL, environment jsonb,
        submit_time timestamp NOT NULL, eligible_time timestamp NOT NULL, start_time timestamp, end_time timestamp,
        created_at timestamp NOT NULL, updated_at timestamp NOT NULL);
    CREATE TABLE {allocations} (
        id bigserial PRIMARY KEY, job_id bigint NOT NULL UNIQUE REFERENCES {jobs}, allocated_cpus integer NOT NULL,
        node_name varchar(255) NOT NULL, process_id integer, {status}, allocation_time timestamp NOT NULL,
        released_time timestamp, created_at timestamp NOT NULL, updated_at timestamp NOT NULL);
    CREATE TABLE system_resources (id serial PRIMARY KEY, node_name varchar(255));
"""
_JOB = {
    "account": "fluids", "name": "wing", "partition": "compute", "data_source": "API", "state": "COMPLETED",
    "error_msg": None, "exit_code": None, "allocated_cpus": 0, "allocated_nodes": 1, "node_list": None,
    "ntasks_per_node": 1, "cpus_per_task": 2, "memory_per_node": "1G", "time_limit": None, "exclusive": False,
    "script": "#!/bin/bash\necho wing\n", "work_dir": "/data/fluids", "stdout_path": "wing.out",
    "stderr_path": "wing.err", "environment": None, "submit_time": "2025-11-08 02:00:00",
    "eligible_time": "2025-11-08 02:00:00", "start_time": None, "end_time": None,
    "created_at": "2025-11-08 02:00:00", "updated_at": "2025-11-08 02:00:00",
}  # fmt: skip
_ALLOCATION = {
    "allocated_cpus": 2, "node_name": "kunpeng-01", "process_id": None, "allocation_time": "2025-11-08 02:00:05",
    "released_time": None, "created_at": "2025-11-08 02:00:05", "updated_at": "2025-11-08 02:00:05",
}  # fmt: skip
_RAN = {"start_time": "2025-11-08 02:00:06.25", "end_time": "2025-11-08 02:10:00", "node_list": "kunpeng-01"}


class Scns:
    """The original's database, open for rows."""

    def __init__(self, url: str, schema: Schema) -> None:
        self.url, self.schema = url, schema
        self.run(sql.SQL(_TABLES).format(**self._names(), status=sql.SQL(schema.status)))

    def run(self, statement: Any, values: Any = None) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def job(self, job_id: int, **changes: Any) -> int:
        environment = changes.pop("environment", None)
        row = {**_JOB, **changes, "id": job_id, "environment": Jsonb(environment) if environment else None}
        self._insert("jobs", row)
        return job_id

    def allocation(self, number: int, job_id: int, status: str, **changes: Any) -> None:
        told: dict[str, Any] = {"status": status}
        if self.schema is RELEASED:
            told = {"released": status == "released"}
        self._insert("allocations", {**_ALLOCATION, **told, **changes, "id": number, "job_id": job_id})

    def everyday(self) -> None:
        """Ten jobs, allocations under other numbers, four of them never given back (11, 13, 14, 16)."""
        done = {**_RAN, "exit_code": "0:0", "allocated_cpus": 2}
        self.job(1, **done, environment={"OMP_NUM_THREADS": "2", "DEPTH": 3})
        self.allocation(10, 1, "released", process_id=4001, released_time="2025-11-08 02:10:01")
        self.job(2, **{**_RAN, "state": "FAILED", "exit_code": "1:0", "error_msg": "Exited with code 1"})
        self.allocation(11, 2, "allocated", process_id=4002)
        self.job(3, state="FAILED", exit_code="-2:0", error_msg="worker lost", end_time="2025-11-08 03:00:00")
        self.job(4, state="PENDING", script="#!/bin/bash\r\necho later\r\n")
        self.job(5, state="PENDING", cpus_per_task=16, time_limit=90, exclusive=True)
        self.allocation(13, 5, "reserved", allocated_cpus=16)
        self.job(6, state="RUNNING", start_time="2025-11-08 04:00:00", node_list="kunpeng-02")
        self.allocation(14, 6, "allocated", process_id=4006, node_name="kunpeng-02")
        self.job(7, state="CANCELLED", end_time="2025-11-08 02:01:00", exit_code="-1:15")
        self.job(8, **{**_RAN, "state": "FAILED", "exit_code": "-9:0", "error_msg": "Exited with code -9"})
        self.allocation(15, 8, "released", process_id=4008, released_time="2025-11-08 02:10:02")
        self.job(9, state="CANCELLED", start_time="2025-11-08 02:00:06", end_time="2025-11-08 02:05:00")
        self.allocation(16, 9, "allocated", process_id=4009)
        self.job(12, **done, name="计算 12")

    def _insert(self, table: str, row: dict[str, Any]) -> None:
        statement = sql.SQL("INSERT INTO {table} ({columns}) VALUES ({values})").format(
            table=self._names()[table],
            columns=sql.SQL(", ").join(map(sql.Identifier, row)),
            values=sql.SQL(", ").join(map(sql.Placeholder, row)),
        )
        self.run(statement, row)

    def _names(self) -> dict[str, sql.Identifier]:
        return {
            "jobs": sql.Identifier(self.schema.jobs),
            "allocations": sql.Identifier(self.schema.allocations),
        }


@contextmanager
def untouched(scns: Scns) -> Iterator[None]:
    """Whatever the block does, the original stays as it was."""
    dump = sql.SQL("SELECT array_agg(to_jsonb(j)) FROM {} j").format(sql.Identifier(scns.schema.jobs))
    before = scns.run(dump)
    yield
    assert scns.run(dump) == before

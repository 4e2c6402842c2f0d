"""One job, end to end, with a real scheduler, executor, supervisor and bash.

Tests whose jobs end with them share one system.
"""

import os
import signal
from pathlib import Path

import pytest

from conductor.core.commands import Cancel, Requeue
from conductor.core.identifiers import JobId
from tests.fix_engine import Engine
from tests.fix_system import System, alive


def test_a_script_runs_as_a_process_that_the_tables_name_and_its_end_is_recorded(
    shared_system: System,
) -> None:
    [node] = shared_system.nodes
    job_id = shared_system.submit('echo "out $CONDUCTOR_JOB_ID"; echo err >&2; sleep 300 & wait\n')
    shared_system.until_state(job_id, "RUNNING")
    pid = shared_system.pid(job_id)
    assert f"scripts/job_{job_id}.sh" in Path(f"/proc/{pid}/cmdline").read_text()
    os.kill(pid, signal.SIGTERM)
    assert shared_system.until_ended(job_id) == ["FAILED"]
    assert shared_system.job(job_id, "exit_code", "exit_signal") == (None, 15)
    assert (node.output(job_id), node.output(job_id, "err")) == (f"out {job_id}\n", "err\n")
    marks = """
        SELECT a.unsupervised, n.unsupervised FROM resource_allocations a JOIN nodes n ON n.name = a.node_name
        WHERE a.job_id = %s
    """
    assert shared_system.engine.sql(marks, job_id) == [(False, False)]
    assert node.supervised() == []


@pytest.mark.parametrize(
    ("script", "state", "exit_code", "exit_signal", "reason"),
    [
        ("exit 0\n", "COMPLETED", 0, None, None),
        ("exit 7\n", "FAILED", 7, None, "NonZeroExitCode"),
        ("kill -KILL $$\n", "FAILED", None, 9, "RaisedSignal"),
        ("#!/bin/sh -e\nfalse\necho not reached\n", "FAILED", 1, None, "NonZeroExitCode"),
        ("#!/usr/bin/env python3\nimport sys; sys.exit(5)\n", "FAILED", 5, None, "NonZeroExitCode"),
        ("#!/no/such/interpreter\n", "FAILED", None, None, "JobLaunchFailure"),
    ],
)
def test_an_exit_is_recorded_as_it_was(
    shared_system: System,
    script: str,
    state: str,
    exit_code: int | None,
    exit_signal: int | None,
    reason: str | None,
) -> None:
    job_id = shared_system.submit(script)
    assert shared_system.until_ended(job_id) == [state]
    found = shared_system.job(job_id, "exit_code", "exit_signal", "reason")
    assert found[:2] == (exit_code, exit_signal)
    assert (found[2] or "").startswith(reason or "")


def test_cpu_time_and_peak_memory_are_recorded_on_release(shared_system: System) -> None:
    job_id = shared_system.submit("for ((i = 0; i < 100000; i++)); do :; done\n")
    assert shared_system.until_ended(job_id) == ["COMPLETED"]
    [(cpu_seconds, memory_peak_mb, release_reason)] = shared_system.engine.sql(
        "SELECT cpu_seconds, memory_peak_mb, release_reason FROM resource_allocations WHERE job_id = %s",
        job_id,
    )
    assert cpu_seconds > 0.02
    assert memory_peak_mb >= 1
    assert release_reason == "finished"


def test_a_cancelled_job_is_gone_and_its_pid_stays_in_the_table(shared_system: System) -> None:
    job_id = JobId(shared_system.submit("sleep 300\n"))
    shared_system.until_state(job_id, "RUNNING")
    pid = shared_system.pid(job_id)
    assert alive(pid)
    shared_system.engine.run(lambda engine: engine.accepted(Cancel(job_id=job_id)))
    assert shared_system.until_ended(job_id) == ["CANCELLED"]
    assert not alive(pid)
    assert shared_system.pid(job_id) == pid
    assert shared_system.engine.run(lambda engine: engine.accepted(Cancel(job_id=job_id))) == ()


def test_a_job_that_ignores_sigterm_is_killed_after_the_grace_with_all_its_children(
    shared_system: System,
) -> None:
    [node] = shared_system.nodes
    job_id = JobId(shared_system.submit("trap '' TERM; sleep 300 & echo $!; wait; sleep 300\n"))
    shared_system.until_state(job_id, "RUNNING")
    shared_system.engine.run(lambda engine: engine.accepted(Cancel(job_id=job_id)))
    assert shared_system.until_ended(job_id) == ["CANCELLED"]
    assert not alive(int(node.output(job_id)))
    assert node.supervised() == []


def test_a_job_past_its_limit_is_ended_as_timeout(shared_system: System) -> None:
    job_id = shared_system.submit("sleep 300\n", time_limit_seconds=1)
    assert shared_system.until_ended(job_id) == ["TIMEOUT"]
    assert shared_system.job(job_id, "reason", "time_limit", "time_limit_seconds") == ("TimeLimit", 1, 1)


def test_a_missing_work_folder_fails_the_job_with_that_reason_and_not_the_executor(
    shared_system: System,
) -> None:
    job_id = shared_system.submit(work_dir="/no/such/folder")
    after = shared_system.submit()
    assert shared_system.until_ended(job_id, after) == ["FAILED", "COMPLETED"]
    assert "/no/such/folder" in shared_system.job(job_id, "reason")[0]


def test_a_requeued_job_runs_again_as_its_next_attempt(shared_system: System) -> None:
    [node] = shared_system.nodes
    job_id = JobId(shared_system.submit("echo attempt $CONDUCTOR_ATTEMPT; sleep 300\n"))
    shared_system.until_state(job_id, "RUNNING")
    first = shared_system.pid(job_id)
    shared_system.engine.run(lambda engine: engine.accepted(Requeue(job_id=job_id)))
    shared_system.until("SELECT state = 'RUNNING' AND attempt = 2 FROM jobs WHERE id = %s", job_id)
    assert not alive(first)
    assert alive(shared_system.pid(job_id))
    rows = shared_system.engine.sql(
        "SELECT j.id, ra.process_id FROM jobs j LEFT JOIN resource_allocations ra ON j.id = ra.job_id "
        "WHERE j.state = 'RUNNING' ORDER BY j.id DESC"
    )
    assert rows == [(job_id, shared_system.pid(job_id))]
    past = "SELECT process_id FROM past_allocations WHERE job_id = %s"
    assert shared_system.engine.sql(past, job_id) == [(first,)]
    shared_system.engine.run(lambda engine: engine.accepted(Cancel(job_id=job_id)))
    assert shared_system.until_ended(job_id) == ["CANCELLED"]
    assert "attempt 2" in node.output(job_id)


def test_jobs_run_at_once_as_far_as_the_cpus_go_and_the_next_one_waits(system: System) -> None:
    system.node(cpus=64)
    wide = [system.submit("sleep 300\n", cpus_per_task=cpus) for cpus in (8, 4, 2, 1)]
    system.until("SELECT count(*) = 4 FROM jobs WHERE state = 'RUNNING'")
    used = "SELECT sum(allocated_cpus) FROM resource_allocations WHERE status = 'allocated'"
    assert system.engine.sql(used) == [(15,)]

    async def cancel_and_submit(_: Engine) -> None:
        for job_id in wide:
            await system.engine.accepted(Cancel(job_id=JobId(job_id)))
        for number in range(65):
            await system.engine.submit(script=f"sleep 300 # {number}\n")

    system.engine.run(cancel_and_submit)
    system.until("SELECT count(*) = 64 FROM jobs WHERE state = 'RUNNING'")
    assert system.engine.sql(used) == [(64,)]
    assert system.engine.sql("SELECT count(*) FROM jobs WHERE state = 'PENDING'") == [(1,)]
    held = system.engine.sql("SELECT unnest(cpu_ids) FROM resource_allocations WHERE status = 'allocated'")
    assert len(set(held)) == 64


def test_two_nodes_share_the_work_and_each_job_runs_where_the_table_says(system: System) -> None:
    one, two = system.node("node-1", 2), system.node("node-2", 2)
    jobs = [system.submit("sleep 300\n") for _ in range(4)]
    system.until("SELECT count(*) = 4 FROM jobs WHERE state = 'RUNNING'")
    for node in (one, two):
        pids = system.engine.sql(
            "SELECT process_id FROM resource_allocations WHERE node_name = %s", node.name
        )
        assert sorted(pid for (pid,) in pids) == sorted(node.supervised())
        assert len(pids) == 2
    assert len(jobs) == 4


def test_without_any_notification_the_results_are_the_same(engine: Engine, home: Path) -> None:
    system = System(engine, home)
    try:
        poll = {"CONDUCTOR_POLL_ONLY": "true", "CONDUCTOR_POLL_SECONDS": "0.1"}
        system.start("scheduler", **poll)
        node = system.node("node-1", 4, **poll)
        job_id = JobId(system.submit("echo ran; sleep 300\n"))
        system.until_state(job_id, "RUNNING")
        system.engine.run(lambda e: e.accepted(Cancel(job_id=job_id)))
        assert system.until_ended(job_id) == ["CANCELLED"]
        assert node.output(job_id) == "ran\n"
    finally:
        system.close()

"""What a real node's executor reports of itself: nothing on a healthy one, and by name what has been planted."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conductor.strays import spool_name
from conductor.supervisor.launch import supervisor_command
from conductor.supervisor.mark import Mark
from conductor.supervisor.process_tree import MARK_NAME
from tests.fix_engine import Engine
from tests.fix_system import Node, System, alive

# An executor that compares itself with the log twenty times a second, and looks as often.
RESTLESS = """
import functools, sys
from conductor import node_session, observing
node_session.RECONCILE_SECONDS = 0.05
node_session.Observer = functools.partial(observing.Observer, agree_seconds=0.2)
from conductor.cli.app import main
sys.argv = ["conductor", "executor"]
main()
"""
EVERY_ROW = """
    CREATE TABLE rows_written AS SELECT * FROM node_observations;
    CREATE FUNCTION keep_row() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
        $$ BEGIN INSERT INTO rows_written SELECT NEW.*; RETURN NULL; END $$;
    CREATE TRIGGER keep_row AFTER INSERT OR UPDATE ON node_observations FOR EACH ROW EXECUTE FUNCTION keep_row()
"""
SHORT = {"CONDUCTOR_LEASE_SECONDS": "2", "CONDUCTOR_KILL_GRACE_SECONDS": "0.4"}


@pytest.fixture
def processes() -> Iterator[list[int]]:
    """What a test leaves here is killed."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        if alive(pid):
            os.kill(pid, signal.SIGKILL)


def restless(node: Node) -> None:
    """In the place of the node's executor."""
    node.executor.terminate()
    node.executor.wait(20)
    environment = {
        "CONDUCTOR_DATABASE_URL": node.system.engine.url,
        "CONDUCTOR_KILL_GRACE_SECONDS": "0.5",
        **node.settings,
    }
    node.executor = node.system.spawn([sys.executable, "-c", RESTLESS], environment)
    node.system.until("SELECT incarnation = (SELECT incarnation FROM nodes) FROM node_observations")


def strays(system: System) -> list[dict[str, Any]]:
    [(found,)] = system.engine.sql("SELECT strays FROM node_observations")
    return list(found)


def test_nothing_is_observed_on_a_healthy_busy_node(system: System) -> None:
    """Jobs that end at once, that leave processes behind, that get away from their group, that are cancelled."""
    node = system.node(cpus=8)
    restless(node)
    system.engine.sql(EVERY_ROW)
    scripts = (
        "true\n",
        "sleep 0.3 &\n",
        "setsid sleep 0.2 &\n",
        "sleep 0.1\n",
        "(sleep 0.1; true) & wait\n",
        "exit 3\n",
    )
    jobs = [system.submit(script) for script in scripts * 15]
    system.until_ended(*jobs, seconds=60)
    system.until("SELECT count(*) > 10 FROM rows_written")
    assert system.engine.sql("SELECT * FROM rows_written WHERE missing <> '{}' OR strays <> '[]'") == []
    assert system.engine.sql("SELECT count(*) FROM events WHERE type = 'LateReport'") == [(0,)]
    system.until("SELECT remembered_position = (SELECT max(position) FROM events) FROM node_observations")
    wrong = """
        SELECT count(*) FROM rows_written r LEFT JOIN events e ON e.position = r.remembered_position
        WHERE e.hash IS DISTINCT FROM r.remembered_hash
    """
    assert system.engine.sql(wrong) == [(0,)]


def test_a_planted_stray_is_named_and_goes_with_its_process(system: System) -> None:
    node = system.node()
    restless(node)
    mark = Mark(10**9, spool_name(node.spool), "0123456789abcdef").text()
    with subprocess.Popen(["/bin/sleep", "300"], env={MARK_NAME: mark}) as stray:
        try:
            system.until("SELECT strays <> '[]' FROM node_observations")
            [found] = strays(system)
            assert (found["pid"], found["mark"], found["command"]) == (stray.pid, mark, "sleep")
            assert stray.poll() is None, "it is named, not ended"
        finally:
            stray.kill()
    system.until("SELECT strays = '[]' FROM node_observations")


def test_a_job_whose_supervisor_lost_its_memory_is_a_stray(system: System, processes: list[int]) -> None:
    """The log gives its CPUs back, because nobody holds it; its process runs on, and that is what is named."""
    node = system.node()
    job_id = system.submit("exec sleep 300\n")
    system.until_state(job_id, "RUNNING")
    processes.append(system.pid(job_id))
    for process in (node.executor, node.supervisor):
        process.kill()
        process.wait(10)
    (node.spool / "journal").unlink()
    node.supervisor = system.spawn(supervisor_command(node.spool), {})
    restless(node)
    assert system.until_ended(job_id) == ["FAILED"]
    system.until("SELECT strays <> '[]' FROM node_observations")
    [found] = strays(system)
    [(allocation_id,)] = system.engine.sql("SELECT id FROM resource_allocations")
    assert (found["pid"], found["job_id"], found["attempt"], found["allocation_id"]) == (
        processes[0],
        job_id,
        1,
        allocation_id,
    )


def test_what_a_job_left_without_its_mark_is_an_orphan_of_the_supervisor(
    system: System, processes: list[int]
) -> None:
    node = system.node()
    restless(node)
    away = 'setsid env -i sleep 300 & until [ "$(cat /proc/$!/comm)" = sleep ]; do :; done; echo $!\n'
    job_id = system.submit(away)
    assert system.until_ended(job_id) == ["COMPLETED"]
    processes.append(int(node.output(job_id)))
    system.until("SELECT strays <> '[]' FROM node_observations")
    [found] = strays(system)
    assert (found["pid"], found["mark"], found["job_id"]) == (processes[0], None, None)
    assert system.logs().count("process.stray") == 1


def test_an_allocation_of_another_spool_is_missing_once_its_process_is_gone(
    system: System, processes: list[int]
) -> None:
    node = system.node("node-1", 4, **SHORT)
    job_id = system.submit("exec sleep 300\n")
    system.until_state(job_id, "RUNNING")
    processes.append(system.pid(job_id))
    for process in (node.executor, node.supervisor):
        process.kill()
        process.wait(10)
    system.until("SELECT expires_at < now() FROM node_leases")
    node.settings["CONDUCTOR_SPOOL"] = str(node.home / "another")
    system.engine.sql("DELETE FROM node_observations")
    restless(node)
    assert system.engine.sql("SELECT missing FROM node_observations") == [([],)], "its process lives"
    os.kill(processes[0], signal.SIGKILL)
    system.until("SELECT missing = (SELECT array_agg(id) FROM resource_allocations) FROM node_observations")
    assert system.job(job_id, "state") == ("RUNNING",)
    end_supervisor_of(Path(node.settings["CONDUCTOR_SPOOL"]))


def end_supervisor_of(spool: Path) -> None:
    """Of one that the executor started."""
    os.kill(int((spool / "supervisor.lock").read_text()), signal.SIGKILL)


def test_the_memory_survives_the_executor_and_finds_a_rewritten_log(
    tampered_engine: Engine, home: Path
) -> None:
    system = System(tampered_engine, home)
    try:
        node = system.node()
        restless(node)
        system.until("SELECT remembered_position = (SELECT max(position) FROM events) FROM node_observations")
        node.executor.terminate()
        node.executor.wait(20)
        [before] = system.engine.sql("SELECT remembered_position, remembered_hash FROM node_observations")
        system.engine.sql("ALTER TABLE events DISABLE TRIGGER events_append_only")
        system.engine.sql("UPDATE events SET hash = sha256(hash)")
        restless(node)
        assert system.engine.sql("SELECT remembered_position, remembered_hash FROM node_observations") == [
            before
        ]
        job_id = system.submit("true\n")
        system.start("scheduler")
        assert system.until_ended(job_id) == ["COMPLETED"], "the node goes on working"
        assert system.logs().count("history.forked") == 1
        assert (node.spool / "seen.json").stat().st_mode & 0o777 == 0o600
    finally:
        system.close()

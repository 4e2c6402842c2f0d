"""Arrays and dependencies with real schedulers, executors and processes."""

import signal
from pathlib import Path
from typing import Any

from conductor.completing import Request as Wish
from conductor.core.arrays import tasks_of
from conductor.core.commands import Cancel, Submit, Unhold
from conductor.core.identifiers import JobId, job_of_stream
from conductor.handler import Accepted
from tests.fix_engine import PROVENANCE, Engine
from tests.fix_system import System

TELLING = """#!/bin/bash
echo "$SLURM_ARRAY_JOB_ID $SLURM_ARRAY_TASK_ID $SLURM_ARRAY_TASK_COUNT $SLURM_ARRAY_TASK_MIN \
$SLURM_ARRAY_TASK_MAX $SLURM_ARRAY_TASK_STEP $GREETING" | tr -s ' '
"""


def submit_array(system: System, array: str, script: str, **fields: Any) -> list[int]:
    wanted = Submit(script=script, user_name="alice", submitted_by="admin", array=array, **fields)

    async def story(engine: Engine) -> list[int]:
        first, *others = tasks_of(wanted)
        head = Wish(command=first, provenance=PROVENANCE)
        wishes = [head, *(Wish(command=one, provenance=PROVENANCE, head=head) for one in others)]
        outcomes = await engine.handler.handle_requests(wishes, atomic=True)
        found = [job_of_stream(one.events[0].stream) for one in outcomes if isinstance(one, Accepted)]
        return [int(job_id) for job_id in found if job_id is not None]

    return system.engine.run(story)


def test_twenty_tasks_run_each_with_its_own_index_and_output(shared_system: System, tmp_path: Path) -> None:
    tasks = submit_array(
        shared_system,
        "10-48:2",
        TELLING,
        work_dir=str(tmp_path),
        stdout_path="slurm-%A_%a.out",
        environment={"GREETING": "hello"},
    )
    assert shared_system.until_ended(*tasks) == ["COMPLETED"] * 20
    for place, _ in enumerate(tasks):
        index = 10 + 2 * place
        said = (tmp_path / f"slurm-{tasks[0]}_{index}.out").read_text()
        assert said == f"{tasks[0]} {index} 20 10 48 2 hello\n"


def test_no_more_tasks_run_at_a_time_than_the_limit_says(shared_system: System, tmp_path: Path) -> None:
    script = f"mkdir {tmp_path}/$SLURM_ARRAY_TASK_ID; ls {tmp_path} | wc -l; rmdir {tmp_path}/$SLURM_ARRAY_TASK_ID\n"
    tasks = submit_array(shared_system, "0-19%3", script)
    assert shared_system.until_ended(*tasks) == ["COMPLETED"] * 20
    seen = [int(shared_system.nodes[0].output(job_id)) for job_id in tasks]
    assert max(seen) <= 3


def test_a_chain_of_every_kind_runs_in_its_order(shared_system: System, tmp_path: Path) -> None:
    note = f"echo $SLURM_JOB_NAME >> {tmp_path}/order\n"
    first = shared_system.submit(note + "exit 3\n", name="first", held=True)
    chain = {
        "after": shared_system.submit(note, name="after", dependency=f"after:{first}"),
        "ok": shared_system.submit(note, name="ok", dependency=f"afterok:{first}"),
        "not": shared_system.submit(note, name="not", dependency=f"afternotok:{first}"),
    }
    chain["any"] = shared_system.submit(note, name="any", dependency=f"afterany:{chain['not']}")
    one = shared_system.submit("exit 0\n", name="only", dependency=f"afterok:{chain['any']}")
    two = shared_system.submit("exit 0\n", name="only", dependency="singleton")
    whole = submit_array(shared_system, "0-2", "exit 0\n")
    last = shared_system.submit(note, name="last", dependency=f"afterok:{whole[0]}:{two},after:{one}")
    shared_system.engine.run(lambda engine: unheld(engine, first))
    ended = dict(zip(chain, shared_system.until_ended(*chain.values()), strict=True))
    assert ended == {"after": "COMPLETED", "ok": "CANCELLED", "not": "COMPLETED", "any": "COMPLETED"}
    assert shared_system.job(chain["ok"], "reason") == (f"DependencyNeverSatisfied: afterok:{first}",)
    assert shared_system.until_ended(one, two, last) == ["COMPLETED"] * 3
    [(in_order,)] = shared_system.engine.sql(
        "SELECT a.end_time <= b.start_time FROM jobs a, jobs b WHERE a.id = %s AND b.id = %s", one, two
    )
    assert in_order
    order = (tmp_path / "order").read_text().split()
    assert order.index("first") < order.index("not") < order.index("any") < order.index("last")


async def unheld(engine: Engine, job_id: int) -> None:
    await engine.accepted(Unhold(job_id=JobId(job_id)))


def test_a_scheduler_killed_between_an_end_and_what_follows_from_it_loses_nothing(system: System) -> None:
    system.node(cpus=4)
    system.processes[0].kill()
    system.processes[0].wait()
    armed = system.start("scheduler", CONDUCTOR_CRASH_AT="scheduler.resolving")
    first = system.submit(held=True)
    met = system.submit(dependency=f"afterany:{first}")
    doomed = system.submit(dependency=f"afterok:{first}")
    system.engine.run(lambda engine: engine.accepted(Cancel(job_id=JobId(first))))
    assert armed.wait(30) == -signal.SIGKILL
    assert system.job(met, "state", "reason") == ("PENDING", "Dependency")
    system.start("scheduler")
    assert system.until_ended(met, doomed) == ["COMPLETED", "CANCELLED"]

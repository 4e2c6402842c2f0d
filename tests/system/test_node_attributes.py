"""Nodes of different kinds, real processes: jobs go where what they ask for is, and are told what they got."""

from conductor.core.commands import DrainNode, ResumeNode
from conductor.core.identifiers import NodeName
from tests.fix_system import System

ENVIRONMENT = "echo ${CONDUCTOR_GRES-unset} ${CUDA_VISIBLE_DEVICES-unset} ${SLURM_JOB_GPUS-unset}\n"


def node_of(system: System, job_id: int) -> str:
    rows = system.engine.sql("SELECT node_name FROM resource_allocations WHERE job_id = %s", job_id)
    return str(rows[0][0])


def test_jobs_go_where_what_they_ask_for_is_and_are_told_what_they_got(system: System) -> None:
    system.node("plain", 8, CONDUCTOR_NODE_LABELS="zone=a", CONDUCTOR_NODE_MEMORY_MB="1000")
    rich = system.node("rich", 4, CONDUCTOR_NODE_LABELS="zone=b,fast", CONDUCTOR_NODE_GRES="gpu:3,fpga:1")
    [(labels, gres, memory_mb)] = system.engine.sql(
        "SELECT labels, gres, memory_mb FROM nodes WHERE name = 'plain'"
    )
    assert (labels["zone"], gres, memory_mb) == ("a", {}, 1000)
    assert "arch" in labels
    holding = system.submit(script="sleep 600\n", gres={"gpu": 1, "fpga": 1})
    system.until_state(holding, "RUNNING")
    told = system.submit(script=ENVIRONMENT, gres={"gpu": 2})
    plain = system.submit(script=ENVIRONMENT, labels={"zone": "a"}, memory_mb=1000)
    named = system.submit(nodelist=(NodeName("rich"),))
    assert system.until_ended(told, plain, named) == ["COMPLETED"] * 3
    assert [node_of(system, job_id) for job_id in (holding, told, plain, named)] == [
        "rich", "rich", "plain", "rich",
    ]  # fmt: skip
    [(first,)] = system.engine.sql("SELECT gres FROM resource_allocations WHERE job_id = %s", holding)
    [(second,)] = system.engine.sql("SELECT gres FROM resource_allocations WHERE job_id = %s", told)
    assert sorted(first["gpu"] + second["gpu"]) == [0, 1, 2]
    numbers = ",".join(map(str, second["gpu"]))
    assert rich.output(told).split() == [f"gpu:{numbers}", numbers, numbers]
    assert system.nodes[0].output(plain).split() == ["unset"] * 3
    waiting = system.submit(gres={"fpga": 1})
    system.until_ended(system.submit(labels={"zone": "b"}))
    assert system.job(waiting, "state") == ("PENDING",)


def test_an_exclusive_job_has_the_whole_node_to_itself(system: System) -> None:
    node = system.node("node-1", 2)
    script = "echo $CONDUCTOR_CPU_IDS $SLURM_CPUS_ON_NODE\ngrep Cpus_allowed_list /proc/self/status\n"
    alone, beside = system.submit(script=script, exclusive=True), system.submit()
    assert system.until_ended(alone, beside) == ["COMPLETED", "COMPLETED"]
    [(cpus, count), (ended,), (started,)] = [
        system.engine.sql(
            "SELECT cpu_ids, allocated_cpus FROM resource_allocations WHERE job_id = %s", alone
        )[0],
        system.job(alone, "end_time"),
        system.job(beside, "start_time"),
    ]
    assert (count, started >= ended) == (2, True)
    shown = node.output(alone).split()
    assert shown[1] == "2"
    assert shown[0] == shown[3] == f"{cpus[0]}-{cpus[1]}"


def test_a_drain_sends_the_next_elsewhere_and_says_who_and_why(system: System) -> None:
    for name in ("node-1", "node-2"):
        system.node(name, 2)
    drain = DrainNode(node_name=NodeName("node-1"), reason="new disk")
    system.engine.run(lambda engine: engine.accepted(drain))
    jobs = [system.submit() for _ in range(3)]
    system.until_ended(*jobs)
    assert {node_of(system, job_id) for job_id in jobs} == {"node-2"}
    resume = ResumeNode(node_name=NodeName("node-1"), reason="disk is in")
    system.engine.run(lambda engine: engine.accepted(resume))
    back = system.submit(nodelist=(NodeName("node-1"),))
    assert system.until_ended(back) == ["COMPLETED"]
    rows = system.engine.sql(
        "SELECT type, data ->> 'reason', metadata ->> 'actor', metadata ->> 'channel' FROM events "
        "WHERE stream = 'node-node-1' AND type IN ('NodeDrained', 'NodeResumed') ORDER BY version"
    )
    assert rows == [
        ("NodeDrained", "new disk", "tester", "test"),
        ("NodeResumed", "disk is in", "tester", "test"),
    ]


def test_another_setting_counts_from_the_next_registration_on(system: System) -> None:
    node = system.node("node-1", 2, CONDUCTOR_NODE_GRES="gpu:1")
    first = system.submit(script="sleep 600\n", gres={"gpu": 1})
    system.until_state(first, "RUNNING")
    waiting = system.submit(gres={"gpu": 1})
    node.executor.terminate()
    node.executor.wait(20)
    node.settings["CONDUCTOR_NODE_GRES"] = "gpu:2"
    node.settings["CONDUCTOR_NODE_LABELS"] = "zone=z"
    node.start_executor()
    assert system.until_ended(waiting) == ["COMPLETED"]
    [(gres, labels)] = system.engine.sql("SELECT gres, labels FROM nodes")
    assert (gres, labels["zone"]) == ({"gpu": 2}, "z")
    assert system.job(first, "state") == ("RUNNING",)


def test_a_node_that_comes_back_with_less_starts_nothing_that_it_cannot_hold_any_more(system: System) -> None:
    node = system.node("node-1", 4, CONDUCTOR_NODE_GRES="gpu:3", CONDUCTOR_LEASE_SECONDS="60")
    node.executor.kill()
    node.executor.wait()
    wide = system.submit(gres={"gpu": 3}, memory_mb=10)
    system.until_state(wide, "RESERVED")  # its lease lives, but nobody is there to start it
    node.settings.update(TOTAL_CPUS="2", CONDUCTOR_NODE_GRES="gpu:2")
    node.start_executor()
    system.until_state(wide, "PENDING")
    [(reason, detail)] = system.engine.sql(
        "SELECT data ->> 'reason', data ->> 'detail' FROM events WHERE type = 'ResourcesReleased'"
    )
    assert (reason, detail) == ("node_lost", "it asked for gpu:3, the node has 2")
    assert system.engine.sql("SELECT count(*) FROM events WHERE type = 'ResourcesAllocated'") == [(0,)]
    after = system.submit(gres={"gpu": 2}, cpus_per_task=2)  # nothing of the first is held any more
    assert system.until_ended(after) == ["COMPLETED"]

"""What an executor of another make is told: how to start a job, which to end, and that its word is all there is."""

from tests.fix_api import Api


def test_an_allocation_says_how_its_job_is_started(api: Api) -> None:
    api.register("far", cpus=8, spool_id="none of ours", gres={"gpu": 2})
    job_id = api.submit(
        "#!/bin/bash\necho\n",
        name="it",
        cpus=2,
        memory_mb=100,
        time_limit="1:30",
        work_dir="/data",
        stdout_path="%x-%j.out",
        array="3,5",
        gres="gpu:1",
        signal="B:USR1@60",
        requeue=True,
        environment={"A": "b"},
        account="physics",
    )
    api.command("Reserve", job_id=job_id, node_name="far")
    [plain] = api.get("/allocations", node_name="far")["allocations"]
    [told] = api.get("/allocations", node_name="far", status="reserved", launch=True)["allocations"]
    launch = told.pop("launch")
    assert told == plain
    environment = launch.pop("standard_environment")
    assert launch.pop("script_sha256") == api.get(f"/jobs/{job_id}")["script_sha256"]
    assert launch == {
        "name": "it",
        "user_name": launch["user_name"],
        "submitted_by": "admin",
        "work_dir": "/data",
        "has_environment": True,
        "stdout_path": f"/data/it-{job_id}.out",
        "stderr_path": None,
        "join_output": True,
        "time_limit_seconds": 90,
        "kill_grace_seconds": 10.0,
        "signal": {"number": 10, "seconds": 60, "batch_only": True},
        "requeue": True,
        "cancel_requested_at": None,
    }
    expected = {
        "CONDUCTOR_JOB_ID": str(job_id),
        "CONDUCTOR_CPU_IDS": "0-1",
        "SLURM_JOB_NAME": "it",
        "SLURM_SUBMIT_DIR": "/data",
        "SLURM_ARRAY_TASK_ID": "3",
        "SLURM_ARRAY_TASK_COUNT": "2",
        "SLURM_MEM_PER_NODE": "100",
        "SLURM_JOB_GPUS": "0",
        "SLURM_JOB_ACCOUNT": "physics",
        "SLURMD_NODENAME": "far",
    }
    assert expected.items() <= environment.items()


def test_without_a_work_dir_the_folder_is_the_executors_to_choose(api: Api) -> None:
    api.register("far")
    api.command("Reserve", job_id=api.submit(stdout_path="%j.out", stderr_path="/x/%N.err"), node_name="far")
    [told] = api.get("/allocations", launch=True)["allocations"]
    launch = told["launch"]
    assert (launch["work_dir"], launch["stdout_path"], launch["stderr_path"]) == (None, "1.out", "/x/far.err")
    assert (launch["join_output"], launch["has_environment"], launch["signal"]) == (False, False, None)
    assert "SLURM_SUBMIT_DIR" not in launch["standard_environment"]
    past = api.client.get("/api/v1/allocations?launch=true&as_of=1")
    assert past.status_code == 422  # what is to be started is never the past


def test_a_node_that_is_about_to_end_renews_its_lease_and_gets_no_more_jobs(api: Api) -> None:
    api.register("far")
    accepting = "SELECT accepting FROM node_leases WHERE node_name = 'far'"
    for wish, expected in (({}, True), ({"accepting": False}, False), ({"accepting": True}, True)):
        lease = {"incarnation": 1, "allocations": [], **wish}
        answer = api.client.put("/api/v1/nodes/far/lease", json=lease)
        assert (answer.status_code, api.sql(accepting)) == (200, [(expected,)])
        assert answer.json().keys() == {"expires_at", "cancel"}


def test_whose_word_is_all_there_is_is_said_of_jobs_and_nodes(api: Api) -> None:
    api.register("far")
    waits, runs = api.submit(), api.submit()
    api.command("Reserve", job_id=waits, node_name="far")
    api.end(api.start(runs, "far"))
    head = api.get("/events", limit=1)["head"]["position"]
    for then in ({}, {"as_of": head}):
        listed = api.get("/allocations", status="reserved,released", **then)["allocations"]
        shown = {one["job_id"]: one["unsupervised"] for one in listed}
        assert shown == {waits: None, runs: True}
        assert api.get(f"/jobs/{waits}", **then)["resource_allocation"]["unsupervised"] is None
        assert api.get(f"/jobs/{runs}", **then)["resource_allocation"]["unsupervised"] is True
        assert [node["unsupervised"] for node in api.get("/nodes", **then)["nodes"]] == [True]
    assert api.sql("SELECT a.unsupervised FROM resource_allocations a ORDER BY job_id") == [(None,), (True,)]


def test_an_executor_of_ours_is_known_by_a_channel_that_no_request_can_name(api: Api) -> None:
    answer = api.post(
        "/commands",
        {"type": "RegisterNode", "node_name": "far", "spool_id": "s", "boot_id": "b", "total_cpus": 1},
        headers={"Conductor-Channel": "executor@far"},
    )
    assert answer.status_code == 200
    assert api.get("/nodes/far")["unsupervised"] is True

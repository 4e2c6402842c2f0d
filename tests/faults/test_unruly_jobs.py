"""Jobs that behave badly, through the whole system: each ends as it should, and nothing of it is left."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.cluster import Cluster, running_cluster
from tests.faults.evidence import Outcome

pytestmark = pytest.mark.faults

CANCELLED = Outcome(states=("CANCELLED",), exit_code=None)
UNRULY = {
    "ignores being told to stop": ("trap '' TERM; echo here; sleep 300", CANCELLED),
    "daemonises a child": ("setsid sleep 300 & sleep 0.1", Outcome()),
    "daemonises twice and ignores signals": (
        "(trap '' TERM HUP; setsid setsid sh -c 'trap \"\" TERM; sleep 300; sleep 300' &) ; sleep 0.1",
        Outcome(),
    ),
    "forks 200 children": ("for i in $(seq 200); do sleep 300 & done; echo here; wait", CANCELLED),
    "closes its stdio": ("exec <&- >&- 2>&-; sleep 0.1", Outcome(output="")),
    "deletes its working directory": ('rmdir "$PWD"; sleep 0.1', Outcome()),
    "prints NULs, escape codes and no newline": (
        r"printf '\000\033[2J\377\000no newline'",
        Outcome(output="\x00\x1b[2J\udcff\x00no newline"),
    ),
    "ends with 0 and leaves children": ("sleep 300 & sleep 300 & disown -a", Outcome()),
    "kills its parent": ("kill -TERM $PPID; sleep 0.1", Outcome()),
    "kills its own group": (
        "kill -KILL -- -$$; sleep 300",
        Outcome(states=("FAILED",), exit_code=None),
    ),
}


@pytest.fixture
def cluster(home: Path, own_database_url: str) -> Iterator[Cluster]:
    settings = {"CONDUCTOR_KILL_GRACE_SECONDS": "0.5"}
    with running_cluster(home, own_database_url, **settings) as cluster:
        cluster.start_api()
        cluster.start_scheduler()
        yield cluster


def test_each_ends_as_it_should_and_leaves_nothing(cluster: Cluster) -> None:
    node = cluster.add_node("node", cpus=len(UNRULY))
    node.start_supervisor()
    supervisor = node.supervisor_pid()
    node.start_executor()
    cluster.wait_for_api()
    cluster.wait_for_leases(1)
    jobs = cluster.submit(*[cluster.evidence.script(work) for work, _ in UNRULY.values()])
    for job_id, (_, outcome) in zip(jobs, UNRULY.values(), strict=True):
        cluster.expected[job_id] = outcome
        if outcome is CANCELLED:
            cluster.until(lambda job_id=job_id: "here" in node.output(job_id))  # type: ignore[misc]
            cluster.cancel(job_id)
    cluster.prove()
    assert node.supervisor_pid() == supervisor

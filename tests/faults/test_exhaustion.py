"""A full disk and no free descriptors: the job fails with that reason, the node goes on, nothing leaks."""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.faults.cluster import Cluster, Node, alive, descriptors, running_cluster
from tests.faults.evidence import Outcome

pytestmark = pytest.mark.faults

REFUSED = Outcome(states=("FAILED",), exit_code=None, starts=0)


@pytest.fixture
def cluster(home: Path, own_database_url: str) -> Iterator[Cluster]:
    with running_cluster(home, own_database_url) as cluster:
        cluster.start_api()
        cluster.start_scheduler()
        cluster.add_node("node", cpus=4)
        yield cluster


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A file system of its own, of 4 MB, on this folder."""
    options = f"size=4m,mode=0700,uid={os.geteuid()}"
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "spool", folder], check=False)
    if done.returncode != 0:
        pytest.skip("mounting a file system needs root")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def start(cluster: Cluster) -> Node:
    [node] = cluster.nodes.values()
    node.start_supervisor()
    node.start_executor()
    cluster.wait_for_api()
    cluster.wait_for_leases(1)
    return node


def run_one(cluster: Cluster, outcome: Outcome, work: str = "true", exit_code: int = 0) -> int:
    [job_id] = cluster.submit(cluster.evidence.script(work, str(exit_code)))
    cluster.expected[job_id] = outcome
    cluster.until_ended(job_id)
    return job_id


def reason_of(cluster: Cluster, job_id: int) -> str:
    return str(cluster.sql("SELECT reason FROM jobs WHERE id = %s", job_id)[0][0])


def fill(folder: Path) -> Path:
    """Takes every byte there is."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    return filler


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a file system needs root")
def test_a_full_disk_under_the_spool_fails_the_job_with_that_reason_and_nothing_else(
    cluster: Cluster,
) -> None:
    [node] = cluster.nodes.values()
    with small_disk(node.spool):
        start(cluster)
        run_one(cluster, Outcome())
        before = {pid: descriptors(pid) for pid in cluster.living().values()}
        filler = fill(node.spool)
        refused = run_one(cluster, REFUSED)
        assert "disk is full" in reason_of(cluster, refused)
        filler.unlink()
        # One that fills the disk itself: its own failure, and its end is recorded although nothing can be written.
        run_one(cluster, Outcome(states=("FAILED",), exit_code=3), "yes | tr -d '\\n' > filler", 3)
        for leftover in node.spool.glob("work/*/filler"):
            leftover.unlink()
        run_one(cluster, Outcome())
        assert alive(node.executor.pid)
        cluster.prove()
        cluster.prove_descriptors(before)


def test_no_free_descriptor_fails_the_job_with_that_reason_and_nothing_else(cluster: Cluster) -> None:
    node = start(cluster)
    run_one(cluster, Outcome())
    pid = node.supervisor_pid()
    assert pid is not None
    before = {one: descriptors(one) for one in cluster.living().values()}
    least = max(int(link.name) for link in Path(f"/proc/{pid}/fd").iterdir()) + 1
    limits = resource.prlimit(
        pid, resource.RLIMIT_NOFILE, (least, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    )
    refused = run_one(cluster, REFUSED)
    assert "descriptor" in reason_of(cluster, refused)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    run_one(cluster, Outcome())
    assert node.supervisor_pid() == pid
    assert alive(node.executor.pid)
    cluster.prove()
    cluster.prove_descriptors(before)

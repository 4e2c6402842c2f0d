"""The leading scheduler is killed, and the one that stands by goes on: at once, and with nothing lost or doubled."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.cluster import Cluster, running_cluster
from tests.faults.evidence import Outcome

pytestmark = pytest.mark.faults

TAKEOVER_SECONDS = 3.0
MID_PASS = ("scheduler.planned", "scheduler.reserved", "handler.decided:2", "handler.committed:2")
# Sessions in which a scheduler asks for the lease over and over.
ASKING = "SELECT count(DISTINCT pid) >= %s FROM pg_stat_activity WHERE query LIKE '%%take_leadership%%'"
LEADERS = "SELECT count(*) = %s FROM events WHERE type = 'LeaderElected'"


@pytest.fixture
def cluster(home: Path, own_database_url: str) -> Iterator[Cluster]:
    with running_cluster(home, own_database_url) as cluster:
        cluster.start_api()
        cluster.wait_for_api()
        yield cluster


def stand_by(cluster: Cluster, leaders: int) -> None:
    """One that leads, and another that is ready to."""
    cluster.until_sql(LEADERS, leaders)
    cluster.start_scheduler()
    cluster.until_sql(ASKING + " AND pid <> pg_backend_pid()", 2)


def test_a_standby_leads_within_three_seconds_of_the_leaders_death(cluster: Cluster) -> None:
    cluster.start_scheduler()
    leader = cluster.scheduler
    stand_by(cluster, 1)
    leader.kill()
    died_at = time.time()
    leader.wait()
    cluster.until_sql(LEADERS, 2)
    [(elected_at,)] = cluster.sql("SELECT extract(epoch FROM max(at)) FROM events")
    assert float(elected_at) - died_at < TAKEOVER_SECONDS


def test_a_leader_killed_mid_pass_loses_and_doubles_nothing(cluster: Cluster) -> None:
    node = cluster.add_node("node", cpus=4)
    node.start_executor()
    cluster.wait_for_leases(1)
    for leaders, point in enumerate(MID_PASS):
        if leaders:  # the last stand-by leads now, and is not to die by itself: it makes room for the next
            cluster.scheduler.terminate()
            cluster.scheduler.wait(20)
        cluster.start_scheduler(point)
        leader = cluster.scheduler
        stand_by(cluster, 2 * leaders + 1)
        jobs = cluster.submit(*[cluster.evidence.script()] * 6)
        assert leader.wait(20) == -signal.SIGKILL
        cluster.until_ended(*jobs)
        cluster.expected |= {job_id: Outcome() for job_id in jobs}
    cluster.prove()
    reserved = "SELECT stream FROM events WHERE type = 'ResourcesReserved'"
    assert len(cluster.sql(reserved)) == len(set(cluster.sql(reserved))) == 6 * len(MID_PASS)

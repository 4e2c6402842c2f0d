"""Whatever happens, in whatever order: the scheduler's memory, kept event by event, is what the states of now give.

In between a scheduler plans and reserves, and nothing that it planned is refused.
"""

import random

import pytest

from conductor.core.cluster import Cluster
from conductor.core.commands import (
    ChangePolicy,
    Command,
    DrainNode,
    RegisterNode,
    Reserve,
    ResumeNode,
    Submit,
)
from conductor.core.decider import State, fold
from conductor.core.identifiers import (
    POLICY_STREAM,
    SCHEDULER_STREAM,
    AllocationId,
    JobId,
    NodeName,
    Position,
    StreamName,
    job_of_stream,
    node_stream,
)
from conductor.core.job import Job
from conductor.core.leadership import Leadership
from conductor.core.node import Node
from conductor.core.placement import plan
from conductor.core.policy import PolicyInForce
from tests.properties.test_random_causes import NODES, History

BATCHES = 600


class Busy(History):
    """A history with policies that change, and jobs that ask for everything there is."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.cluster = Cluster()
        self.planned = 0
        self.told = 0

    def wish(self) -> Command:
        """More jobs than in the plain history, and what they hold comes free again."""
        chance = self.random
        if chance.random() < 0.1:
            return self._submit()
        jobs = [job for job in self.states.values() if isinstance(job, Job)]
        holding = [job for job in jobs if job.allocation is not None and job.allocation.live]
        if not holding or chance.random() < 0.3:
            return super().wish()
        job = chance.choice(holding)
        assert job.allocation is not None
        node = self.states[node_stream(job.allocation.node_name)]
        assert isinstance(node, Node)
        return chance.choice(self._by_services(job, node))

    def _submit(self) -> Submit:
        chance = self.random
        array = chance.random() < 0.3
        return Submit(
            script="true\n",
            user_name=chance.choice("ab"),
            account=chance.choice([None, "physics"]),
            submitted_by="a",
            requeue=chance.random() < 0.6,
            held=chance.random() < 0.1,
            priority=chance.randint(0, 2),
            memory_mb=chance.choice([None, 100]),
            time_limit_seconds=chance.choice([None, 60, 600]),
            begin_time=self.now.replace(microsecond=1) if chance.random() < 0.2 else None,
            gres=chance.choice([{}, {"gpu": 1}, {"matlab": 1}]),
            exclusive=chance.random() < 0.1,
            array="0-9%2" if array else None,
            array_job_id=JobId(1) if array else None,
            array_task_id=self.drawn if array else None,
            job_id=JobId(self.draw()),
        )

    def _about_nodes(self, node_name: NodeName) -> Command:
        block, chance = (NODES.index(node_name) + 1) << 20, self.random
        register = RegisterNode(
            node_name=node_name,
            spool_id="s",
            boot_id="boot",
            total_cpus=chance.choice([4, 8]),
            cpu_block=block,
            memory_mb=chance.choice([None, 300]),
            gres={"gpu": chance.randint(0, 2)},
            numa=((0, 1), (2, 3)),
        )
        changes = {
            "order": chance.choice(["first_fit", "strict_fifo", "backfill"]),
            "aging_per_hour": chance.choice([0.0, 1.0]),
            "fair_share_weight": chance.choice([0.0, 1.0]),
            "user_max_cpus": chance.choice([None, 4]),
            "licences": chance.choice([{}, {"matlab": 2}]),
        }
        return chance.choice(
            [
                register,
                register,
                super()._about_nodes(node_name),
                DrainNode(node_name=node_name),
                ResumeNode(node_name=node_name),
                ChangePolicy(changes=changes),
            ]
        )

    def follow(self) -> None:
        """Tell the cluster what is new, as the scheduler does."""
        news = self.log[self.told :]
        for stream in self.cluster.unknown_requeues(news):
            first = next(r for r in news if r.stream == stream)
            job = self.earlier(job_of_stream(stream), first.position)
            if job is not None:
                self.cluster.adopt(job)
        for one in news:
            self.cluster.apply(one)
        self.told = len(self.log)
        self.cluster.forget_ended()
        self.cluster.admit(self.now)

    def earlier(self, job_id: JobId | None, position: int) -> Job | None:
        states: dict[StreamName, State] = {}
        for one in self.log[: position - 1]:
            if job_of_stream(one.stream) == job_id:
                fold(states, one)
        return next((state for state in states.values() if isinstance(state, Job)), None)

    def loaded(self) -> Cluster:
        """The same memory from the states of now."""
        states = self.states.values()
        leadership, policy = self.states.get(SCHEDULER_STREAM), self.states.get(POLICY_STREAM)
        assert leadership is None or isinstance(leadership, Leadership)
        assert policy is None or isinstance(policy, PolicyInForce)
        return Cluster.load(
            position=Position(len(self.log)),
            at=self.now,
            nodes=[state for state in states if isinstance(state, Node)],
            jobs=[state for state in states if isinstance(state, Job)],
            leadership=leadership,
            policy=policy,
        )

    def reserve_what_is_planned(self) -> None:
        placements = plan(self.cluster, self.now, self.cluster.nodes, most=5).placements
        self.planned += len(placements)
        before = len(self.log)
        self.settle(
            Reserve(
                job_id=p.job_id,
                node_name=p.node_name,
                cpu_ids=p.cpu_ids,
                gres=p.gres,
                allocation_id=AllocationId(self.draw()),
                expires_in_seconds=20,
            )
            for p in placements
        )
        assert len(self.log) - before == len(placements)


@pytest.mark.parametrize("seed", range(8))
def test_the_memory_kept_by_events_is_the_memory_made_of_states(seed: int) -> None:
    history = Busy(seed)
    for batch in range(BATCHES):
        history.settle([history.wish() for _ in range(random.Random(batch).randint(1, 8))])
        history.follow()
        if batch % 7 == 0:
            assert_same(history.cluster, history.loaded())
        if batch % 2:
            history.reserve_what_is_planned()
            history.follow()
    assert history.planned > 100


def assert_same(kept: Cluster, loaded: Cluster) -> None:
    for name in ("position", "jobs", "leadership", "policy", "queues", "pools", "reserved"):
        assert getattr(kept, name) == getattr(loaded, name), name
    assert kept.nodes == loaded.nodes
    assert all(kept.key_of(job_id) == loaded.key_of(job_id) for job_id in kept.jobs)
    assert (kept.waiting, kept.index.most_free_cpus) == (loaded.waiting, loaded.index.most_free_cpus)
    for key in kept.queues:
        assert kept.index.order(key.demand.kind) == loaded.index.order(key.demand.kind)
        assert kept.index.soonest(key.demand) == loaded.index.soonest(key.demand)
        assert kept.index.able(key.demand) == loaded.index.able(key.demand)

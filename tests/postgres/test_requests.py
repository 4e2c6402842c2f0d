"""What jobs ask of nodes, through the one door: refused when none could ever run it, chosen by hand, counted once."""

import json
from dataclasses import replace
from typing import Any

import pytest

from conductor.completing import SQL, Request
from conductor.core.commands import (
    Cancel,
    ChangePolicy,
    DeclareNodeLost,
    DrainNode,
    ElectLeader,
    RegisterNode,
    RemoveNode,
    Reserve,
    Submit,
)
from conductor.core.errors import Rejection, RejectionCode
from conductor.core.events import ResourcesReserved
from conductor.core.identifiers import JobId, NodeName, Term
from conductor.handler import Accepted
from projections.audit_replay import replay
from projections.known import KnownPosition
from projections.replay import verify
from tests.fix_engine import PROVENANCE, Engine

A, B = NodeName("a"), NodeName("b")


async def two_nodes(engine: Engine) -> None:
    common: dict[str, Any] = {"spool_id": "s", "boot_id": "b"}
    await engine.accepted(
        RegisterNode(node_name=A, total_cpus=8, memory_mb=1000, labels={"zone": "a"}, **common)
    )
    await engine.accepted(
        RegisterNode(
            node_name=B, total_cpus=4, memory_mb=4000, labels={"zone": "b"}, gres={"gpu": 2}, **common
        )
    )


async def outcome_of(engine: Engine, **wish: Any) -> str | None:
    """The field at fault; None when it was accepted."""
    command = Submit(**{"script": "true\n", "user_name": "alice", "submitted_by": "admin", **wish})
    outcome = await engine.do(command)
    return outcome.field if isinstance(outcome, Rejection) else None


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"memory_mb": 4000}, None),
        ({"memory_mb": 4001}, "memory_mb"),
        ({"gres": {"gpu": 2}}, None),
        ({"gres": {"gpu": 3}}, "gres"),
        ({"labels": {"zone": "b"}}, None),
        ({"labels": {"zone": "c"}}, "labels"),
        ({"nodelist": (A, NodeName("later"))}, None),
        ({"nodelist": (NodeName("later"),)}, "nodelist"),
        ({"cpus_per_task": 8, "gres": {"gpu": 1}}, "gres"),
        ({"cpus_per_task": 9}, "cpus"),
        ({"exclusive": True, "cpus_per_task": 8}, None),
    ],
)
def test_what_no_node_could_ever_run_is_refused_by_its_field(
    engine: Engine, wish: dict[str, Any], field: str | None
) -> None:
    async def story(engine: Engine) -> None:
        await two_nodes(engine)
        assert await outcome_of(engine, **wish) == field

    engine.run(story)
    assert engine.sql("SELECT count(*) FROM jobs") == [(int(field is None),)]


def test_a_node_that_is_drained_or_lost_still_counts_and_one_that_is_removed_does_not(engine: Engine) -> None:
    async def story(engine: Engine) -> list[str | None]:
        found = [await outcome_of(engine, gres={"gpu": 1})]  # no node at all: it waits
        await two_nodes(engine)
        for command in (DrainNode(node_name=B), DeclareNodeLost(node_name=B), RemoveNode(node_name=B)):
            await engine.accepted(command)
            found.append(await outcome_of(engine, gres={"gpu": 1}))
        return found

    assert engine.run(story) == [None, None, None, "gres"]


def test_a_licence_is_the_policys_to_give(engine: Engine) -> None:
    async def story(engine: Engine) -> list[str | None]:
        await two_nodes(engine)
        found = [await outcome_of(engine, gres={"matlab": 2})]
        await engine.accepted(ChangePolicy(changes={"licences": {"matlab": 2}}))
        found.append(await outcome_of(engine, gres={"matlab": 2}))
        found.append(await outcome_of(engine, gres={"matlab": 3}))
        reserved = await engine.reserve(JobId(2), node="a")
        assert (reserved.gres, reserved.node_name) == ({}, A)
        return found

    assert engine.run(story) == ["gres", None, "gres"]


def test_plain_submissions_never_look_at_what_nodes_have(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SQL, "node_offers", "SELECT no_such_function()")

    async def story(engine: Engine) -> None:
        await two_nodes(engine)
        await engine.submit(cpus_per_task=8)

    engine.run(story)


def test_a_reservation_by_hand_gets_the_lowest_that_are_free(engine: Engine) -> None:
    async def story(engine: Engine) -> list[dict[str, tuple[int, ...]]]:
        await two_nodes(engine)
        jobs = [await engine.submit(gres={"gpu": 1}) for _ in range(3)]
        found = [dict((await engine.reserve(job_id, node="b")).gres) for job_id in jobs[:2]]
        third = await engine.refused(Reserve(job_id=jobs[2], node_name=B))
        assert (third.code, "has 0 free" in third.message) == (RejectionCode.CPUS_TAKEN, True)
        named = await engine.refused(Reserve(job_id=jobs[2], node_name=B, cpu_ids=(3,), gres={"gpu": (1,)}))
        assert (named.code, "gpu number 1" in named.message) == (RejectionCode.CPUS_TAKEN, True)
        await engine.accepted(Cancel(job_id=jobs[0]))
        found.append(dict((await engine.reserve(jobs[2], node="b")).gres))
        return found

    assert engine.run(story) == [{"gpu": (0,)}, {"gpu": (1,)}, {"gpu": (0,)}]


def test_a_reservation_by_hand_counts_memory(engine: Engine) -> None:
    async def story(engine: Engine) -> Rejection:
        await two_nodes(engine)
        first, second = [await engine.submit(memory_mb=600) for _ in range(2)]
        await engine.reserve(first, node="a")
        return await engine.refused(Reserve(job_id=second, node_name=A))

    refused = engine.run(story)
    assert (refused.code, "has 400 MB free" in refused.message) == (RejectionCode.CPUS_TAKEN, True)


def test_reservations_by_hand_that_come_together_count_each_others_memory(engine: Engine) -> None:
    async def story(engine: Engine) -> list[type]:
        await two_nodes(engine)
        jobs = [await engine.submit(memory_mb=600) for _ in range(2)]
        wishes = [
            Request(command=Reserve(job_id=job_id, node_name=A, cpu_ids=(cpu,)), provenance=PROVENANCE)
            for cpu, job_id in enumerate(jobs)
        ]
        return [type(one) for one in await engine.handler.handle_requests(wishes, atomic=False)]

    assert engine.run(story) == [Accepted, Rejection]


def test_an_exclusive_job_takes_every_cpu_of_a_node_that_nobody_is_on(engine: Engine) -> None:
    async def story(engine: Engine) -> ResourcesReserved:
        await two_nodes(engine)
        whole, one = await engine.submit(exclusive=True), await engine.submit()
        await engine.reserve(one, node="a")
        assert (await engine.refused(Reserve(job_id=whole, node_name=A))).code is RejectionCode.CPUS_TAKEN
        return await engine.reserve(whole, node="b")

    assert engine.run(story).cpu_ids == (0, 1, 2, 3)
    assert engine.sql("SELECT total_cpus_required, allocated_cpus FROM jobs WHERE exclusive") == [(1, 4)]


def test_a_piece_that_is_freed_only_later_in_a_batch_is_not_promised_before(engine: Engine) -> None:
    """The constraint judges the batch as a whole; in the log one would stand before the other."""

    async def story(engine: Engine) -> list[type]:
        await two_nodes(engine)
        await engine.accepted(ElectLeader(holder="me", host="here"))
        holder, next_one = [await engine.submit(gres={"gpu": 1}) for _ in range(2)]
        await engine.reserve(holder, node="b")
        reserve = Reserve(job_id=next_one, node_name=B, cpu_ids=(3,), gres={"gpu": (0,)}, term=Term(1))
        wishes = [Request(command=one, provenance=PROVENANCE) for one in (reserve, Cancel(job_id=holder))]
        return [type(one) for one in await engine.handler.handle_requests(wishes, atomic=False)]

    assert engine.run(story) == [Rejection, Accepted]


def test_a_piece_that_somebody_holds_is_refused_by_the_database(engine: Engine) -> None:
    """A scheduler's plan that did not know of a person's reservation; its own look finds nothing wrong."""

    async def story(engine: Engine) -> Rejection:
        await two_nodes(engine)
        await engine.accepted(ElectLeader(holder="me", host="here"))
        by_hand, planned = [await engine.submit(gres={"gpu": 1}) for _ in range(2)]
        await engine.reserve(by_hand, node="b")
        crossing = Reserve(job_id=planned, node_name=B, cpu_ids=(3,), gres={"gpu": (0,)}, term=Term(1))
        refused = await engine.refused(crossing)
        await engine.accepted(replace(crossing, gres={"gpu": (1,)}))
        return refused

    assert engine.run(story).code is RejectionCode.CPUS_TAKEN


def test_a_piece_that_is_promised_and_given_back_in_one_batch_is_refused_as_well(engine: Engine) -> None:
    async def story(engine: Engine) -> list[type]:
        await two_nodes(engine)
        holder, passing = [await engine.submit(gres={"gpu": 1}) for _ in range(2)]
        await engine.reserve(holder, node="b")
        await engine.accepted(ElectLeader(holder="me", host="here"))
        reserve = Reserve(job_id=passing, node_name=B, cpu_ids=(3,), gres={"gpu": (0,)}, term=Term(1))
        wishes = [Request(command=one, provenance=PROVENANCE) for one in (reserve, Cancel(job_id=passing))]
        return [type(one) for one in await engine.handler.handle_requests(wishes, atomic=False)]

    assert engine.run(story) == [Rejection, Accepted]
    assert engine.sql("SELECT count(*) FROM past_allocations") == [(0,)]


def test_the_audit_names_memory_that_crossing_reservations_promise_twice(tampered_engine: Engine) -> None:
    """A person's, and then that of a scheduler which had planned before it read of the person's."""

    async def story(engine: Engine) -> None:
        await two_nodes(engine)
        await engine.accepted(ElectLeader(holder="me", host="here"))
        by_hand, planned = [await engine.submit(memory_mb=2500) for _ in range(2)]
        await engine.reserve(by_hand, node="b")
        await engine.accepted(Reserve(job_id=planned, node_name=B, cpu_ids=(3,), term=Term(1)))

    tampered_engine.run(story)
    [finding] = replay(tampered_engine.url).findings
    assert (finding.code, finding.parameters["node_name"]) == ("memory_overpromised", "b")


def test_the_audit_names_a_piece_that_was_promised_twice_past_the_handler(tampered_engine: Engine) -> None:
    async def story(engine: Engine) -> None:
        await two_nodes(engine)
        holder, _ = [await engine.submit(gres={"gpu": 1}) for _ in range(2)]
        await engine.reserve(holder, node="b")

    tampered_engine.run(story)
    [(block,)] = tampered_engine.sql("SELECT cpu_block FROM nodes WHERE name = 'b'")
    data = {
        "allocation_id": 900, "attempt": 1, "node_name": "b", "cpu_ids": [3], "cpu_block": block,
        "memory_mb": None, "expires_at": "2030-01-01T00:00:00Z", "term": None, "gres": {"gpu": [0]},
    }  # fmt: skip
    event = {
        "stream": "job-2", "version": 2, "type": "ResourcesReserved", "schema_version": 2, "data": data,
        "metadata": {"actor": "eve", "channel": "psql"},
    }  # fmt: skip
    tampered_engine.sql("SELECT append_events(now(), %s, now())", json.dumps([event]))
    [finding] = replay(tampered_engine.url).findings
    assert (finding.code, finding.parameters["node_name"]) == ("gres_promised_twice", "b")


def test_a_reservation_by_hand_takes_no_licence_that_others_hold(engine: Engine) -> None:
    async def story(engine: Engine) -> list[Accepted | Rejection]:
        await two_nodes(engine)
        await engine.accepted(ChangePolicy(changes={"licences": {"matlab": 2}}))
        jobs = [await engine.submit(gres={"matlab": 1}) for _ in range(4)]
        await engine.reserve(jobs[0], node="a")
        wishes = [
            Request(command=Reserve(job_id=one, node_name=B), provenance=PROVENANCE) for one in jobs[1:3]
        ]
        return await engine.handler.handle_requests(wishes, atomic=False)  # also in one batch

    taken, refused = engine.run(story)
    assert isinstance(taken, Accepted)
    assert isinstance(refused, Rejection)
    assert (refused.code, refused.message) == (
        RejectionCode.CPUS_TAKEN,
        "Job 3 needs matlab:1; of the policy's 2 licences 0 are free.",
    )


def test_the_audit_names_licences_that_crossing_reservations_promise_twice(tampered_engine: Engine) -> None:
    """As with memory; also for who looks from a position on at which the first was held already."""

    async def story(engine: Engine) -> int:
        await two_nodes(engine)
        await engine.accepted(ChangePolicy(changes={"licences": {"matlab": 1}}))
        await engine.accepted(ElectLeader(holder="me", host="here"))
        by_hand, planned = [await engine.submit(gres={"matlab": 1}) for _ in range(2)]
        await engine.reserve(by_hand, node="a")
        [reserved] = await engine.accepted(Reserve(job_id=planned, node_name=B, cpu_ids=(3,), term=Term(1)))
        return reserved.position

    position = tampered_engine.run(story)
    [finding] = replay(tampered_engine.url).findings
    assert (finding.code, finding.subject) == ("licence_overpromised", f"position {position}")
    [(hash_,)] = tampered_engine.sql("SELECT hash FROM events WHERE position = %s", position - 1)
    known = KnownPosition(position=position - 1, hash=bytes(hash_), origin="note")
    report = verify(tampered_engine.url, since=known)
    assert [one.code for one in report.differences] == ["licence_overpromised"]

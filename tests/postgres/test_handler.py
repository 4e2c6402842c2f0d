"""The handler's promises on a real PostgreSQL: alone refused, decided again, recognised, one CPU once."""

import asyncio
import uuid
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from conductor.core.commands import Allocate, Cancel, Command, Release, Requeue, Reserve, Submit
from conductor.core.errors import Rejection, RejectionCode
from conductor.core.events import (
    JobSubmitted,
    NodeRegistered,
    ProcessIdentity,
    RecordedEvent,
    ReleaseReason,
    ResourcesReserved,
)
from conductor.core.identifiers import JobId, NodeName
from conductor.database import DatabaseUnavailable
from conductor.handler import Accepted
from conductor.log import Batch, append
from tests.fix_engine import PROVENANCE, Engine

NODE = NodeName("node-1")
SUBMIT = Submit(script="true\n", user_name="alice", submitted_by="admin")
PROCESS = ProcessIdentity(pid=1, boot_id="boot", start_ticks=1)


def reserve(job_id: int, *cpu_ids: int) -> Reserve:
    return Reserve(job_id=JobId(job_id), node_name=NODE, cpu_ids=cpu_ids)


def test_a_cpu_is_never_promised_twice_and_only_the_culprit_is_refused(engine: Engine) -> None:
    async def story(engine: Engine) -> list[object]:
        await engine.register(cpus=8)
        jobs = [await engine.submit() for _ in range(6)]
        await engine.reserve(jobs[0], 3)
        wishes: list[Command] = [
            reserve(job, cpu) for job, cpu in zip(jobs[1:], (0, 1, 3, 4, 5), strict=True)
        ]
        return list(await engine.handler.handle_all(wishes, PROVENANCE, atomic=False))

    outcomes = engine.run(story)
    assert [type(outcome) for outcome in outcomes] == [Accepted, Accepted, Rejection, Accepted, Accepted]
    assert isinstance(outcomes[2], Rejection)
    assert outcomes[2].code is RejectionCode.CPUS_TAKEN


def test_two_schedulers_that_both_believe_a_cpu_is_free_cannot_both_have_it(engine: Engine) -> None:
    async def story(engine: Engine) -> list[object]:
        await engine.register()
        jobs = [await engine.submit() for _ in range(2)]
        other = Engine(engine.url)
        async with other.open():
            return list(await asyncio.gather(engine.do(reserve(jobs[0], 2)), other.do(reserve(jobs[1], 2))))

    outcomes = engine.run(story)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Accepted", "Rejection"]
    assert engine.sql("SELECT count(*) FROM resource_allocations") == [(1,)]


def test_the_constraint_and_not_the_handler_keeps_a_cpu_from_being_promised_twice(
    tampered_engine: Engine,
) -> None:
    """Without the constraint both are accepted: so nothing else stands in for it."""
    engine = tampered_engine
    engine.sql("ALTER TABLE resource_allocations DROP CONSTRAINT resource_allocations_cpu_once")

    async def story(engine: Engine) -> list[object]:
        await engine.register()
        jobs = [await engine.submit() for _ in range(2)]
        return [await engine.do(reserve(job, 2)) for job in jobs]

    assert [type(outcome) for outcome in engine.run(story)] == [Accepted, Accepted]
    assert any("was promised to allocation" in sentence for sentence in engine.differences())


def test_cpus_that_are_freed_later_in_a_batch_are_not_promised_earlier_in_it(engine: Engine) -> None:
    """The constraint judges the batch as a whole; in the log, positions inside it count as well."""

    async def story(engine: Engine) -> list[object]:
        await engine.register()
        first, second = await engine.submit(), await engine.submit()
        await engine.reserve(first, 0)
        early: list[Command] = [reserve(second, 0), Cancel(job_id=first)]
        late: list[Command] = [
            Requeue(job_id=first),
            reserve(first, 1),
            Cancel(job_id=first),
            reserve(second, 1),
        ]
        return [
            *await engine.handler.handle_all(early, PROVENANCE, atomic=False),
            *await engine.handler.handle_all(late, PROVENANCE, atomic=True),
        ]

    outcomes = engine.run(story)
    assert [type(outcome) for outcome in outcomes[:2]] == [Rejection, Accepted]
    assert all(isinstance(outcome, Accepted) for outcome in outcomes[2:]), outcomes


def test_a_job_has_one_live_allocation_at_most(engine: Engine) -> None:
    async def story(engine: Engine) -> Rejection:
        await engine.register()
        job_id = await engine.submit()
        await engine.reserve(job_id, 0)
        return await engine.refused(reserve(job_id, 1))

    assert engine.run(story).code is RejectionCode.WRONG_STATE


def test_cpus_are_chosen_when_left_out_and_said_to_be_taken_when_there_are_too_few(engine: Engine) -> None:
    async def story(engine: Engine) -> tuple[tuple[int, ...], Rejection]:
        await engine.register(cpus=4)
        await engine.reserve(await engine.submit(), 1)
        chosen = await engine.reserve(await engine.submit(cpus_per_task=2))
        wish = Reserve(job_id=await engine.submit(cpus_per_task=2), node_name=NODE)
        return chosen.cpu_ids, await engine.refused(wish)

    cpu_ids, rejection = engine.run(story)
    assert cpu_ids == (0, 2)
    assert rejection.code is RejectionCode.CPUS_TAKEN


def test_a_refused_command_leaves_nothing_and_its_neighbours_pass(engine: Engine) -> None:
    async def story(engine: Engine) -> list[object]:
        await engine.register(cpus=2)
        wishes: list[Command] = [
            SUBMIT,
            replace(SUBMIT, cpus_per_task=3),
            Cancel(job_id=JobId(999)),
            SUBMIT,
        ]
        return list(await engine.handler.handle_all(wishes, PROVENANCE, atomic=False))

    outcomes = engine.run(story)
    assert [type(outcome) for outcome in outcomes] == [Accepted, Rejection, Rejection, Accepted]
    assert engine.sql("SELECT count(*) FROM events WHERE type = 'JobSubmitted'") == [(2,)]


def test_of_an_atomic_list_all_or_none_is_done(engine: Engine) -> None:
    async def story(engine: Engine) -> list[object]:
        await engine.register(cpus=2)
        wishes = [SUBMIT, replace(SUBMIT, cpus_per_task=3), SUBMIT]
        return list(await engine.handler.handle_all(wishes, PROVENANCE, atomic=True))

    outcomes = engine.run(story)
    assert [outcome.message[:8] for outcome in outcomes if isinstance(outcome, Rejection)] == [
        "Not done",
        "The job ",
        "Not done",
    ]
    assert engine.sql("SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM scripts)") == [(0, 0)]


def test_a_repeated_command_answers_with_what_happened_the_first_time(engine: Engine) -> None:
    async def story(engine: Engine) -> list[object]:
        provenance = replace(PROVENANCE, command_id=str(uuid.uuid4()))
        twice = [engine.handler.handle(SUBMIT, provenance) for _ in range(2)]
        other = Engine(engine.url)
        async with other.open():
            return [*await asyncio.gather(*twice, other.handler.handle(SUBMIT, provenance))]

    outcomes = engine.run(story)
    answers = {(o.position, o.events[0].stream) for o in outcomes if isinstance(o, Accepted)}
    assert (len(outcomes), len(answers)) == (3, 1)
    assert engine.sql("SELECT count(*) FROM jobs") == [(1,)]


def test_another_wish_under_a_used_command_id_is_refused(engine: Engine) -> None:
    async def story(engine: Engine) -> object:
        provenance = replace(PROVENANCE, command_id=str(uuid.uuid4()))
        await engine.handler.handle(SUBMIT, provenance)
        return await engine.handler.handle(replace(SUBMIT, script="false\n"), provenance)

    outcome = engine.run(story)
    assert isinstance(outcome, Rejection)
    assert outcome.field == "command_id"


def test_a_command_that_expects_another_version_is_refused(engine: Engine) -> None:
    async def story(engine: Engine) -> object:
        job_id = await engine.submit()
        return await engine.do(Cancel(job_id=job_id), expected_version=2)

    outcome = engine.run(story)
    assert isinstance(outcome, Rejection)
    assert (outcome.code, outcome.version, outcome.state) == (RejectionCode.VERSION_CONFLICT, 1, "PENDING")


class LostAnswer:
    """`append` that commits and then loses the connection, once."""

    def __init__(self) -> None:
        self.left = 1

    async def __call__(self, connection: Any, batch: Batch) -> list[RecordedEvent]:
        recorded = await append(connection, batch)
        if self.left and not any(isinstance(new.event, NodeRegistered) for new in batch.events):
            self.left -= 1
            await connection.close()
            raise DatabaseUnavailable("the answer was lost")
        return recorded


@pytest.mark.parametrize("kind", ["submit", "reserve", "allocate", "release", "cancel"])
def test_a_commit_whose_answer_was_lost_happens_once(
    engine: Engine, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(engine: Engine) -> Accepted:
        node = await engine.register()
        job_id = await engine.submit()
        where = {"incarnation": node.incarnation, "job_id": job_id, "node_name": NODE}
        commands: dict[str, Command] = {"submit": SUBMIT, "cancel": Cancel(job_id=job_id)}
        commands["reserve"] = reserve(job_id, 0)
        if kind in ("allocate", "release"):
            allocation_id = (await engine.reserve(job_id, 0)).allocation_id
            allocate = Allocate(allocation_id=allocation_id, process=PROCESS, **where)  # type: ignore[arg-type]
            commands["allocate"] = allocate
            if kind == "release":
                await engine.accepted(allocate)
            commands["release"] = Release(
                allocation_id=allocation_id,
                reason=ReleaseReason.FINISHED,
                exit_code=0,
                exit_signal=None,
                **where,  # type: ignore[arg-type]
            )
        monkeypatch.setattr("conductor.handler.append", LostAnswer())
        outcome = await engine.do(commands[kind])
        assert isinstance(outcome, Accepted), outcome
        return outcome

    engine.run(story)
    count = {"submit": 1, "reserve": 2, "allocate": 3, "release": 4, "cancel": 2}[kind]
    jobs = 2 if kind == "submit" else 1
    assert engine.sql(
        "SELECT max(version), count(DISTINCT stream) FROM events WHERE stream LIKE 'job-%%'"
    ) == [(count, jobs)]


def test_commands_wait_out_a_killed_backend(engine: Engine) -> None:
    async def story(engine: Engine) -> None:
        await engine.submit()
        engine.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await engine.submit()

    engine.run(story)
    assert engine.sql("SELECT count(*) FROM jobs") == [(2,)]


def test_events_of_one_batch_are_seen_by_the_commands_behind_them(engine: Engine) -> None:
    async def story(engine: Engine) -> list[object]:
        job_id = await engine.submit()
        wishes: list[Command] = [Cancel(job_id=job_id), Cancel(job_id=job_id)]
        return list(await engine.handler.handle_all(wishes, PROVENANCE, atomic=True))

    outcomes = engine.run(story)
    assert [len(outcome.events) for outcome in outcomes if isinstance(outcome, Accepted)] == [1, 0]


def test_scripts_are_kept_once_and_environments_never_reach_the_log(engine: Engine) -> None:
    async def story(engine: Engine) -> tuple[RecordedEvent, ...]:
        await engine.submit(script="same\n")
        return await engine.accepted(replace(SUBMIT, script="same\n", environment={"TOKEN": "hunter2"}))

    event = engine.run(story)[0].event
    assert isinstance(event, JobSubmitted)
    assert engine.sql("SELECT count(*) FROM scripts") == [(1,)]
    assert engine.sql('SELECT "values" FROM environments') == [({"TOKEN": "hunter2"},)]
    assert engine.sql("SELECT count(*) FROM events WHERE events::text LIKE '%%hunter2%%'") == [(0,)]


def test_a_requeued_job_has_one_row_and_its_earlier_allocation_moves_to_the_past(engine: Engine) -> None:
    async def story(engine: Engine) -> None:
        await engine.register()
        job_id = await engine.submit()
        await engine.reserve(job_id, 0)
        await engine.accepted(Requeue(job_id=job_id))
        second = await engine.reserve(job_id, 1)
        assert isinstance(second, ResourcesReserved)
        assert second.attempt == 2

    engine.run(story)
    assert engine.sql("SELECT attempt, status FROM resource_allocations") == [(2, "reserved")]
    assert engine.sql("SELECT attempt, status, release_reason FROM past_allocations") == [
        (1, "released", "cancelled")
    ]


def test_the_projections_cannot_be_written_by_a_batch_that_is_refused_at_the_door(engine: Engine) -> None:
    with psycopg.connect(engine.url, autocommit=True) as connection, pytest.raises(psycopg.DatabaseError):
        connection.execute(
            "SELECT * FROM commit_batch(now(), '{\"job-1\": 5}', '[]', "
            '\'{"nodes": [{"name": "n", "state": "UP", "total_cpus": 1, "cpu_ids": [0], "labels": {},'
            ' "incarnation": 1, "boot_id": "b", "spool_id": "s", "cpu_block": 0,'
            ' "registered_at": "2026-01-01T00:00:00Z", "version": 1}]}\', NULL, \'{}\')'
        )
    assert engine.sql("SELECT count(*) FROM nodes") == [(0,)]


@pytest.mark.parametrize("atomic", [False, True])
def test_a_reservation_that_ends_in_its_own_batch_is_judged_as_well(engine: Engine, atomic: bool) -> None:
    """Its row would never be live; in the log its CPU would be another's at one position."""

    async def story(engine: Engine) -> None:
        await engine.register()
        await engine.reserve(await engine.submit(), 0)
        passing = await engine.submit()
        wishes: list[Command] = [
            Reserve(job_id=passing, node_name=NODE, cpu_ids=(0,)),
            Cancel(job_id=passing),
        ]
        reserved, cancelled = await engine.handler.handle_all(wishes, PROVENANCE, atomic=atomic)
        assert isinstance(reserved, Rejection)
        assert reserved.code is RejectionCode.CPUS_TAKEN
        assert isinstance(cancelled, Rejection) is atomic
        free: list[Command] = [Reserve(job_id=passing, node_name=NODE, cpu_ids=(1,)), Cancel(job_id=passing)]
        if atomic:
            outcomes = await engine.handler.handle_all(free, PROVENANCE, atomic=True)
            assert all(isinstance(outcome, Accepted) for outcome in outcomes)
        assert engine.sql("SELECT count(*) FROM allocation_history WHERE id < 0") == [(0,)]

    engine.run(story)

"""Leases: who leads, who was heard from, and who may be called lost."""

from typing import Any

import pytest

from conductor.core.commands import DeclareNodeLost, DrainNode, RegisterNode, RemoveNode
from conductor.core.errors import Rejection, RejectionCode
from conductor.core.identifiers import NodeName
from conductor.log import Batch, VersionConflict, append
from tests.fix_engine import Engine

NODE = NodeName("node-1")


def renew(engine: Engine, incarnation: int, seconds: float = 60) -> bool:
    [(expires_at,)] = engine.sql("SELECT renew_lease(%s, %s, %s, %s)", NODE, incarnation, seconds, [])
    return expires_at is not None


def end_lease(engine: Engine) -> None:
    engine.sql("UPDATE node_leases SET expires_at = clock_timestamp() - interval '1 second'")


def test_a_lease_is_renewed_by_the_newest_incarnation_and_no_other(engine: Engine) -> None:
    engine.run(lambda e: e.register())
    assert renew(engine, 1)
    engine.run(lambda e: e.register())
    assert not renew(engine, 1)
    assert renew(engine, 2)
    assert renew(engine, 2)


def test_a_lease_that_has_passed_is_not_renewed_and_a_new_registration_begins_another(engine: Engine) -> None:
    engine.run(lambda e: e.register())
    assert renew(engine, 1)
    end_lease(engine)
    assert not renew(engine, 1)
    engine.run(lambda e: e.register())
    assert renew(engine, 2)


def test_an_executor_that_stops_gets_no_new_work_and_its_lease_runs_on(engine: Engine) -> None:
    engine.run(lambda e: e.register())
    renew(engine, 1)
    engine.sql("SELECT stop_accepting(%s, 1)", NODE)
    [(accepting, lives)] = engine.sql("SELECT accepting, expires_at > clock_timestamp() FROM node_leases")
    assert (accepting, lives) == (False, True)
    renew(engine, 1)
    assert engine.sql("SELECT accepting FROM node_leases") == [(True,)]


def test_another_spool_is_refused_while_the_lease_lives(engine: Engine) -> None:
    other = RegisterNode(node_name=NODE, spool_id="other", boot_id="b", total_cpus=4)

    async def story(engine: Engine) -> Rejection:
        await engine.register()
        renew(engine, 1)
        return await engine.refused(other)

    assert engine.run(story).code is RejectionCode.WRONG_STATE
    end_lease(engine)
    engine.run(lambda e: e.accepted(other))


def test_a_node_is_declared_lost_only_when_its_lease_is_over(engine: Engine) -> None:
    async def story(engine: Engine) -> Rejection:
        await engine.register()
        renew(engine, 1)
        return await engine.refused(DeclareNodeLost(node_name=NODE))

    assert engine.run(story).code is RejectionCode.WRONG_STATE
    end_lease(engine)
    engine.run(lambda e: e.accepted(DeclareNodeLost(node_name=NODE)))
    assert engine.sql("SELECT state FROM nodes") == [("LOST",)]
    assert not renew(engine, 1)


def test_a_renewal_just_before_the_declaration_reaches_the_door_wins(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Decided while the lease was over, committed after it was renewed: the door looks once more."""
    conflicts: list[str] = []

    async def renewed_append(connection: Any, batch: Batch) -> Any:
        if batch.rows.get("lost_nodes") and not conflicts:
            engine.sql("UPDATE node_leases SET expires_at = clock_timestamp() + interval '1 minute'")
        try:
            return await append(connection, batch)
        except VersionConflict as conflict:
            conflicts.append(str(conflict))
            raise

    async def story(engine: Engine) -> Rejection:
        await engine.register()
        renew(engine, 1)
        end_lease(engine)
        monkeypatch.setattr("conductor.handler.append", renewed_append)
        return await engine.refused(DeclareNodeLost(node_name=NODE))

    assert engine.run(story).code is RejectionCode.WRONG_STATE
    assert "heard from again" in conflicts[0]
    assert engine.sql("SELECT state FROM nodes") == [("UP",)]


def test_a_drained_node_keeps_its_lease_and_a_lost_or_removed_one_has_none(engine: Engine) -> None:
    engine.run(lambda e: e.register())
    engine.run(lambda e: e.accepted(DrainNode(node_name=NODE)))
    assert renew(engine, 1)
    end_lease(engine)
    engine.run(lambda e: e.accepted(DeclareNodeLost(node_name=NODE)))
    assert not renew(engine, 1)
    engine.run(lambda e: e.register())
    assert renew(engine, 2)
    engine.run(lambda e: e.accepted(RemoveNode(node_name=NODE)))
    assert not renew(engine, 2)


def take_leadership(engine: Engine, holder: str, seconds: float = 60) -> bool:
    [(granted,)] = engine.sql("SELECT take_leadership(%s, %s)", holder, seconds)
    return bool(granted)


def test_leadership_is_renewed_by_its_holder_only_and_taken_when_it_has_passed(engine: Engine) -> None:
    assert take_leadership(engine, "first")
    assert not take_leadership(engine, "second")
    assert take_leadership(engine, "first", 0)
    assert take_leadership(engine, "second")
    assert not take_leadership(engine, "first")


def test_leadership_is_given_up_by_its_holder_only(engine: Engine) -> None:
    assert take_leadership(engine, "first")
    engine.sql("SELECT give_up_leadership('second')")
    assert not take_leadership(engine, "second")
    engine.sql("SELECT give_up_leadership('first')")
    assert take_leadership(engine, "second")

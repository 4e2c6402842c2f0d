"""Leases: one scheduler leads at a time, and a node's lease is its newest executor's alone."""

from conductor.core.commands import DeclareNodeLost, DrainNode, RemoveNode
from conductor.core.identifiers import NodeName
from tests.fix_engine import Engine

NODE = NodeName("node-1")


def take_leadership(engine: Engine, holder: str, seconds: float = 60) -> bool:
    [(granted,)] = engine.sql("SELECT take_leadership(%s, %s)", holder, seconds)
    return bool(granted)


def renew(engine: Engine, incarnation: int, seconds: float = 60) -> bool:
    [(expires_at,)] = engine.sql("SELECT renew_lease('node-1', %s, %s, '{}')", incarnation, seconds)
    return expires_at is not None


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


def test_only_the_newest_incarnation_renews_a_nodes_lease(engine: Engine) -> None:
    engine.run(lambda e: e.register())
    assert renew(engine, 1)
    engine.run(lambda e: e.register())
    assert not renew(engine, 1)
    assert not renew(engine, 3)
    assert renew(engine, 2)


def test_a_lease_that_has_passed_is_not_renewed_and_a_new_registration_begins_another(engine: Engine) -> None:
    engine.run(lambda e: e.register())
    assert renew(engine, 1, 0)
    assert not renew(engine, 1)
    engine.run(lambda e: e.register())
    assert renew(engine, 2)


def test_a_drained_node_keeps_its_lease_and_a_lost_or_removed_one_has_none(engine: Engine) -> None:
    engine.run(lambda e: e.register())
    engine.run(lambda e: e.accepted(DrainNode(node_name=NODE)))
    assert renew(engine, 1)
    engine.run(lambda e: e.accepted(DeclareNodeLost(node_name=NODE)))
    assert not renew(engine, 1)
    engine.run(lambda e: e.register())
    assert renew(engine, 2)
    engine.run(lambda e: e.accepted(RemoveNode(node_name=NODE)))
    assert not renew(engine, 2)

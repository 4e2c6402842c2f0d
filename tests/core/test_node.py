"""A node's life, and what may be asked of it."""

from conductor.core.commands import DeclareNodeLost, DrainNode, RegisterNode, RemoveNode, ResumeNode
from conductor.core.errors import RejectionCode
from conductor.core.events import NodeDrained, NodeRegistered
from conductor.core.identifiers import node_stream
from conductor.core.node import Node, NodeState
from tests.given import NODE, World, one_node, refused


def node_of(world: World) -> Node:
    node = world.states[node_stream(NODE)]
    assert isinstance(node, Node)
    return node


def register(**changes: object) -> RegisterNode:
    fields: dict[str, object] = {"spool_id": "s", "boot_id": "b", "total_cpus": 4, "cpu_block": 1 << 20}
    return RegisterNode(node_name=NODE, **{**fields, **changes})  # type: ignore[arg-type]  # a dict of fields


def test_every_registration_begins_a_new_incarnation_and_keeps_the_block_of_cpu_numbers() -> None:
    world = World()
    world.when(register())
    world.when(register(cpu_block=5 << 20, total_cpus=2))
    node = node_of(world)
    assert (node.incarnation, node.cpu_block, node.cpu_ids) == (2, 1 << 20, (0, 1))


def test_a_drained_node_stays_drained_when_its_executor_comes_back() -> None:
    world = one_node()
    world.when(DrainNode(node_name=NODE, reason="disk"))
    world.when(register())
    assert (node_of(world).state, node_of(world).reason) == (NodeState.DRAINED, "disk")
    world.when(ResumeNode(node_name=NODE))
    assert node_of(world).state is NodeState.UP


def test_a_lost_or_removed_node_comes_back_by_registering_only() -> None:
    for end in (DeclareNodeLost(node_name=NODE), RemoveNode(node_name=NODE)):
        world = one_node()
        world.when(end)
        assert refused(world.when(ResumeNode(node_name=NODE))) is RejectionCode.WRONG_STATE
        world.when(register())
        assert node_of(world).state is NodeState.UP


def test_what_is_already_so_is_no_event() -> None:
    world = one_node()
    assert world.when(ResumeNode(node_name=NODE)) == ()
    world.when(DrainNode(node_name=NODE))
    assert world.when(DrainNode(node_name=NODE)) == ()


def test_a_drained_node_that_is_drained_for_another_reason_has_that_one_and_keeps_it_without_one() -> None:
    world = one_node()
    world.when(DrainNode(node_name=NODE, reason="disk"))
    assert world.when(DrainNode(node_name=NODE, reason="fan")) == (NodeDrained(reason="fan"),)
    assert (node_of(world).state, node_of(world).reason) == (NodeState.DRAINED, "fan")
    for again in ("fan", None):
        assert world.when(DrainNode(node_name=NODE, reason=again)) == ()
    assert node_of(world).reason == "fan"


def test_an_unknown_node_is_said_to_be_unknown() -> None:
    assert refused(World().when(DrainNode(node_name=NODE))) is RejectionCode.NODE_UNKNOWN


def test_cpu_numbers_must_be_as_many_as_stated_and_inside_the_block() -> None:
    assert refused(World().when(register(cpu_ids=(0, 1)))) is RejectionCode.INVALID
    assert refused(World().when(register(cpu_ids=(0, 1, 2, 1 << 20)))) is RejectionCode.INVALID
    outcome = World().when(register(cpu_ids=(8, 2, 4, 6)))
    assert isinstance(outcome, tuple)
    assert isinstance(outcome[0], NodeRegistered)
    assert outcome[0].cpu_ids == (2, 4, 6, 8)


def test_a_registration_says_what_the_node_has_and_the_next_one_says_it_anew() -> None:
    world = World()
    world.when(register(labels={"zone": "a"}, gres={"gpu": 2, "fpga": 0}, numa=((1, 0), (3, 2), ())))
    node = node_of(world)
    assert (node.labels, node.gres, node.numa) == ({"zone": "a"}, {"gpu": 2}, ((0, 1), (2, 3)))
    world.when(register())
    node = node_of(world)
    assert (node.labels, node.gres, node.numa) == ({}, {}, ())


def test_numa_names_cpus_of_the_node_each_once() -> None:
    assert refused(World().when(register(numa=((0, 1), (1, 2))))) is RejectionCode.INVALID
    assert refused(World().when(register(numa=((0, 4),)))) is RejectionCode.INVALID

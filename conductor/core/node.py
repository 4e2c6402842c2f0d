"""A node's life: registered, drained, resumed, lost, removed; and what a command may ask of it.

Every registration begins a new incarnation. Its CPU numbers lie in a block of their own
(`cpu_block .. cpu_block + CPU_BLOCK_SIZE`), so that one constraint over all nodes can tell them apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from conductor.core.commands import (
    DeclareNodeLost,
    DrainNode,
    NodeCommand,
    RegisterNode,
    RemoveNode,
    ResumeNode,
)
from conductor.core.errors import IllegalTransition, Rejection, RejectionCode
from conductor.core.events import (
    NodeDrained,
    NodeEvent,
    NodeLost,
    NodeRegistered,
    NodeRemoved,
    NodeResumed,
)
from conductor.core.held_numbers import CPU_BLOCK_SIZE, colliding
from conductor.core.identifiers import Incarnation, NodeName, Version
from conductor.core.said import Said


class NodeState(StrEnum):
    UP = "UP"
    DRAINED = "DRAINED"  # running jobs go on, no new ones come
    LOST = "LOST"
    REMOVED = "REMOVED"


N = NodeState

# state before -> event -> state after; a drained node that registers again stays drained, lost or not
TRANSITIONS: Mapping[NodeState | None, Mapping[str, NodeState]] = {
    None: {"NodeRegistered": N.UP},
    N.UP: {
        "NodeRegistered": N.UP,
        "NodeDrained": N.DRAINED,
        "NodeLost": N.LOST,
        "NodeRemoved": N.REMOVED,
    },
    N.DRAINED: {
        "NodeRegistered(drained)": N.DRAINED,
        "NodeDrained": N.DRAINED,
        "NodeResumed": N.UP,
        "NodeLost": N.LOST,
        "NodeRemoved": N.REMOVED,
    },
    N.LOST: {
        "NodeRegistered": N.UP,
        "NodeRegistered(drained)": N.DRAINED,
        "NodeLost": N.LOST,
        "NodeRemoved": N.REMOVED,
    },
    N.REMOVED: {"NodeRegistered": N.UP},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A fold of one node's stream."""

    node_name: NodeName
    version: Version
    state: NodeState
    incarnation: Incarnation
    spool_id: str
    boot_id: str
    total_cpus: int
    cpu_ids: tuple[int, ...]
    cpu_block: int
    memory_mb: int | None
    registered_at: datetime
    reason: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    gres: Mapping[str, int] = field(default_factory=dict)
    numa: tuple[tuple[int, ...], ...] = ()
    drained: bool = False
    jobs_lost: bool = False  # lost, and a person vouches that nothing runs there any more


def trigger(node: Node | None, event: NodeEvent) -> str:
    """The key under which an event stands in `TRANSITIONS`."""
    drained = isinstance(event, NodeRegistered) and node is not None and node.drained
    return f"{type(event).__name__}(drained)" if drained else type(event).__name__


def evolve(node: Node | None, event: NodeEvent, *, at: datetime, version: Version) -> Node:
    """The node after the event. Raises `IllegalTransition`; nothing has changed then."""
    before = node.state if node is not None else None
    name = trigger(node, event)
    after = TRANSITIONS[before].get(name)
    if after is None:
        raise IllegalTransition(f"{name} cannot follow {before or 'nothing'} (version {version})")
    match event:
        case NodeRegistered():
            return _registered(event, after, node, at, version)
        case NodeLost():
            assert node is not None
            return replace(node, version=version, state=after, reason=event.reason, jobs_lost=event.jobs_lost)
        case NodeDrained() | NodeResumed() | NodeRemoved():
            assert node is not None
            drained = after is NodeState.DRAINED
            return replace(node, version=version, state=after, reason=event.reason, drained=drained)
        case _:
            assert_never(event)


def _registered(
    event: NodeRegistered, state: NodeState, before: Node | None, at: datetime, version: Version
) -> Node:
    return Node(
        node_name=event.node_name,
        version=version,
        state=state,
        incarnation=event.incarnation,
        spool_id=event.spool_id,
        boot_id=event.boot_id,
        total_cpus=event.total_cpus,
        cpu_ids=event.cpu_ids,
        cpu_block=event.cpu_block,
        memory_mb=event.memory_mb,
        registered_at=at,
        reason=before.reason if before is not None and state is NodeState.DRAINED else None,
        labels=event.labels,
        gres=event.gres,
        numa=event.numa,
        drained=state is NodeState.DRAINED,
    )


def decide(
    command: NodeCommand, node: Node | None, *, lease_lives: bool
) -> tuple[NodeEvent, ...] | Rejection:
    """Events, or a rejection. What is already so is accepted with no events."""
    if isinstance(command, RegisterNode):
        return _register(command, node, lease_lives)
    if node is None:
        return _no(RejectionCode.NODE_UNKNOWN, Said("never_registered", node=command.node_name), None)
    match command:
        case DrainNode():
            return _drain(command, node)
        case ResumeNode():
            return _move(node, NodeState.UP, NodeResumed(reason=command.reason))
        case DeclareNodeLost():
            return _lose(command, node, lease_lives)
        case RemoveNode():
            return _move(node, NodeState.REMOVED, NodeRemoved(reason=command.reason))
        case _:
            assert_never(command)


def _drain(command: DrainNode, node: Node) -> tuple[NodeEvent, ...] | Rejection:
    event = NodeDrained(reason=command.reason)
    if node.state is NodeState.DRAINED and command.reason not in (None, node.reason):
        return (event,)  # for another reason from now on
    return _move(node, NodeState.DRAINED, event)


def _lose(command: DeclareNodeLost, node: Node, lease_lives: bool) -> tuple[NodeEvent, ...] | Rejection:
    event = NodeLost(reason=command.reason, jobs_lost=command.jobs_lost)
    if node.state is NodeState.LOST and command.jobs_lost and not node.jobs_lost:
        return (event,)
    if lease_lives and node.state in (NodeState.UP, NodeState.DRAINED):
        return _no(
            RejectionCode.WRONG_STATE,
            Said("still_heard", node=node.node_name),
            node,
        )
    return _move(node, NodeState.LOST, event)


def _register(
    command: RegisterNode, node: Node | None, lease_lives: bool
) -> tuple[NodeEvent, ...] | Rejection:
    if node is not None and lease_lives and node.spool_id != command.spool_id:
        return _no(
            RejectionCode.WRONG_STATE,
            f"The name {node.node_name} is held by incarnation {node.incarnation} on another spool folder "
            f"({node.spool_id}), and its lease lives. Give this machine another NODE_NAME, or stop that executor.",
            node,
        )
    assert command.cpu_block is not None, "the handler draws the block before the first try"
    cpu_ids = tuple(sorted(command.cpu_ids or range(command.total_cpus)))
    if len(set(cpu_ids)) != command.total_cpus or not 0 <= cpu_ids[0] <= cpu_ids[-1] < CPU_BLOCK_SIZE:
        return _no(
            RejectionCode.INVALID,
            f"cpu_ids must name {command.total_cpus} different CPUs from 0 to {CPU_BLOCK_SIZE - 1}.",
            node,
        )
    pair = colliding(command.gres)
    if pair is not None:
        return _no(
            RejectionCode.INVALID,
            f"{pair[0]} and {pair[1]} cannot be told apart in the log's numbers; rename one of them.",
            node,
            field="gres",
        )
    numa = [cpu for cpus in command.numa for cpu in cpus]
    if len(set(numa)) != len(numa) or not set(numa) <= set(cpu_ids):
        return _no(
            RejectionCode.INVALID,
            "numa must name each CPU of the node at most once, and no other.",
            node,
            field="numa",
        )
    return (
        NodeRegistered(
            node_name=command.node_name,
            incarnation=Incarnation(node.incarnation + 1 if node else 1),
            spool_id=command.spool_id,
            boot_id=command.boot_id,
            total_cpus=command.total_cpus,
            cpu_ids=cpu_ids,
            cpu_block=node.cpu_block if node else command.cpu_block,
            memory_mb=command.memory_mb,
            labels=dict(command.labels),
            gres={name: count for name, count in sorted(command.gres.items()) if count},
            numa=tuple(tuple(sorted(cpus)) for cpus in command.numa if cpus),
        ),
    )


def _move(node: Node, wanted: NodeState, event: NodeEvent) -> tuple[NodeEvent, ...] | Rejection:
    if node.state is wanted:
        return ()
    if type(event).__name__ not in TRANSITIONS[node.state]:
        return _no(
            RejectionCode.WRONG_STATE,
            Said("cannot_become", node=node.node_name, state=node.state, wanted=wanted),
            node,
        )
    return (event,)


def _no(code: RejectionCode, message: str, node: Node | None, *, field: str | None = None) -> Rejection:
    return Rejection(
        code=code,
        message=message,
        state=str(node.state) if node else None,
        version=int(node.version) if node else None,
        field=field,
    )

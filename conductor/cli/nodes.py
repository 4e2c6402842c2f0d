"""Nodes: listed, shown, drained and resumed."""

from typing import TYPE_CHECKING

from conductor.cli.moments import moment_option, tell_moment
from conductor.cli.options import AsOf, Json, NodeName, Reason, Wide

if TYPE_CHECKING:
    from conductor.client import Client, Event, Node

_STATE_EVENTS = {"UP": "NodeResumed", "DRAINED": "NodeDrained", "LOST": "NodeLost", "REMOVED": "NodeRemoved"}


def nodes(
    as_of: AsOf = None,
    as_json: Json = False,
    wide: Wide = False,
) -> None:
    """List the nodes and what is free on them.

    Example: conductor nodes
    """
    from conductor.cli.node_views import node_table
    from conductor.cli.screen import Screen
    from conductor.client import connect

    screen = Screen.open()
    with connect(channel="cli") as client:
        found = client.nodes(as_of=moment_option(as_of, screen))
    if as_json:
        screen.json(found.raw)
    elif not found.nodes:
        screen.warn("no_nodes")
    else:
        tell_moment(found.raw, screen)
        node_table(found.nodes, screen, wide=wide)


def node(name: NodeName, as_json: Json = False) -> None:
    """Show one node.

    Example: conductor node node-1
    """
    from conductor.cli.node_views import node_sheet
    from conductor.cli.screen import Screen
    from conductor.client import connect

    screen = Screen.open()
    with connect(channel="cli") as client:
        found = client.node(name)
        last = None if as_json else _brought_into(client, found)
    screen.json(found.raw) if as_json else node_sheet(found, last, screen)


def _brought_into(client: "Client", node: "Node") -> "Event | None":
    """The event by which the node got into its state: of a node that takes jobs, since it registered."""
    kind = _STATE_EVENTS.get(node.state)
    if kind is None:
        return None
    found = client.events(stream=f"node-{node.name}", event_type=kind, limit=10_000).events
    last = found[-1] if found else None
    if node.state == "UP" and last is not None and node.registered_at and last.at < node.registered_at:
        return None
    return last


def drain(name: NodeName, reason: Reason = None, as_json: Json = False) -> None:
    """Place nothing more on a node; what runs there runs on.

    Example: conductor drain node-1 --reason "new disk"
    """
    _change(name, "drain", "drained", reason, as_json=as_json)


def resume(name: NodeName, reason: Reason = None, as_json: Json = False) -> None:
    """Let a drained node take jobs again.

    Example: conductor resume node-1
    """
    _change(name, "resume", "resumed", reason, as_json=as_json)


def _change(name: str, verb: str, key: str, reason: str | None, *, as_json: bool) -> None:
    from conductor.cli.screen import Screen
    from conductor.client import connect

    screen = Screen.open()
    with connect(channel="cli") as client:
        change = client.drain if verb == "drain" else client.resume
        answer = change(name, reason=reason).raw
    if as_json:
        screen.json(answer)
        return
    screen.say(key, name=name)
    if verb == "drain" and reason is None and answer.get("reason"):
        screen.say("drained_for", reason=answer["reason"])

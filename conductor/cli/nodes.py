"""Nodes: listed, shown, drained and resumed."""

from conductor.cli.moments import moment_option, tell_moment
from conductor.cli.options import AsOf, Json, NodeName, Reason, Wide


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
    from conductor.cli.screen import Screen
    from conductor.client import connect

    screen = Screen.open()
    with connect(channel="cli") as client:
        found = client.node(name)
    screen.json(found.raw) if as_json else _sheet(found.raw)


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
        answer = change(name, reason=reason)
    screen.json(answer) if as_json else screen.say(key, name=name)


def _sheet(raw: dict[str, object]) -> None:
    """Every key that has a value: an operator wants to see what there is, under the names SQL has too."""
    from conductor.cli.visible import one_line

    shown = {key: value for key, value in raw.items() if value not in (None, {}, [])}
    widest = max(map(len, shown), default=0)
    for key, value in shown.items():
        print(f"{key:<{widest}}  {one_line(_text(value))}")


def _text(value: object) -> str:
    from conductor.cli.numbers import number_ranges

    if isinstance(value, dict):
        return ", ".join(f"{name}: {_text(one)}" for name, one in value.items())
    numbers = isinstance(value, list) and all(isinstance(one, int) for one in value)
    return number_ranges(value) if numbers else str(value)  # type: ignore[arg-type]

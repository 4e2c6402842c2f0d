"""How nodes look: as rows of a table, and one of them as a whole sheet.

Promises: a node that is not heard from says so whatever its state is, and none of its CPUs is shown as free.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from conductor.cli.numbers import number_ranges
from conductor.cli.screen import Screen
from conductor.cli.tables import FIXED, FLEXIBLE, NUMBER
from conductor.cli.timeline_views import who
from conductor.cli.times import duration, local
from conductor.client import Event, Node
from conductor.core.resource_texts import labels_text

_OUT_OF_REACH = ("LOST", "REMOVED")


def node_table(nodes: Sequence[Node], screen: Screen, *, wide: bool = False) -> None:
    columns = [
        ("name", FLEXIBLE), ("state", FIXED), ("used", NUMBER), ("reserved", NUMBER), ("free", NUMBER),
        ("total", NUMBER), ("memory", NUMBER), ("reason", FLEXIBLE),
    ]  # fmt: skip
    rows = [
        [one.name, one.state, one.used_cpus, one.reserved_cpus, _free(one), one.total_cpus,
         _gigabytes(one.memory_mb), reason_of(one, screen)]
        for one in nodes
    ]  # fmt: skip
    if wide:
        columns += [("memory_held", NUMBER), ("gres", FLEXIBLE), ("numa", FLEXIBLE), ("labels", FLEXIBLE)]
        for row, one in zip(rows, nodes, strict=True):
            row += [_gigabytes(one.held_memory_mb), _gres(one), _numa(one), labels_text(one.labels)]
    screen.table(columns, rows, wide=wide)


def is_silent(node: Node) -> bool:
    """Of the past nobody knows: leases are not in the log."""
    return node.lease_live is False


def silence(node: Node, screen: Screen) -> str:
    """For how long it has not been heard from."""
    if node.lease_renewed_at is None:
        return screen.text("never_heard")
    seconds = (datetime.now(UTC) - node.lease_renewed_at).total_seconds()
    return screen.text("silent_for", time=duration(seconds))


def reason_of(node: Node, screen: Screen) -> str | None:
    """Why it takes no jobs. What was said when its state changed is told as the reason of then."""
    if not is_silent(node) or node.state == "REMOVED":
        return node.reason
    told = silence(node, screen)
    if node.state == "UP" or not node.reason:
        return told
    return screen.text("silent_and", silence=told, state=node.state, reason=node.reason)


def _free(node: Node) -> int | str | None:
    return "-" if is_silent(node) or node.state in _OUT_OF_REACH else node.free_cpus


def _gigabytes(memory_mb: int | None) -> str:
    return "" if memory_mb is None else f"{memory_mb / 1024:.1f}G"


def _gres(node: Node) -> str:
    """Held, of how many: `gpu:1/4`. What only jobs know of is a name that the node has given up."""
    counts = {**dict.fromkeys(node.held_gres, 0), **node.gres}
    return ",".join(f"{name}:{node.held_gres.get(name, 0)}/{counts[name]}" for name in sorted(counts))


def _numa(node: Node) -> str:
    return " | ".join(number_ranges(node.numa[index]) for index in sorted(node.numa, key=int))


def node_sheet(node: Node, last: Event | None, screen: Screen) -> None:
    """All that is known of a node. `last`: the event that brought it into its state, when that was no registration."""
    screen.say("node_title", name=node.name)
    screen.pairs(
        [(f"label_{label}", value) for label, value in _facts(node, last, screen) if value], wrap=True
    )


def _facts(node: Node, last: Event | None, screen: Screen) -> list[tuple[str, str | None]]:
    silent = is_silent(node) and node.state != "REMOVED"
    told = (
        screen.text("state_silent", state=node.state, silence=silence(node, screen)) if silent else node.state
    )
    return [
        ("state", told),
        ("reason", node.reason),
        ("state_since", _since(last, screen)),
        ("cpus", _cpus(node, screen)),
        ("cpu_numbers", number_ranges(node.cpu_ids) or None),
        ("memory", _memory(node, screen)),
        ("gres", _each_gres(node, screen)),
        ("numa", _numa(node) or None),
        ("labels", labels_text(node.labels) or None),
        ("node_jobs", str(node.running_jobs or 0)),
        ("lease", _lease(node, screen)),
        ("registered", _registered(node, screen)),
        ("boot", node.boot_id),
        ("spool", node.spool_id),
    ]


def _since(last: Event | None, screen: Screen) -> str | None:
    if last is None:
        return None
    by = who(last.metadata.get("actor"), str(last.metadata.get("channel") or ""), screen.language)
    return screen.text("node_since", at=local(last.at), by=by)


def _cpus(node: Node, screen: Screen) -> str:
    return screen.text(
        "node_cpus", total=node.total_cpus, used=node.used_cpus, reserved=node.reserved_cpus, free=_free(node)
    )


def _memory(node: Node, screen: Screen) -> str | None:
    if node.memory_mb is None:
        return None
    return screen.text("node_memory", total=node.memory_mb, held=node.held_memory_mb or 0)


def _each_gres(node: Node, screen: Screen) -> str | None:
    names = sorted({**node.held_gres, **node.gres})
    said = [
        screen.text("node_gres", name=name, held=node.held_gres.get(name, 0), total=node.gres.get(name, 0))
        for name in names
    ]
    return ", ".join(said) or None


def _lease(node: Node, screen: Screen) -> str | None:
    if node.lease_expires_at is None or node.lease_renewed_at is None:
        return None
    key = "lease_lives" if node.lease_live else "lease_is_over"
    return screen.text(key, until=local(node.lease_expires_at), renewed=local(node.lease_renewed_at))


def _registered(node: Node, screen: Screen) -> str | None:
    if node.registered_at is None:
        return None
    return screen.text("node_registered", at=local(node.registered_at), incarnation=node.incarnation)

"""Events in a list: what happened, who did it, and the data in a few words."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from conductor.cli.numbers import number_ranges
from conductor.cli.policy_values import DEFAULTS, differences
from conductor.cli.screen import Screen
from conductor.cli.tables import FIXED, FLEXIBLE, MOMENT, NUMBER, Cell, Column
from conductor.client import Event
from conductor.core.resource_texts import gres_text, labels_text

Data = Mapping[str, Any]


def event_table(
    events: Sequence[Event], policies: Mapping[int, Data], screen: Screen, *, of_one_stream: bool, wide: bool
) -> None:
    """`policies`: by the position of each change, the policy before it. What one stream's name would say in every
    line is left out.
    """
    named = wide or not of_one_stream
    columns: list[tuple[str, Column]] = [("log_position", NUMBER), ("at", MOMENT)]
    columns += [("stream", FLEXIBLE)] if named else []
    columns += [("event", FIXED), ("by", Column(least=6))]
    columns += [("through", FLEXIBLE)] if wide else []
    columns.append(("details", FLEXIBLE))
    rows: list[list[Cell]] = []
    for one in events:
        row: list[Cell] = [one.position, f"{one.at.astimezone():%m-%d %H:%M:%S}"]
        row += [one.stream] if named else []
        row += [one.type, one.metadata.get("actor")]
        row += [one.metadata.get("channel")] if wide else []
        rows.append([*row, details_of(one, policies.get(one.position, DEFAULTS))])
    screen.table(columns, rows, wide=wide)


def details_of(event: Event, policy_before: Data = DEFAULTS) -> str:
    """What a person wants to know of it; every other type shows its data as it is."""
    if event.type == "PolicyChanged":
        return _policy_changed(event.data, policy_before)
    return _DETAILS.get(event.type, _all)(event.data)


def _all(data: Data) -> str:
    return " ".join(f"{key}={value}" for key, value in data.items() if value not in (None, "", [], {}))


def _submitted(data: Data) -> str:
    count = int(data.get("ntasks_per_node") or 1) * int(data.get("cpus_per_task") or 1)
    wishes = [gres_text(data.get("gres") or {}), labels_text(data.get("labels") or {})]
    wishes.append(",".join(data.get("nodelist") or []))
    return ", ".join(filter(None, [str(data.get("name")), _cpus(count), *wishes]))


def _reserved(data: Data) -> str:
    numbers = data.get("cpu_ids") or []
    pieces = [f"{name} {number_ranges(ids)}" for name, ids in sorted((data.get("gres") or {}).items())]
    return ", ".join(
        [str(data.get("node_name")), _cpus(len(numbers)), *pieces, f"attempt {data.get('attempt')}"]
    )


def _allocated(data: Data) -> str:
    process = data.get("process")
    return f"PID {process.get('pid')}" if isinstance(process, dict) else _all(data)


def _released(data: Data) -> str:
    said = [str(data.get("reason"))]
    if data.get("exit_code") is not None:
        said.append(f"exit code {data['exit_code']}")
    if data.get("exit_signal") is not None:
        said.append(f"signal {data['exit_signal']}")
    if data.get("cpu_seconds") is not None:
        said.append(f"{data['cpu_seconds']:.2f} s of CPU")
    if data.get("detail"):
        said.append(str(data["detail"]))
    return ", ".join(said)


def _reason(data: Data) -> str:
    return str(data.get("reason") or "")


def _requeued(data: Data) -> str:
    return ", ".join(filter(None, [f"attempt {data.get('attempt')}", _reason(data)]))


def _registered(data: Data) -> str:
    has = [gres_text(data.get("gres") or {}), labels_text(data.get("labels") or {})]
    said = [f"{data.get('total_cpus')} CPUs", *filter(None, has), f"incarnation {data.get('incarnation')}"]
    return ", ".join(said)


def _elected(data: Data) -> str:
    return f"term {data.get('term')}, {data.get('holder')}"


def _imported(data: Data) -> str:
    """As the original system had it."""
    allocation = data.get("allocation")
    known = allocation if isinstance(allocation, dict) else {}
    said = [str(data.get("state")), f"exit {data['exit']}" if data.get("exit") else ""]
    said += [f"allocation {known['allocation_id']} {known.get('status')}"] if "allocation_id" in known else []
    return ", ".join(filter(None, said))


def _rebuilt(data: Data) -> str:
    rows = data.get("rows") or {}
    counts = ", ".join(f"{table} {len(keys)}" for table, keys in rows.items())
    return ", ".join(filter(None, [counts, _reason(data)]))


def _token(data: Data) -> str:
    """Not the digest, which tells nobody anything."""
    whose = data.get("node_name") or data.get("user_name")
    return ", ".join(filter(None, [str(data.get("name")), str(data.get("role")), str(whose)]))


def _revoked(data: Data) -> str:
    return ", ".join(filter(None, [str(data.get("name")), _reason(data)]))


def _policy_changed(data: Data, before: Data) -> str:
    """What is another value now; the whole policy is in every event."""
    told = differences(before, data.get("policy") or {})
    return ", ".join(filter(None, [told, _reason(data)]))


def _cpus(count: int) -> str:
    return "1 CPU" if count == 1 else f"{count} CPUs"


_DETAILS: Mapping[str, Callable[[Data], str]] = {
    "JobSubmitted": _submitted,
    "ResourcesReserved": _reserved,
    "ResourcesAllocated": _allocated,
    "ResourcesReleased": _released,
    "CancelRequested": _reason,
    "JobCancelled": _reason,
    "JobHeld": _reason,
    "JobUnheld": _reason,
    "JobRequeued": _requeued,
    "NodeRegistered": _registered,
    "NodeDrained": _reason,
    "NodeResumed": _reason,
    "NodeLost": _reason,
    "LeaderElected": _elected,
    "JobImported": _imported,
    "ProjectionsRebuilt": _rebuilt,
    "TokenCreated": _token,
    "TokenRevoked": _revoked,
}

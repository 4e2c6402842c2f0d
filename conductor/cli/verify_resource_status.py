"""`scripts/verify_resource_status.py`: whether CPUs, allocations and jobs agree with one another, and what the audit
has against them.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import Any

from conductor.cli.audit import finding_sheet
from conductor.cli.screen import Screen
from conductor.cli.tables import FLEXIBLE, NUMBER
from conductor.cli.tool import FINDINGS, FINE, options, run
from conductor.client import Client
from conductor.client.models import Stats

COLUMNS = (
    ("node", FLEXIBLE),
    ("state", FLEXIBLE),
    ("total", NUMBER),
    ("used", NUMBER),
    ("reserved", NUMBER),
    ("free", NUMBER),
)


def look(client: Client, arguments: Namespace, screen: Screen) -> int:
    stats, nodes = client.stats(), [dict(one) for one in client.nodes().raw["nodes"]]
    found = client.audit(replay=arguments.replay).raw
    findings = [one for one in found["findings"] if one["severity"] != "info"]
    wrong = list(_contradictions(stats))
    if arguments.json:
        told = {"stats": stats.raw, "nodes": nodes, "contradictions": wrong, "findings": findings}
        screen.json({"status": "findings" if wrong or findings else "ok", **told})
    else:
        _show(stats, nodes, wrong, findings, screen)
    return FINDINGS if wrong or findings else FINE


def _contradictions(stats: Stats) -> Iterator[dict[str, Any]]:
    """Sums that cannot be. A node with fewer CPUs than its jobs hold is none: its TOTAL_CPUS was lowered."""
    parts = stats.used_cpus + stats.reserved_cpus + stats.available_cpus + stats.unavailable_cpus
    if parts != stats.total_cpus:
        yield {"what": "total_cpus", "told": stats.total_cpus, "counted": parts}


def _show(
    stats: Stats,
    nodes: list[dict[str, Any]],
    wrong: list[dict[str, Any]],
    findings: list[dict[str, Any]],
    screen: Screen,
) -> None:
    screen.say(
        "stats_cpu_line",
        total=stats.total_cpus,
        used=stats.used_cpus,
        reserved=stats.reserved_cpus,
        available=stats.available_cpus,
        unavailable=stats.unavailable_cpus,
    )
    rows = [
        [node[key] for key in ("name", "state", "total_cpus", "used_cpus", "reserved_cpus", "free_cpus")]
        for node in nodes
    ]
    screen.table([(f"verify_{name}", kind) for name, kind in COLUMNS], rows)
    for one in wrong:
        screen.say("verify_contradiction", **one)
    for finding in findings:
        screen.line("")
        finding_sheet(finding, screen)
    if not wrong and not findings:
        screen.say("verify_agree", jobs=stats.running_jobs, position=stats.position)


def parser() -> ArgumentParser:
    made = options("verify_resource_status.py", "Whether CPUs, allocations and jobs agree.")
    made.add_argument(
        "--replay", action="store_true", help="fold the whole log too, which takes as long as it is long"
    )
    return made


if __name__ == "__main__":
    sys.exit(run(look, parser()))

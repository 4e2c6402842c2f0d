"""`scripts/health_check.py`: how each part of the system stands, as its API says."""

import sys
from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from conductor.cli.screen import Screen
from conductor.cli.tool import FINDINGS, FINE, options, run
from conductor.client import Client

PARTS = ("database", "scheduler", "nodes")


def look(client: Client, arguments: Namespace, screen: Screen) -> int:
    health = client.health().raw
    well = health.get("status") == "ok"
    if arguments.json:
        screen.json(health)
        return FINE if well else FINDINGS
    screen.line(f"{client.url}: {health.get('status', '?')}")
    parts = {name: part for name, part in health.items() if isinstance(part, Mapping) and "ok" in part}
    for name in (*PARTS, *sorted(parts.keys() - set(PARTS))):
        part = parts.get(name, {})
        word = screen.text("doctor_ok" if part.get("ok") else "doctor_wrong")
        screen.line(f"  {word}  {name}: {part.get('state', '?')}{_more(part)}")
    return FINE if well else FINDINGS


def _more(part: Mapping[str, Any]) -> str:
    """What it tells of itself, on one line."""
    shown = {
        name: part[name] for name in ("server_version", "position", "holder") if part.get(name) is not None
    }
    if part.get("silent"):
        shown["silent"] = ", ".join(part["silent"])
    return "".join(f", {name} {value}" for name, value in shown.items())


if __name__ == "__main__":
    sys.exit(run(look, options("health_check.py", "How each part of the system stands.")))

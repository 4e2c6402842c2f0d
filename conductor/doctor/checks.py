"""The list of checks, in the order in which they are shown. Pure.

A check that lacks a fact says that it could not look, and why. Every check says something.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from conductor.doctor import judging_database as database
from conductor.doctor import judging_machine as machine
from conductor.doctor import judging_system as system
from conductor.doctor.catalogue import CATALOGUE
from conductor.doctor.facts import Facts
from conductor.doctor.verdict import Check, Level, Verdict, said

_CHECKS = (
    ("machine", "python", ("machine",), machine.python),
    ("machine", "kernel", ("machine",), machine.kernel),
    ("machine", "cpus", ("machine",), machine.cpus),
    ("machine", "cgroups", ("machine",), machine.cgroups),
    ("machine", "limits", ("machine",), machine.limits),
    ("machine", "accounts", ("machine",), machine.accounts),
    ("machine", "locale", (), machine.language),
    ("folders", "settings", (), machine.settings),
    ("folders", "home", ("home",), machine.home),
    ("folders", "token", ("home",), machine.token),
    ("folders", "spool", ("home",), machine.spool),
    ("folders", "mount", ("home",), machine.mount),
    ("folders", "space", ("home",), machine.space),
    ("folders", "supervisor", ("home",), machine.supervisor),
    ("database", "server", ("server",), database.reachable),
    ("database", "schema", ("schema",), database.schema),
    ("database", "grants", ("grants",), database.grants),
    ("database", "durability", ("server",), database.durability),
    ("database", "statements", ("server",), database.statements),
    ("database", "sessions", ("server",), database.sessions),
    ("database", "connections", ("server",), database.connections),
    ("database", "pooler", ("server",), database.pooler),
    ("database", "notifications", ("canary",), database.notifications),
    ("database", "clock", ("server",), database.clock),
    ("system", "leader", ("cluster",), system.leader),
    ("system", "nodes", ("cluster",), system.nodes),
    ("system", "node-clocks", ("cluster",), system.node_clocks),
    ("system", "releases", ("cluster",), system.releases),
    ("system", "log", ("cluster",), system.head),
    ("system", "api", ("api",), system.api),
    ("system", "proxies", (), machine.proxies),
    ("system", "audit", ("audit",), system.audit),
)
CHECKS = tuple(
    Check(group=group, name=name, needs=needs, judge=judge) for group, name, needs, judge in _CHECKS
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that is said: by which check, how bad it is, and the sentence's code with what fills it."""

    check: Check
    level: Level
    verdict: Verdict


def examine(facts: Facts) -> Iterator[Line]:
    """Every check's lines, in order."""
    for check in CHECKS:
        missing = [need for need in check.needs if getattr(facts, need) is None]
        verdicts = [_could_not(facts, check, missing[0])] if missing else check.judge(facts)
        for verdict in verdicts:
            yield Line(check=check, level=CATALOGUE[verdict.code].level, verdict=verdict)


def _could_not(facts: Facts, check: Check, need: str) -> Verdict:
    """What keeps several from looking is explained once, by the check that it is the business of."""
    nothing_known: tuple[str, Mapping[str, object]] = ("not_looked", {})
    code, values = facts.unknown.get(f"check {check.name}") or facts.unknown.get(need, nothing_known)
    return said(code, **values)

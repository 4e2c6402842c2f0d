"""Judgement of a system that runs: its leader, its nodes, its API. Pure."""

from collections import Counter
from collections.abc import Iterator

from conductor.doctor.facts import Facts
from conductor.doctor.judging_database import SKEW_SECONDS
from conductor.doctor.verdict import Verdict, said

STANDS_STILL_SECONDS = 120.0
CAN_BE_IN_TOUCH = ("UP", "DRAINED")


def leader(facts: Facts) -> Iterator[Verdict]:
    found = facts.cluster
    assert found is not None
    if found.leader is None:
        yield said("leader_never")
    elif found.leader_silent_seconds is not None:
        yield said("leader_gone", leader=found.leader, seconds=round(found.leader_silent_seconds))
    else:
        since = found.leader_since_seconds
        yield said("leader_ok", leader=found.leader, age="-" if since is None else spoken(since))


def nodes(facts: Facts) -> Iterator[Verdict]:
    assert facts.cluster is not None
    there = [node for node in facts.cluster.nodes if node.state in CAN_BE_IN_TOUCH]
    silent = [node for node in there if node.silent_seconds is not None]
    lost = [node.name for node in facts.cluster.nodes if node.state == "LOST"]
    if not there and not lost:
        yield said("nodes_none")
    for node in silent:
        yield said("node_silent", node_name=node.name, age=spoken(node.silent_seconds or 0))
    if lost:
        yield said("nodes_lost", names=lost)
    if there and not silent:
        yield said("nodes_ok", count=len(there))


def node_clocks(facts: Facts) -> Iterator[Verdict]:
    assert facts.cluster is not None
    told = [
        node
        for node in facts.cluster.nodes
        if node.state in CAN_BE_IN_TOUCH and node.skew_seconds is not None
    ]
    off = [node for node in told if abs(node.skew_seconds or 0) > SKEW_SECONDS]
    for node in off:
        yield said("node_clock_off", node_name=node.name, seconds=f"{node.skew_seconds:+.1f}")
    if not told:
        there = any(node.state in CAN_BE_IN_TOUCH for node in facts.cluster.nodes)
        yield said("node_clocks_untold" if there else "node_clocks_none")
    elif not off:
        largest = max(abs(node.skew_seconds or 0) for node in told)
        yield said("node_clocks_ok", count=len(told), seconds=f"{largest:.3f}")


def releases(facts: Facts) -> Iterator[Verdict]:
    assert facts.cluster is not None
    told = {n.name: n.release for n in facts.cluster.nodes if n.release and n.state in CAN_BE_IN_TOUCH}
    others = {name: release for name, release in told.items() if release != facts.release}
    if not others:
        yield said("releases_ok", release=facts.release)
        return
    counts = Counter(others.values())
    shown = [
        f"{release} ({', '.join(n for n, r in others.items() if r == release)})" for release in sorted(counts)
    ]
    yield said("releases_differ", release=facts.release, others=shown)


def head(facts: Facts) -> Iterator[Verdict]:
    found = facts.cluster
    assert found is not None
    age = found.newest_seconds
    if age is None:
        yield said("log_empty")
    elif found.waiting and found.free_cpus and age > STANDS_STILL_SECONDS:
        yield said("log_stands_still", waiting=found.waiting, free=found.free_cpus, age=spoken(age))
    else:
        yield said("log_ok", position=found.position, age=spoken(age))


def api(facts: Facts) -> Iterator[Verdict]:
    found = facts.api
    assert found is not None
    if found.refusal is not None:
        yield said("api_unreachable" if not facts.home or not facts.home.running else "api_away", url=found.url,
                   cause=found.refusal)  # fmt: skip
        return
    if found.token_unusable:
        yield said("api_token_untried", url=found.url)
    elif found.status == 401:
        yield said("api_token_refused" if found.has_token else "api_no_token", url=found.url)
    elif found.refused_because is not None:
        yield said("api_refused", url=found.url, status=found.status, what=found.refused_because)
    else:
        yield said("api_ok", url=found.url)
    before, theirs, after = found.positions
    if before is not None and theirs is not None and after is not None and not before <= theirs <= after:
        yield said("api_other_database", url=found.url, theirs=theirs, ours=after)
    if found.url.startswith("http://") and not found.loopback:
        yield said("api_plain", url=found.url)


def audit(facts: Facts) -> Iterator[Verdict]:
    found = facts.audit
    assert found is not None
    code = "audit_errors" if found.errors else "audit_warnings" if found.warnings else "audit_ok"
    yield said(code, errors=found.errors, warnings=found.warnings)


def spoken(seconds: float) -> str:
    """`42s`, `3m 5s`, `2h 10m`, `5d 3h`: the two largest units."""
    whole = max(0, int(seconds))
    parts = [(whole // 86_400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "m"), (whole % 60, "s")]
    first = next((number for number, (count, _) in enumerate(parts) if count), 3)
    return " ".join(
        f"{count}{unit}" for count, unit in parts[first : first + 2] if count or (unit == "s" and first == 3)
    )

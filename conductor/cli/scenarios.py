"""What `conductor whatif` is asked for, read and made a workload: of the log in the database, or of a trace in a file.

Promises: the database is only read, in one snapshot; a wish that cannot be is refused before anything is simulated.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from conductor.cli.submission import refuse

if TYPE_CHECKING:
    from conductor.cli.screen import Screen
    from conductor.core.events import Policy
    from conductor.core.workload import NodeKind, Ran, Step, Workload
    from conductor.swf_workload import Limits

LIMITS = ("asked", "exact", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What is simulated, and what it is held against. `left_out` counts what could not be, by what it lacked."""

    kind: Literal["log", "swf"]
    place: str  # the file, or the positions of the log
    workload: "Workload"
    policy: "Policy | None"  # None: those of the log, as they changed
    nodes: str | None  # None: those of the log, as they came and went
    begins_at: datetime
    really: "tuple[Ran, ...]"
    capacity: "tuple[Step, ...]"
    left_out: Mapping[str, int]
    limits: str | None = None  # with `load`, of a trace alone
    load: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """The options, read as far as they can be without the workload."""

    policy: str | None
    kinds: "tuple[NodeKind, ...] | None"
    since: "int | datetime | None"
    until: "int | datetime | None"
    limits: "Limits"
    load: float


def wishes_of(
    screen: "Screen",
    *,
    policy: str | None,
    nodes: str | None,
    since: str | None,
    until: str | None,
    limits: str | None,
    load: float | None,
) -> Wishes:
    """Raises `WrongUsage`."""
    return Wishes(
        policy=policy, kinds=_kinds(nodes, screen), since=_moment(since, screen), until=_moment(until, screen),
        limits=_limits(limits, screen), load=_load(load, screen),
    )  # fmt: skip


def of_log(wishes: Wishes, screen: "Screen") -> Scenario:
    from conductor.cli.progress import progress_bar
    from conductor.core.workload import capacity_steps
    from conductor.settings import database_url_of, load_settings
    from projections.moment import find_moment
    from projections.snapshot import snapshot
    from projections.what_happened import read_happened, workload_of

    with (
        snapshot(database_url_of(load_settings())) as connection,
        progress_bar(screen) as progress,
    ):
        # Tomorrow: the end of the log, and the database's own clock, whatever ours says.
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        until = find_moment(connection, tomorrow if wishes.until is None else wishes.until)
        since = None if wishes.since is None else find_moment(connection, wishes.since)
        if since is not None and since.position >= until.position:
            refuse(screen, "whatif_backwards")
        happened = read_happened(connection, since=since, until=until, progress=progress)
    policy = None if wishes.policy is None else _policy(wishes.policy, happened.policy, screen)
    workload = workload_of(happened, policy=policy, kinds=wishes.kinds)
    return Scenario(
        kind="log",
        place=f"{(since.position if since else 0) + 1}-{until.position}",
        workload=workload,
        policy=policy or happened.only_policy,
        nodes=_shown(wishes.kinds),
        begins_at=happened.begins_at,
        really=happened.really,
        capacity=capacity_steps(happened.nodes),
        left_out={
            "never_ran": happened.unknown,
            "still_running": happened.running,
            "requeued": happened.requeued,
            "imported": happened.imported,
            "carried_over": happened.carried,
        },
    )


def of_trace(path: Path, wishes: Wishes, screen: "Screen") -> Scenario:
    from conductor.core.events import Policy
    from conductor.swf import SwfError, read_trace
    from conductor.swf_workload import workload_of

    within = wishes.since, wishes.until
    if any(isinstance(one, int) for one in within):
        refuse(screen, "whatif_trace_times")
    try:
        trace = read_trace(path)
    except (OSError, EOFError, UnicodeDecodeError, SwfError) as error:
        refuse(screen, "unreadable_script", path=path, why=getattr(error, "strerror", None) or error)
    policy = Policy() if wishes.policy is None else _policy(wishes.policy, Policy(), screen)
    found = workload_of(
        trace,
        policy=policy,
        kinds=wishes.kinds,
        limits=wishes.limits,
        load=wishes.load,
        within=cast(tuple[datetime | None, datetime | None], within),
    )
    return Scenario(
        kind="swf",
        place=str(path),
        workload=found.workload,
        policy=policy,
        nodes=_shown(found.kinds),
        begins_at=found.workload.begins_at,
        really=found.really,
        capacity=found.capacity,
        left_out={
            **found.skipped,
            "without_limit": found.without_limit,
            "without_wait": found.without_wait,
        },
        limits=wishes.limits,
        load=wishes.load,
    )


def _moment(given: str | None, screen: "Screen") -> "int | datetime | None":
    from conductor.cli.moments import moment_option

    return moment_option(given, screen)


def _kinds(given: str | None, screen: "Screen") -> "tuple[NodeKind, ...] | None":
    from conductor.core.workload import parse_nodes

    if given is None:
        return None
    try:
        return parse_nodes(given)
    except ValueError as error:
        refuse(screen, "whatif_nodes", given=given, why=error)


def _policy(given: str, base: "Policy", screen: "Screen") -> "Policy":
    """`base` with what is given otherwise: an order alone, or what `conductor policy` takes, with commas between."""
    from conductor.cli.policy import parsed_changes
    from conductor.core.policy import fault

    parts = re.split(r",\s*(?=\w+=)", given.strip())
    if "=" not in parts[0]:
        parts[0] = f"order={parts[0]}"
    changes = parsed_changes(parts, screen)
    wrong = next((found for name, value in changes.items() if (found := fault(name, value))), None)
    if wrong is not None:
        refuse(screen, "whatif_policy", given=given, why=wrong.message)
    return replace(base, **changes)


def _limits(given: str | None, screen: "Screen") -> "Limits":
    if given is not None and given not in LIMITS:
        refuse(screen, "whatif_limits", given=given)
    return cast("Limits", given or "asked")


def _load(given: float | None, screen: "Screen") -> float:
    if given is not None and not 0.001 <= given <= 1000:
        refuse(screen, "whatif_load", given=given)
    return 1.0 if given is None else given


def _shown(kinds: "Sequence[NodeKind] | None") -> str | None:
    return None if kinds is None else ",".join(map(str, kinds))

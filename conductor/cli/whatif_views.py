"""What came of a simulation, beside what really happened: as a table, and as the document of `--json`."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from conductor.core.measures import (
    SLOWDOWN_THRESHOLD_SECONDS,
    Load,
    Measures,
    load_over_time,
    measure,
)
from conductor.core.workload import Ran, Step, capacity_steps

if TYPE_CHECKING:
    from conductor.cli.scenarios import Scenario
    from conductor.cli.screen import Screen
    from conductor.core.events import Policy
    from conductor.core.simulation import Simulated

# Before its number, what was left out; the last ones say something of all jobs.
_LEFT_OUT = (
    *("never_ran", "still_running", "requeued", "imported", "carried_over"),
    *("part_of_another", "no_processors", "no_run_time", "without_limit", "without_wait"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One scenario, simulated and measured. A side without measures has run nothing, or nobody knows."""

    scenario: "Scenario"
    simulated: "Simulated"
    thought: Measures | None
    real: Measures | None
    thought_loads: tuple[Load, ...]
    real_loads: tuple[Load, ...]


def measured(scenario: "Scenario", simulated: "Simulated") -> Found:
    capacity = capacity_steps(scenario.workload.nodes)
    return Found(
        scenario=scenario,
        simulated=simulated,
        thought=measure(simulated.ran, capacity),
        real=measure(scenario.really, scenario.capacity),
        thought_loads=_loads(simulated.ran, capacity, scenario.begins_at),
        real_loads=_loads(scenario.really, scenario.capacity, scenario.begins_at),
    )


def _loads(ran: tuple[Ran, ...], capacity: tuple[Step, ...], begin: datetime) -> tuple[Load, ...]:
    """From when something came, or from the beginning when something was there."""
    if not ran:
        return ()
    begin = max(begin, min(one.eligible_at for one in ran))
    return load_over_time(ran, capacity, begin=begin, end=max(begin, *(one.ended_at for one in ran)))


def document(found: Found) -> dict[str, Any]:
    """As `docs/whatif.md` describes it."""
    scenario, simulated = found.scenario, found.simulated
    return {
        "source": {"kind": scenario.kind, "place": scenario.place},
        "from": scenario.begins_at.isoformat(),
        "policy": asdict(scenario.policy) if scenario.policy else None,
        "nodes": scenario.nodes,
        "jobs": len(scenario.workload.jobs),
        "simulated": _side(found.thought),
        "real": _side(found.real),
        "refused": len(simulated.refused),
        "cancelled": len(simulated.cancelled),
        "timed_out": simulated.timed_out,
        "never_started": len(simulated.waiting),
        "left_out": dict(scenario.left_out),
        "slowdown_threshold_seconds": SLOWDOWN_THRESHOLD_SECONDS,
        "passes": simulated.passes,
        "digest": simulated.digest,
    }


def _side(measures: Measures | None) -> dict[str, Any] | None:
    return None if measures is None else asdict(measures)


def tell(found: Found, screen: "Screen") -> None:
    from conductor.cli.tables import FLEXIBLE, NUMBER
    from conductor.cli.times import local

    scenario = found.scenario
    pairs = [
        ("whatif_source", scenario.place if scenario.kind == "swf" else log_line(scenario.place, screen)),
        ("whatif_from", local(scenario.begins_at)),
        ("label_policy", policy_line(scenario.policy, screen)),
        ("whatif_on", _nodes(found, screen)),
    ]
    screen.pairs(pairs, wrap=True)
    screen.line("")
    if found.thought is None:
        screen.say("whatif_nothing_ran")
    else:
        columns = [("whatif_measure", FLEXIBLE), ("whatif_simulated", NUMBER), ("whatif_real", NUMBER)]
        rows = [
            (screen.text(key), show(found.thought), show(found.real) if found.real else "-")
            for key, show in ROWS
        ]
        screen.table(columns if found.real else columns[:2], rows if found.real else [r[:2] for r in rows])
    _notes(found, screen)


def _notes(found: Found, screen: "Screen") -> None:
    """What a reader must know of the numbers, a sentence each."""
    from conductor.cli.tables import wrapped

    simulated, left_out = found.simulated, found.scenario.left_out
    counts = {
        "whatif_refused": len(simulated.refused),
        "whatif_timed_out": simulated.timed_out,
        "whatif_cancelled": len(simulated.cancelled),
        "whatif_never_started": len(simulated.waiting),
        **{f"whatif_{name}": left_out.get(name, 0) for name in _LEFT_OUT},
    }
    sentences = [screen.text(key, count=count) for key, count in counts.items() if count]
    if found.thought is not None:
        sentences.append(screen.text("whatif_terms", seconds=f"{SLOWDOWN_THRESHOLD_SECONDS:g}"))
    if sentences:
        screen.line("")
    for sentence in sentences:
        for line in wrapped(sentence, screen.width()):
            screen.line(line)


def log_line(place: str, screen: "Screen") -> str:
    first, _, last = place.partition("-")
    return screen.text("whatif_log", first=first, last=last)


def _nodes(found: Found, screen: "Screen") -> str:
    shown = found.scenario.nodes or screen.text("whatif_real_nodes")
    most = max((step.value for step in capacity_steps(found.scenario.workload.nodes)), default=0)
    return screen.text("whatif_cpus", nodes=shown, cpus=f"{most:,}")


def policy_line(policy: "Policy | None", screen: "Screen") -> str:
    """What differs from the defaults, the order always."""
    from conductor.cli.policy_values import DEFAULTS, shown

    if policy is None:
        return screen.text("whatif_policies")
    others = [
        f"{name}={shown(value)}"
        for name, value in asdict(policy).items()
        if name != "order" and value != DEFAULTS[name]
    ]
    return ", ".join([policy.order, *others])


def seconds_text(seconds: float) -> str:
    """Short ones with hundredths, longer ones as Slurm writes them."""
    from conductor.cli.times import duration

    return f"{seconds:.2f} s" if 0 < seconds < 10 else duration(seconds)


def _number(value: float) -> str:
    return f"{value:,.2f}" if value < 100 else f"{value:,.0f}"


ROWS: tuple[tuple[str, Callable[[Measures], str]], ...] = (
    ("whatif_jobs", lambda m: f"{m.jobs:,}"),
    ("whatif_cpu_hours", lambda m: f"{m.cpu_hours:,.1f}"),
    ("whatif_wait_mean", lambda m: seconds_text(m.wait_mean_seconds)),
    ("whatif_wait_p50", lambda m: seconds_text(m.wait_p50_seconds)),
    ("whatif_wait_p95", lambda m: seconds_text(m.wait_p95_seconds)),
    ("whatif_wait_max", lambda m: seconds_text(m.wait_max_seconds)),
    ("whatif_slowdown_mean", lambda m: _number(m.bounded_slowdown_mean)),
    ("whatif_slowdown_p95", lambda m: _number(m.bounded_slowdown_p95)),
    ("whatif_slowdown_max", lambda m: _number(m.bounded_slowdown_max)),
    ("whatif_utilization", lambda m: f"{m.utilization:.1%}"),
    ("whatif_makespan", lambda m: seconds_text(m.makespan_seconds)),
    ("whatif_fairness", lambda m: f"{m.fairness:.3f}"),
    ("whatif_most_waiting", lambda m: f"{m.most_waiting:,}"),
)

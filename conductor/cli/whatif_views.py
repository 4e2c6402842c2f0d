"""What came of a simulation, beside what really happened: as a table, and as the document of `--json`."""

from collections.abc import Callable, Sequence
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
        sides = [found.thought, *filter(None, [found.real])]
        screen.table(columns[: len(sides) + 1], measured_rows(sides, screen))
    _notes(found, screen)


def tell_several(each: Sequence[Found], screen: "Screen") -> None:
    """Policies beside each other, numbered, and what really happened last."""
    from conductor.cli.tables import FLEXIBLE, NUMBER
    from conductor.cli.times import local

    scenario, one = each[0].scenario, each[0]
    place = scenario.place if scenario.kind == "swf" else log_line(scenario.place, screen)
    screen.pairs(
        [
            ("whatif_source", place),
            ("whatif_from", local(scenario.begins_at)),
            ("whatif_on", _nodes(one, screen)),
        ],
        wrap=True,
    )
    for number, found in enumerate(each, 1):
        screen.say("whatif_policy_is", number=number, policy=policy_line(found.scenario.policy, screen))
    screen.line("")
    ran = [(number, found.thought) for number, found in enumerate(each, 1) if found.thought is not None]
    if not ran:
        screen.say("whatif_nothing_ran")
        return
    sides = [measures for _, measures in ran] + ([one.real] if one.real else [])
    headings = [screen.text("whatif_numbered", number=number) for number, _ in ran]
    headings += [screen.text("whatif_real")] if one.real else []
    kinds = [FLEXIBLE] + [NUMBER] * len(sides)
    for line in screen.lines_of_table(
        [screen.text("whatif_measure"), *headings], kinds, measured_rows(sides, screen)
    ):
        print(line)
    for number, found in enumerate(each, 1):
        _notes(found, screen, number=number, terms=number == len(each))


def measured_rows(sides: Sequence[Measures], screen: "Screen") -> list[list[str]]:
    return [[screen.text(key), *shown([get(side) for side in sides])] for key, get, shown in ROWS]


def _notes(found: Found, screen: "Screen", *, number: int | None = None, terms: bool = True) -> None:
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
    if found.thought is not None and terms:
        sentences.append(screen.text("whatif_terms", seconds=f"{SLOWDOWN_THRESHOLD_SECONDS:g}"))
    if sentences:
        screen.line("")
        if number is not None:
            screen.say("whatif_numbered", number=number)
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


def seconds_texts(seconds: Sequence[float]) -> list[str]:
    """With hundredths when all are short, else all as Slurm writes them."""
    from conductor.cli.times import duration

    short = 0 < max(seconds) < 10
    return [f"{one:.2f} s" if short else duration(one) for one in seconds]


def _numbers(values: Sequence[float]) -> list[str]:
    small = max(values) < 100
    return [f"{one:,.2f}" if small else f"{one:,.0f}" for one in values]


def _each(form: str) -> Callable[[Sequence[float]], list[str]]:
    return lambda values: [form.format(one) for one in values]


# What is measured, how to get it, and how its values are written beside each other: all in one form.
ROWS: tuple[tuple[str, Callable[[Measures], float], Callable[[Sequence[float]], list[str]]], ...] = (
    ("whatif_jobs", lambda m: m.jobs, _each("{:,}")),
    ("whatif_cpu_hours", lambda m: m.cpu_hours, _each("{:,.1f}")),
    ("whatif_wait_mean", lambda m: m.wait_mean_seconds, seconds_texts),
    ("whatif_wait_p50", lambda m: m.wait_p50_seconds, seconds_texts),
    ("whatif_wait_p95", lambda m: m.wait_p95_seconds, seconds_texts),
    ("whatif_wait_max", lambda m: m.wait_max_seconds, seconds_texts),
    ("whatif_slowdown_mean", lambda m: m.bounded_slowdown_mean, _numbers),
    ("whatif_slowdown_p95", lambda m: m.bounded_slowdown_p95, _numbers),
    ("whatif_slowdown_max", lambda m: m.bounded_slowdown_max, _numbers),
    ("whatif_utilization", lambda m: m.utilization, _each("{:.1%}")),
    ("whatif_makespan", lambda m: m.makespan_seconds, seconds_texts),
    ("whatif_fairness", lambda m: m.fairness, _each("{:.3f}")),
    ("whatif_most_waiting", lambda m: m.most_waiting, _each("{:,}")),
)

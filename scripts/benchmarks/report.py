"""The figures, for a person on a terminal, as plain text, or as JSON for a program.

Promises: the same numbers in all three. Refuses to know: how they came about.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from rich import box
from rich.console import Console
from rich.table import Table

from scripts.benchmarks.figures import CpuUse, Figure, Floor, Measurement, Stage, Unit

# Wide enough that no line of a file is broken.
PLAIN_WIDTH = 200
# The kernel counts in hundredths; below that a role did nothing.
SHOWN_CPU_SECONDS = 0.005


def print_report(machine: Mapping[str, str], measurements: Sequence[Measurement], console: Console) -> None:
    """Everything, in tables."""
    figures = [figure for one in measurements for figure in one.figures]
    stages = [stage for one in measurements for stage in one.stages]
    cpu_uses = [use for one in measurements for use in one.cpu_uses]
    tables = [_machine_table(machine), _figure_table(figures)]
    if stages:
        tables.append(_stage_table(stages))
    for table in [*tables, *map(_cpu_table, cpu_uses)]:
        console.print(table)
        console.print()


def plain_or_rich() -> Console:
    """Colours and lines on a terminal, aligned columns elsewhere."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PLAIN_WIDTH)


def as_json(machine: Mapping[str, str], measurements: Sequence[Measurement]) -> str:
    """One object; the figures carry their floors and ratios."""
    figures = [
        asdict(figure)
        | {"floors": [asdict(floor) | {"ratio": figure.ratio(floor)} for floor in figure.floors]}
        for one in measurements
        for figure in one.figures
    ]
    stages = [asdict(stage) for one in measurements for stage in one.stages]
    cpu_uses = [asdict(use) for one in measurements for use in one.cpu_uses]
    everything = {"machine": machine, "figures": figures, "stages": stages, "cpu_uses": cpu_uses}
    return json.dumps(everything, indent=2, ensure_ascii=False)


def number(value: float, unit: Unit) -> str:
    """Three digits that mean something; more would be noise."""
    if not math.isfinite(value):
        return "-"
    decimals = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return f"{value:,.{decimals}f}{unit}" if unit == "/s" else f"{value:,.{decimals}f} {unit}"


def ratio_text(figure: Figure, floor: Floor) -> str:
    """How many times its floor a delay is; which part of its floor a rate reaches."""
    ratio = figure.ratio(floor)
    return f"{ratio:.1f} times" if figure.unit == "ms" else f"{ratio:.0%}"


def _table(title: str, *columns: str, first_right: int = 1) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index >= first_right else "left", no_wrap=index > 0)
    return table


def _machine_table(machine: Mapping[str, str]) -> Table:
    table = _table("Measured on", "", "", first_right=2)
    table.show_header = False
    for name, value in machine.items():
        table.add_row(name, value)
    return table


def _figure_table(figures: Iterable[Figure]) -> Table:
    table = Table(
        title="Figures and their floors", title_justify="left", box=box.SIMPLE_HEAD, show_edge=False
    )
    for column, justify in (("figure", "left"), ("", "right"), ("floor, in the same run", "left")):
        table.add_column(column, justify="right" if justify == "right" else "left")
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("ratio", justify="right", no_wrap=True)
    for figure in figures:
        name, value = figure.name, number(figure.value, figure.unit)
        if not figure.floors:
            table.add_row(name, value, "", "", "")
        for floor in figure.floors:
            table.add_row(
                name, value, floor.name, number(floor.value, figure.unit), ratio_text(figure, floor)
            )
            name = value = ""
    return table


def _stage_table(stages: Iterable[Stage]) -> Table:
    table = _table("Where a start's time goes", "step", "p50", "p99")
    for stage in stages:
        table.add_row(stage.name, number(stage.p50_ms, "ms"), number(stage.p99_ms, "ms"))
    return table


def _cpu_table(use: CpuUse) -> Table:
    title = f"CPU by role: {use.name}; {use.done:,} in {use.wall_seconds:.1f} s on {use.cores} cores"
    table = _table(title, "role", "CPU seconds", "ms each", "of the machine")
    capacity = use.wall_seconds * use.cores
    idle = {"idle": max(0.0, capacity - sum(use.seconds.values()))}
    worked = {role: seconds for role, seconds in use.seconds.items() if seconds >= SHOWN_CPU_SECONDS}
    for role, seconds in [*sorted(worked.items(), key=lambda one: -one[1]), *idle.items()]:
        each = seconds * 1000 / use.done if use.done else math.nan
        table.add_row(role, f"{seconds:.2f}", f"{each:.3f}", f"{seconds / capacity:.1%}")
    return table

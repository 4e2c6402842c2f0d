"""A chart of use and queue over time, by matplotlib: the extra `charts`, imported only when somebody asks.

Promises: what is drawn is what was: where there are more moments than a screen has points, the line is the mean
over each piece of time, weighted by how long each value held, and the band behind it goes from least to most.
"""

import shlex
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conductor.cli.submission import refuse

if TYPE_CHECKING:
    from conductor.cli.screen import Screen
    from conductor.cli.whatif_views import Found

SUFFIXES = (".svg", ".png")
MOST_STEPS = 1000  # about one for every dot of the width
PIECES = 300  # of what has more steps
_COLOURS = {"chart_simulated": "#1f6fb4", "chart_real": "#d4722a"}
_FONTS_WITH_CHINESE = (
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "SimHei",
    "Microsoft YaHei",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece of time and what a value was in it."""

    begins_at: datetime
    mean: float
    least: float
    most: float


def pieces(
    values: Sequence[tuple[datetime, float]],
    end: datetime,
    *,
    most_steps: int = MOST_STEPS,
    count: int = PIECES,
) -> tuple[Piece, ...]:
    """A step function as it is, or in `count` pieces of equal length when it has more than `most_steps` steps."""
    if not values:
        return ()
    if len(values) <= most_steps or end <= values[0][0]:
        return tuple(Piece(begins_at=at, mean=value, least=value, most=value) for at, value in values)
    begin = values[0][0]
    length = (end - begin) / count
    found, index = [], 0
    for number in range(count):
        since, until = begin + number * length, begin + (number + 1) * length
        while index + 1 < len(values) and values[index + 1][0] <= since:
            index += 1
        area, held, at = 0.0, [values[index][1]], since
        while index + 1 < len(values) and values[index + 1][0] < until:
            area += values[index][1] * (values[index + 1][0] - at).total_seconds()
            index += 1
            at = values[index][0]
            held.append(values[index][1])
        area += values[index][1] * (until - at).total_seconds()
        mean = area / length.total_seconds()
        found.append(Piece(begins_at=since, mean=mean, least=min(held), most=max(held)))
    return tuple(found)


def check_chart(path: Path, screen: "Screen") -> None:
    """Before anything is computed: the name is one we can draw to, and the library is there."""
    if path.suffix.lower() not in SUFFIXES:
        refuse(screen, "chart_suffix", path=path)
    if find_spec("matplotlib") is None:
        # Into the environment that runs this, wherever scripts/run has put it.
        refuse(screen, "chart_library", python=shlex.quote(sys.executable))


def draw(path: Path, found: "Found", screen: "Screen") -> None:
    """Write the chart. Refuses, with a sentence, where it cannot be written."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    is_svg = path.suffix.lower() == ".svg"
    fonts = _fonts(screen.language)
    if not fonts and not is_svg:  # an SVG is drawn with the fonts of who looks at it
        screen, fonts = replace(screen, language="en"), []
    # Text stays text in SVG; and the same numbers give the same bytes.
    style = {"svg.fonttype": "none", "svg.hashsalt": "conductor", "font.family": [*fonts, "sans-serif"]}
    with mpl.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")
        figure = Figure(figsize=(10, 5.6), layout="constrained")
        use, queue = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [3, 2]})
        _draw_sides(use, queue, found, screen)
        _label(figure, use, queue, found, screen)
        try:
            figure.savefig(path, dpi=150, metadata={"Date": None} if is_svg else None)
        except OSError as error:
            refuse(screen, "cannot_write", path=path, why=error.strerror or error)


def _fonts(language: str) -> list[str]:
    """Fonts of this machine that have the language's characters."""
    from matplotlib.font_manager import fontManager

    known = {font.name for font in fontManager.ttflist}
    wanted = _FONTS_WITH_CHINESE if language == "zh" else ("DejaVu Sans",)
    return [name for name in wanted if name in known]


def _draw_sides(use: Any, queue: Any, found: "Found", screen: "Screen") -> None:
    # What really happened lies behind what was thought.
    for key, loads in (("chart_real", found.real_loads), ("chart_simulated", found.thought_loads)):
        if not loads:
            continue
        end, label, colour = loads[-1].at, screen.text(key), _COLOURS[key]
        _steps(use, [(load.at, load.busy_cpus) for load in loads], end, colour, label)
        _steps(queue, [(load.at, load.waiting_jobs) for load in loads], end, colour, label)
    loads = found.thought_loads or found.real_loads
    if loads:
        steps = [(next(same).at, cpus) for cpus, same in groupby(loads, key=lambda load: load.total_cpus)]
        steps.append((loads[-1].at, loads[-1].total_cpus))
        use.step(
            [at for at, _ in steps], [value for _, value in steps], where="post",
            color="#555555", linewidth=1, linestyle="--", label=screen.text("chart_there"),
        )  # fmt: skip


def _steps(
    axes: Any, values: Sequence[tuple[datetime, float]], end: datetime, colour: str, label: str
) -> None:
    drawn = pieces(values, end)
    # A step needs the end of its last piece too.
    at = [*(piece.begins_at for piece in drawn), max(end, drawn[-1].begins_at)]
    mean, least, most = ([getattr(piece, name) for piece in drawn] for name in ("mean", "least", "most"))
    axes.step(at, [*mean, mean[-1]], where="post", color=colour, linewidth=1.2, label=label)
    if most != least:
        axes.fill_between(
            at, [*least, least[-1]], [*most, most[-1]], step="post", color=colour, alpha=0.18, linewidth=0
        )


def _label(figure: Any, use: Any, queue: Any, found: "Found", screen: "Screen") -> None:
    from matplotlib.dates import AutoDateLocator
    from matplotlib.ticker import FixedLocator, MaxNLocator

    figure.suptitle(_title(found, screen), x=0.01, ha="left", fontsize=11)
    use.set_ylabel(screen.text("chart_use"))
    queue.set_ylabel(screen.text("chart_queue"))
    locator = AutoDateLocator(minticks=4, maxticks=10)
    begins_at = found.scenario.begins_at.astimezone()
    queue.xaxis.set_major_locator(locator)
    queue.xaxis.set_major_formatter(_dates(locator, begins_at, screen.language))
    queue.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    queue.set_ylim(top=max(1.0, queue.get_ylim()[1]))  # also where nothing ever waits
    ticks = cpu_ticks(
        max(max(one.total_cpus, one.busy_cpus) for one in found.thought_loads or found.real_loads)
    )
    use.yaxis.set_major_locator(FixedLocator(ticks) if ticks else MaxNLocator(integer=True))
    for axes in (use, queue):
        axes.set_ylim(bottom=0)
        axes.margins(x=0)
        axes.grid(visible=True, color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    queue.set_xlabel(screen.text("chart_time", zone=f"{begins_at:%Z}"))
    use.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, frameon=False, borderaxespad=0.2)


def _title(found: "Found", screen: "Screen") -> str:
    """What it is of, as it can be asked for again; then what was supposed."""
    from conductor.cli.whatif_views import log_line, policy_line

    scenario = found.scenario
    if scenario.kind == "swf":
        source = f"{Path(scenario.place).name}  --load {scenario.load:g} --limits {scenario.limits}"
    else:
        source = log_line(scenario.place, screen)
    nodes = scenario.nodes or screen.text("whatif_real_nodes")
    supposed = screen.text("chart_title", policy=policy_line(scenario.policy, screen), nodes=nodes)
    summarised = max(len(found.thought_loads), len(found.real_loads)) > MOST_STEPS
    return f"{source}\n{supposed}" + (f"  {screen.text('chart_band')}" if summarised else "")


def cpu_ticks(most: int) -> tuple[int, ...]:
    """From 0 to all CPUs in equal steps, as machines are made: of 128, every 32; () when no step fits."""
    parts = next(
        (parts for parts in (4, 5, 3, 6, 2) if most > 8 and most % parts == 0), most if most <= 8 else 0
    )
    return tuple(range(0, most + 1, most // parts)) if parts else ()


def _dates(locator: Any, begins_at: datetime, language: str) -> Any:
    """Every day with its month."""
    from matplotlib.dates import ConciseDateFormatter

    month, day = ("%Y-%m", "%m-%d") if language == "zh" else ("%b %Y", "%b %d")
    return ConciseDateFormatter(
        locator,
        tz=begins_at.tzinfo,
        formats=["%Y", month, day, "%H:%M", "%H:%M", "%S.%f"],
        zero_formats=["", "%Y", day, day, "%H:%M", "%H:%M"],
        offset_formats=["", "", "%Y", "%Y", f"%Y {day}", f"%Y {day} %H:%M"],
    )

"""`conductor whatif`: the log, or a trace, through the same plan with another policy or other nodes, in simulated time.

Promises: opens the database, when it does, for reading alone, in one snapshot; changes nothing anywhere.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from conductor.cli.options import Json
from conductor.cli.submission import refuse

if TYPE_CHECKING:
    from conductor.cli.scenarios import Wishes
    from conductor.cli.screen import Screen
    from conductor.cli.whatif_views import Found

PolicyTexts = Annotated[
    list[str] | None,
    typer.Option(
        "--policy",
        metavar="POLICY",
        help="backfill, or order=backfill,guard_seconds=600,...; several: side by side.",
    ),
]
Nodes = Annotated[
    str | None,
    typer.Option("--nodes", metavar="NODES", help="4x64: four of 64 CPUs; 2x64,8x32; 4x64:256G."),
]
Since = Annotated[
    str | None, typer.Option("--from", metavar="POSITION|TIME", help="Only jobs submitted after this.")
]
Until = Annotated[
    str | None, typer.Option("--to", metavar="POSITION|TIME", help="Only jobs submitted up to this.")
]
Swf = Annotated[
    Path | None,
    typer.Option("--swf", metavar="FILE", help="A trace in the Standard Workload Format, plain or .gz."),
]
LimitsText = Annotated[
    str | None,
    typer.Option("--limits", metavar="WHICH", help="Of a trace's jobs: asked (default), exact, none."),
]
Load = Annotated[
    float | None,
    typer.Option("--load", metavar="FACTOR", help="Submit a trace's jobs so many times as fast."),
]
Chart = Annotated[
    Path | None,
    typer.Option("--chart", metavar="FILE", help="Draw use and queue over time: .svg or .png."),
]


def whatif(
    policies: PolicyTexts = None,
    nodes: Nodes = None,
    since: Since = None,
    until: Until = None,
    swf: Swf = None,
    limits: LimitsText = None,
    load: Load = None,
    chart: Chart = None,
    as_json: Json = False,
) -> None:
    """Replay the log, or a trace, in simulated time: what if the policy or the nodes had been others?

    Example: conductor whatif --policy backfill --nodes 4x64 --from 2026-11-01
    """
    from conductor.cli.charts import check_chart, draw
    from conductor.cli.scenarios import wishes_of
    from conductor.cli.screen import Screen
    from conductor.cli.whatif_views import document, tell, tell_several

    screen = Screen.open()
    if chart is not None and len(policies or ()) > 1:
        refuse(screen, "whatif_one_chart")
    if chart is not None:
        check_chart(chart, screen)
    if swf is None and (limits is not None or load is not None):
        refuse(screen, "whatif_trace_only")
    asked: list[str | None] = [*policies] if policies else [None]
    several = [
        wishes_of(screen, policy=policy, nodes=nodes, since=since, until=until, limits=limits, load=load)
        for policy in asked
    ]
    each = [_simulated(wishes, swf, screen) for wishes in several]
    if len(each) > 1:
        screen.json({"simulations": [*map(document, each)]}) if as_json else tell_several(each, screen)
        return
    [found] = each
    ran = bool(found.thought_loads or found.real_loads)
    if chart is not None and ran:
        draw(chart, found, screen)
    if as_json:
        screen.json(document(found))
    else:
        tell(found, screen)
        if chart is not None and ran:
            screen.say("whatif_drawn", path=chart)
    if chart is not None and not ran:
        screen.warn("whatif_not_drawn")


def _simulated(wishes: "Wishes", swf: Path | None, screen: "Screen") -> "Found":
    from conductor.cli.progress import progress_bar
    from conductor.cli.scenarios import of_log, of_trace
    from conductor.cli.whatif_views import measured
    from conductor.core.simulation import simulate

    scenario = of_trace(swf, wishes, screen) if swf is not None else of_log(wishes, screen)
    with progress_bar(screen, "simulating") as progress:
        return measured(scenario, simulate(scenario.workload, progress=progress))

"""`conductor whatif`: the log, or a trace, through the same plan with another policy or other nodes, in simulated time.

Promises: opens the database, when it does, for reading alone, in one snapshot; changes nothing anywhere.
"""

from pathlib import Path
from typing import Annotated

import typer

from conductor.cli.options import Json
from conductor.cli.submission import refuse

PolicyText = Annotated[
    str | None,
    typer.Option("--policy", metavar="POLICY", help="backfill, or order=backfill,guard_seconds=600,..."),
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
    policy: PolicyText = None,
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
    from conductor.cli.progress import progress_bar
    from conductor.cli.scenarios import of_log, of_trace, wishes_of
    from conductor.cli.screen import Screen
    from conductor.cli.whatif_views import document, measured, tell
    from conductor.core.simulation import simulate

    screen = Screen.open()
    if chart is not None:
        check_chart(chart, screen)
    if swf is None and (limits is not None or load is not None):
        refuse(screen, "whatif_trace_only")
    wishes = wishes_of(screen, policy=policy, nodes=nodes, since=since, until=until, limits=limits, load=load)
    scenario = of_trace(swf, wishes, screen) if swf is not None else of_log(wishes, screen)
    with progress_bar(screen, "simulating") as progress:
        simulated = simulate(scenario.workload, progress=progress)
    found = measured(scenario, simulated)
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

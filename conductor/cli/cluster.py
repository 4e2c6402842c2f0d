"""The cluster in numbers, and its log."""

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any

import typer

from conductor.cli.moments import moment_option, tell_moment
from conductor.cli.options import AsOf, Json, Wide

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from conductor.cli.screen import Screen
    from conductor.client import Client, Event, EventPage, Stats


def stats(as_of: AsOf = None, as_json: Json = False) -> None:
    """CPUs, jobs by state, the longest wait.

    Example: conductor stats
    """
    from conductor.cli.screen import Screen
    from conductor.client import connect

    screen = Screen.open()
    with connect(channel="cli") as client:
        found = client.stats(as_of=moment_option(as_of, screen))
    if as_json:
        screen.json(found.raw)
    else:
        tell_moment(found.raw, screen)
        stats_sheet(found, screen)


def stats_sheet(found: "Stats", screen: "Screen") -> None:
    from conductor.cli.times import duration

    cpus = screen.text(
        "stats_cpu_line", total=found.total_cpus, used=found.used_cpus, reserved=found.reserved_cpus,
        available=found.available_cpus, unavailable=found.unavailable_cpus,
    )  # fmt: skip
    states = [f"{count} {state}" for state, count in found.jobs_by_state.items() if count]
    oldest = found.oldest_pending_seconds
    pairs = [
        ("stats_cpus", cpus),
        ("stats_utilization", f"{found.utilization:.0%}"),
        ("stats_jobs", f"{found.total_jobs}" + (f" = {' + '.join(states)}" if states else "")),
        ("stats_oldest", "" if oldest is None else duration(oldest)),
        ("stats_nodes", " + ".join(f"{count} {state}" for state, count in found.nodes.items() if count)),
        ("stats_position", screen.text("stats_position_line", position=found.position)),
    ]
    screen.pairs([(key, value) for key, value in pairs if value], wrap=True)


def events(
    after: Annotated[
        int | None,
        typer.Option("--after", metavar="POSITION", min=0, help="From here on; 0 is the beginning."),
    ] = None,
    stream: Annotated[
        str | None, typer.Option("--stream", metavar="NAME", help="Of one stream: job-42, node-NAME.")
    ] = None,
    event_type: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="Of one type: ResourcesReleased.")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=10_000, help="At most so many.")
    ] = 20,
    to_follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on as they are recorded; with a filter, from now on.")
    ] = False,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Read the log: its newest events; with a filter or --after, the first that match.

    Example: conductor events --stream job-42
    """
    from conductor.cli.screen import Screen
    from conductor.client import connect

    screen = Screen.open()
    with connect(channel="cli") as client:
        filtered = stream is not None or event_type is not None
        if to_follow:
            begin = after if after is not None or filtered else _newest(client, limit)
            _follow(client, begin, stream, event_type, wide=wide, as_json=as_json)
            return
        if after is None:
            after = 0 if filtered else _newest(client, limit)
        found = client.events(after=after, stream=stream, event_type=event_type, limit=limit)
        policies = {} if as_json else _policies_before(client, found.events)
    if as_json:
        screen.json(found.raw)
    else:
        _list(found, policies, of_one_stream=stream is not None, wide=wide)


def _follow(
    client: "Client",
    after: int | None,
    stream: str | None,
    event_type: str | None,
    *,
    wide: bool,
    as_json: bool,
) -> None:
    from conductor.cli.event_following import Which, follow
    from conductor.cli.policy_values import DEFAULTS
    from conductor.cli.screen import Screen

    def policy_before(event: "Event") -> "Mapping[str, Any]":
        return _policies_before(client, [event]).get(event.position, DEFAULTS)

    which: Which = {"after": after, "stream": stream, "event_type": event_type}
    follow(client, Screen.open(), policy_before, which, wide=wide, as_json=as_json)


def _policies_before(client: "Client", events: "Sequence[Event]") -> "Mapping[int, Mapping[str, Any]]":
    """For each change of the policy on the page, by position: the policy that it changed, if not the first."""
    if not any(one.type == "PolicyChanged" for one in events):
        return {}
    history = client.policy_history()
    return {one.position: before.data["policy"] for before, one in pairwise(history)}


def _newest(client: "Client", count: int) -> int:
    head = client.events(limit=1).head
    return max(0, head.position - count) if head else 0


def _list(
    page: "EventPage", policies: "Mapping[int, Mapping[str, Any]]", *, of_one_stream: bool, wide: bool
) -> None:
    from conductor.cli.event_views import event_table
    from conductor.cli.screen import Screen

    screen = Screen.open()
    if not page.events:
        screen.warn("no_events")
        return
    event_table(page.events, policies, screen, of_one_stream=of_one_stream, wide=wide)
    if page.head is not None and page.head.hash:
        screen.warn("log_head", position=page.head.position, hash=page.head.hash[:16])

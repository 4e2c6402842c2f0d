"""Jobs: listed, shown whole, and changed."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from conductor.cli import completion
from conductor.cli.moments import moment_option, tell_moment
from conductor.cli.options import AsOf, CaseFilePath, JobId, JobIds, Json, Reason, Wide

_CAUSES_NAMED = 20

if TYPE_CHECKING:
    from conductor.cli.screen import Screen
    from conductor.client import Changed, Client, JobPage
    from conductor.client.job_calls import JobFilters
    from conductor.core.timeline import Step


States = Annotated[
    list[str] | None,
    typer.Option(
        "-s",
        "--state",
        "--states",
        metavar="STATE",
        help="Only these; several with commas.",
        autocompletion=completion.states,
    ),
]
OnNode = Annotated[
    str | None, typer.Option("-w", "--node", metavar="NAME", autocompletion=completion.node_names)
]
OfArray = Annotated[
    int | None, typer.Option("--array", metavar="ID", min=1, help="Only the tasks of this array.")
]
Expand = Annotated[
    bool, typer.Option("-r", "--expand", help="Each waiting task of an array in a line of its own.")
]
Queue = Annotated[
    bool, typer.Option("--queue", help="Those that wait, in the order the scheduler looks at them.")
]


def jobs(
    states: States = None,
    user: Annotated[str | None, typer.Option("-u", "--user", metavar="NAME")] = None,
    name: Annotated[str | None, typer.Option("-n", "--name", metavar="NAME")] = None,
    node: OnNode = None,
    array: OfArray = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Submitted since: 2026-01-31, now-2hours.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Submitted before.")] = None,
    everything: Annotated[bool, typer.Option("-a", "--all", help="Also those that ended.")] = False,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most so many.")] = 50,
    expand: Expand = False,
    queue: Queue = False,
    watching: Annotated[bool, typer.Option("--watch", help="Stay, and keep it true; q ends.")] = False,
    as_of: AsOf = None,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """List jobs: those that wait or run; with --all or --state also others. The waiting tasks of an array are one line.

    Example: conductor jobs --state FAILED,TIMEOUT --since now-1day
    """
    from conductor.cli.queue_views import show_queue
    from conductor.cli.screen import Screen
    from conductor.client import ACTIVE_STATES, connect

    screen = Screen.open()
    wanted = [one.upper() for given in states or () for one in given.split(",") if one]
    filters: JobFilters = {
        "states": wanted or (() if everything else ACTIVE_STATES),
        "user_name": user,
        "name": name,
        "node_name": node,
        "array_job_id": array,
        "fold": None if expand or as_json or as_of is not None else "array",
        "since": _instant(since, screen),
        "until": _instant(until, screen),
    }
    with connect(channel="cli") as client:
        if queue:
            # Filters would tear holes into the order.
            plain = not (states or user or name or node or array or since or until or as_of or watching)
            show_queue(client, limit, screen, plain=plain, wide=wide, as_json=as_json)
            return
        if watching:
            _watch(client, filters, screen, alone=not (as_json or wide or as_of))
            return
        found = client.all_jobs(limit, as_of=moment_option(as_of, screen), **filters)
    narrowed = wanted or everything or user or name or node or array
    _show(found, screen, "no_such_jobs" if narrowed else "no_jobs", wide=wide, as_json=as_json)


def _show(found: "JobPage", screen: "Screen", none: str, *, wide: bool, as_json: bool) -> None:
    """`none`: what to say when there is no job."""
    if as_json:
        screen.json(found.raw)
        return
    if not found.jobs:
        screen.warn(none)
        return
    from conductor.cli.job_views import job_table

    job_table(found.jobs, screen, wide=wide, now=tell_moment(found.raw, screen))
    if found.next is not None:
        screen.warn("more_jobs")


def _watch(client: "Client", filters: "JobFilters", screen: "Screen", *, alone: bool) -> None:
    from conductor.cli.submission import refuse
    from conductor.cli.terminal import terminal_is_dumb

    if not alone:
        refuse(screen, "watch_alone")
    if not screen.out_is_terminal or terminal_is_dumb():
        refuse(screen, "watch_no_terminal")
    from conductor.cli.watch import watch

    watch(client, lambda lines: client.jobs(limit=min(lines, 1000), **filters), screen)


def job(
    job_id: JobId,
    script: Annotated[bool, typer.Option("--script", help="Print its script and nothing else.")] = False,
    file: CaseFilePath = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """Show everything about one job, with its life as a timeline: each step, its delay, who did it, and why.

    Example: conductor job 42
    """
    from conductor.cli.job_views import job_sheet
    from conductor.cli.screen import Screen
    from conductor.client import connect
    from conductor.core.timeline import timeline

    screen = Screen.open()
    if file is not None:
        from conductor.cli.case_views import show_job

        show_job(
            file,
            job_id,
            moment_option(as_of, screen),
            screen,
            script=script,
            as_json=as_json,
        )
        return
    with connect(channel="cli") as client:
        if script:
            body = client.script(job_id)
            screen.line(body.removesuffix("\n")) if screen.out_is_terminal else print(body, end="")
            return
        found = client.job(job_id, as_of=moment_option(as_of, screen))
        until = found.raw["as_of"]["position"] if as_of is not None else math.inf
        steps = timeline([one for one in client.all_job_events(job_id) if one.position <= until])
        names = {} if as_json else _names_of_causes(client, steps)
    if as_json:
        screen.json({**found.raw, "timeline": [step.to_json() for step in steps]})
        return
    tell_moment(found.raw, screen)
    job_sheet(found, steps, screen, names)


def _names_of_causes(client: "Client", steps: Sequence["Step"]) -> dict[str, str]:
    """Streams of tasks that caused a step, with the names that people call these by. Usually there is one, if any."""
    from conductor.core.identifiers import job_of_stream

    causes = {
        step.caused_by.partition("@")[0] for step in steps if step.caused_by and not step.caused_by_position
    }
    names: dict[str, str] = {}
    for stream in sorted(causes)[:_CAUSES_NAMED]:
        job_id = job_of_stream(stream)
        called = client.job(job_id).called if job_id is not None else ""
        if called and called != str(job_id):
            names[stream] = called
    return names


def cancel(
    job_ids: JobIds,
    wait: Annotated[
        float | None, typer.Option("--wait", metavar="SECONDS", min=0, help="Wait so long for its end.")
    ] = None,
    reason: Reason = None,
    as_json: Json = False,
) -> int:
    """Cancel jobs: at once what waits; what runs gets SIGTERM, and SIGKILL after a grace.

    Of an array its number names all tasks, 43_7 one, 43_[1-5,9] some.

    Example: conductor cancel 42 43_[1-5]
    """
    from conductor.client import FINAL_STATES

    def wish(client: "Client", job_id: str) -> "Changed":
        return client.cancel(job_id, reason=reason, wait_seconds=wait)

    def key(changed: "Changed") -> str:
        if changed.state == "CANCELLED":
            return "cancelled"
        return "already_ended" if changed.state in FINAL_STATES else "cancel_requested"

    return _each(job_ids, wish, key, as_json=as_json)


def hold(job_ids: JobIds, reason: Reason = None, as_json: Json = False) -> int:
    """Keep jobs from starting until `unhold`.

    Example: conductor hold 42
    """
    return _each(job_ids, lambda client, job_id: client.hold(job_id, reason=reason), "held", as_json=as_json)


def unhold(job_ids: JobIds, reason: Reason = None, as_json: Json = False) -> int:
    """Let held jobs run.

    Example: conductor unhold 42
    """

    def key(changed: "Changed") -> str:
        return "unheld" if changed.state == "PENDING" else "not_held"

    return _each(job_ids, lambda client, job_id: client.unhold(job_id, reason=reason), key, as_json=as_json)


def requeue(job_ids: JobIds, reason: Reason = None, as_json: Json = False) -> int:
    """Put jobs back into the queue, as a next attempt; what runs is ended first.

    Example: conductor requeue 42
    """

    def key(changed: "Changed") -> str:
        return "requeued" if changed.state == "PENDING" else "requeue_requested"

    return _each(job_ids, lambda client, job_id: client.requeue(job_id, reason=reason), key, as_json=as_json)


def reprioritize(
    priority: Annotated[int, typer.Argument(metavar="PRIORITY", hidden=True)],
    job_ids: JobIds,
    as_json: Json = False,
) -> int:
    """Give waiting jobs another priority; a higher one runs earlier, 0 is the default.

    Example: conductor reprioritize 100 42
    """
    from conductor.cli.screen import Screen
    from conductor.client import connect

    screen, code = Screen.open(), 0
    with connect(channel="cli") as client:
        for job_id in job_ids:
            answer = _tried(lambda job_id=job_id: client.reprioritize(job_id, priority))  # type: ignore[misc]
            if answer is None:
                code = 1
            elif as_json:
                screen.json(answer.raw)
            else:
                key = "several_reprioritized" if answer.jobs else "reprioritized"
                named = job_id if answer.jobs else answer.called
                screen.say(key, job_id=named, priority=priority, changed=answer.changed or 0)
    return code


def _each(
    job_ids: Sequence[str],
    wish: "Callable[[Client, str], Changed]",
    key: "str | Callable[[Changed], str]",
    *,
    as_json: bool,
) -> int:
    """Ask the same of several jobs. One that is refused does not spare the others."""
    from conductor.cli.screen import Screen
    from conductor.client import connect

    screen, code = Screen.open(), 0
    with connect(channel="cli") as client:
        for job_id in job_ids:
            changed = _tried(lambda job_id=job_id: wish(client, job_id))  # type: ignore[misc]
            if changed is None:
                code = 1
            elif as_json:
                screen.json(changed.raw)
            else:
                _tell(job_id, changed, key, screen)
    return code


def _tell(job_id: str, changed: "Changed", key: "str | Callable[[Changed], str]", screen: "Screen") -> None:
    """One job in a sentence of its own; of several, how many came to the same."""
    said = Counter(key if isinstance(key, str) else key(one) for one in changed.jobs)
    if not changed.jobs:
        screen.say(key if isinstance(key, str) else key(changed), job_id=changed.called, state=changed.state)
    for one, count in said.items():
        none = "none_" if one in ("held", "unheld") and not changed.changed else ""
        screen.say(f"several_{none}{one}", job_id=job_id, count=count, changed=changed.changed or 0)
    for refusal in changed.refused:
        screen.warn("error", what=refusal["message"])


def _tried(wish: Callable[[], Any]) -> Any:
    """What came back, or None after the refusal was explained."""
    from conductor.cli.exits import explain
    from conductor.client import Refused

    try:
        return wish()
    except Refused as error:
        if error.status == 401:
            raise  # it is the same for every job: once is enough
        explain(error)
        return None


def _instant(given: str | None, screen: "Screen") -> datetime | None:
    from conductor.cli.submission import refuse
    from conductor.cli.times import parse_instant

    if given is None:
        return None
    instant = parse_instant(given, datetime.now().astimezone())
    if instant is None:
        refuse(screen, "bad_begin", given=given)
    return instant

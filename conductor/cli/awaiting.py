"""Waiting for jobs together: how many are in which state, until all have ended.

Promises: a look at many jobs costs a request for each thousand numbers between the first and the last that has not
ended, never one for each job; looks come no faster than the server answers them; a server that is away for a while
is waited for. On a terminal a bar shows how far they are; elsewhere nothing is said.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from conductor.cli.exits import AWAY_SECONDS, WrongUsage, code_of_job
from conductor.client.errors import Unreachable
from conductor.core.selections import selected

if TYPE_CHECKING:
    from conductor.cli.screen import Screen
    from conductor.client import Client, Job

PAGE = 1000
WATCHED_SECONDS = 1.0  # between two looks while somebody looks at the bar
UNWATCHED_SECONDS = 20.0
AWAY_PAUSE_SECONDS = 0.5
_PAUSES = 4.0  # a look's own time, so that asking takes a fifth of all time at most

Tell = Callable[[Mapping[str, int]], None]


def jobs_named(client: "Client", names: Collection[str], screen: "Screen") -> list[int]:
    """The numbers of the jobs that these ids name: `42`, a whole array by its number, `42_7`, `42_[1-5]`."""
    found: set[int] = set()
    for name in names:
        selection = selected(name)
        assert selection is not None  # the option's own parser has looked at it
        if selection.task_ids is None:
            head = client.job(name)
            is_array = head.array_job_id == head.id
            found |= set(tasks_of(client, head.id)) if is_array else {head.id}
        else:
            tasks = tasks_of(client, selection.job_id)
            missing = [task for task in selection.task_ids if task not in tasks.values()]
            if missing:
                raise WrongUsage(screen.text("no_such_task", array=selection.job_id, task=missing[0]))
            found |= {job_id for job_id, task in tasks.items() if task in selection.task_ids}
    return sorted(found)


def tasks_of(client: "Client", array_job_id: int) -> dict[int, int | None]:
    """Of each task of an array its job's number, and its index."""
    return {job.id: job.array_task_id for job in client.all_jobs(array_job_id=array_job_id).jobs}


def wait_for_all(client: "Client", job_ids: Sequence[int], screen: "Screen") -> list["Job"]:
    """All of them once they have ended, in the order of their numbers."""
    with _bar(screen, len(job_ids)) as tell:
        return _waited(client, job_ids, tell)


def highest_code(jobs: Collection["Job"]) -> int:
    """Of several, as `sbatch --wait` has it, the highest."""
    return max((code_of_job(one.state, one.exit_code, one.exit_signal) for one in jobs), default=0)


def tell_ends(jobs: Sequence["Job"], screen: "Screen") -> None:
    """How many ended in which way; a single one with its code."""
    if len(jobs) == 1:
        from conductor.cli.job_views import exit_text

        [job] = jobs
        said = [job.reason, exit_text(job, screen)]
        how = ", ".join(filter(None, said))
        screen.say("one_ended", job_id=job.called, state=job.state, how=how and f" ({how})")
        return
    states = Counter(job.state for job in jobs)
    told = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    screen.say("all_ended", count=len(jobs), states=told)


def _waited(client: "Client", job_ids: Sequence[int], tell: Tell | None) -> list["Job"]:
    known: dict[int, Job] = {}
    unfinished = set(job_ids)
    answered_at = time.monotonic()
    while True:
        begun_at = time.monotonic()
        try:
            _look(client, unfinished, known)
            took_seconds = time.monotonic() - begun_at
            unfinished = {one for one in unfinished if not (one in known and known[one].final)}
            if tell is not None:
                tell(Counter(job.state for job in known.values()))
            if not unfinished:
                return [known[job_id] for job_id in sorted(known)]
            pause_seconds = WATCHED_SECONDS if tell is not None else UNWATCHED_SECONDS
            client.wait_once(min(unfinished), pause_seconds)
        except Unreachable:
            if time.monotonic() - answered_at >= AWAY_SECONDS:
                raise
            time.sleep(AWAY_PAUSE_SECONDS)
            continue
        answered_at = time.monotonic()
        if len(unfinished) > 1:
            time.sleep(_PAUSES * took_seconds)


def _look(client: "Client", wanted: Collection[int], known: dict[int, "Job"]) -> None:
    """How each stands now, from pages of the listing, newest first."""
    left = sorted(wanted)
    while left:
        page = client.jobs(cursor=left[-1] + 1, limit=min(PAGE, left[-1] - left[0] + 1)).jobs
        if not page:
            return
        known |= {job.id: job for job in page if job.id in wanted}
        while left and left[-1] >= page[-1].id:
            left.pop()


@contextmanager
def _bar(screen: "Screen", total: int) -> Iterator[Tell | None]:
    """What to call with the jobs by state; None when nobody looks."""
    from conductor.cli.terminal import terminal_is_dumb

    if not screen.err_is_terminal or terminal_is_dumb():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from conductor.client import FINAL_STATES

    console = Console(stderr=True, no_color=screen.colour_wish is False)
    parts = BarColumn(bar_width=20), MofNCompleteColumn(), TextColumn("{task.description}")
    with Progress(*parts, console=console, transient=True) as bar:
        task = bar.add_task("", total=total)

        def tell(states: Mapping[str, int]) -> None:
            ended = sum(count for state, count in states.items() if state in FINAL_STATES)
            said = "  ".join(f"{count} {state}" for state, count in sorted(states.items()))
            bar.update(task, completed=ended, description=said)

        yield tell

#!/usr/bin/env python3
"""Feed a trace in the Standard Workload Format to a running system, as real jobs over HTTP.

    scripts/load_swf.py --limit 500 --scale 2000 --wait NASA-iPSC-1993-3.1-cln.swf.gz

Each job of the trace becomes a `sleep` of its run time, divided by the scale, on as many CPUs as it had; it is
submitted at its own time, divided by the scale, or with the others at once. A job wider than every node is
refused by the server: it is counted with the reason, and the rest goes on. Installs the project when needed.
"""

import argparse
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

try:
    from datetime import UTC, datetime, timedelta

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from conductor.client import ACTIVE_STATES, Client, ClientError, Job, Refused, Submission, connect
    from conductor.core.errors import ConductorError
    from conductor.settings import load_settings, read_token
    from conductor.swf import SwfError, SwfJob, read_trace
except ImportError:
    if "conductor" in sys._xoptions:  # noqa: SLF001 (documented; the mark that we came this way before)
        raise
    # Again, by the interpreter that scripts/run would use (this one may be too old); what is missing is installed.
    FIND = 'project=$1 purpose=run; . "$1/scripts/environment.sh"; shift; exec "$python" -P -X conductor "$@"'
    os.execv("/bin/sh", ["sh", "-euc", FIND, "sh", str(PROJECT), __file__, *sys.argv[1:]])

if TYPE_CHECKING:
    from rich.progress import TaskID

BATCH = 500
LOOK_EVERY_SECONDS = 1.0
# The server's clock and ours may differ by this much when we ask for the jobs since our start.
CLOCKS_DIFFER = timedelta(minutes=10)
_WHICH = re.compile(r"jobs\[(\d+)\]")


@dataclass(slots=True, kw_only=True)
class Tally:
    """What has become of the trace's jobs so far."""

    submitted: set[int] = field(default_factory=set)
    refused: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    active: Counter[str] = field(default_factory=Counter)

    @property
    def ended(self) -> int:
        return len(self.submitted) - self.active.total()


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    try:
        jobs = read_trace(options.trace).jobs[: options.limit]
        with _client(options.url) as client:
            return feed(client, jobs, options)
    except (OSError, UnicodeDecodeError, SwfError) as error:
        return _fail(f"cannot read {options.trace}: {error}")
    except ClientError as error:
        return _fail(f"{error}. Start a system with scripts/run, or name one with --url.")
    except ConductorError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return 130


def feed(client: Client, jobs: Sequence[SwfJob], options: argparse.Namespace) -> int:
    """Submit them, watch them when asked to, and tell what became of them; 1 when any did not complete."""
    tally = Tally()
    wanted = [job for job in jobs if _is_wanted(job, options.max_cpus, tally)]
    started_at = datetime.now(UTC)
    with _progress() as progress:
        task = progress.add_task("", total=len(wanted))

        def look() -> None:
            _look(client, tally, started_at)
            _show(progress, task, tally, waits=options.wait)

        for batch in due(wanted, None if options.as_fast_as_possible else options.scale, look):
            submit(client, [submission_of(job, options) for job in batch], tally)
            _show(progress, task, tally, waits=options.wait)
        while options.wait:
            look()
            if tally.active.total() == 0:
                break
            time.sleep(LOOK_EVERY_SECONDS)
    return summary(client, tally, started_at, waited=options.wait)


def due(jobs: Sequence[SwfJob], scale: float | None, look: Callable[[], None]) -> Iterator[list[SwfJob]]:
    """Jobs in batches, each when its time has come; at once without a scale. `look` fills the time between."""
    begin = time.monotonic()
    first = jobs[0].submit_seconds if jobs else 0
    waiting = list(jobs)
    looked_at = begin
    while waiting:
        now = time.monotonic()
        ready = [
            job
            for job in waiting[:BATCH]
            if scale is None or (job.submit_seconds - first) / scale <= now - begin
        ]
        waiting = waiting[len(ready) :]
        if ready:
            yield ready
        if now - looked_at > LOOK_EVERY_SECONDS:
            look()
            looked_at = now
        if waiting and scale is not None:
            until = begin + (waiting[0].submit_seconds - first) / scale
            time.sleep(min(max(0.0, until - time.monotonic()), LOOK_EVERY_SECONDS))


def submission_of(job: SwfJob, options: argparse.Namespace) -> Submission:
    return Submission(
        script=f"#!/bin/sh\nexec sleep {(job.run_seconds or 0) / options.scale:.3f}\n",
        name=f"swf-{job.number}",
        cpus=job.processors,
        user_name=f"{options.user_prefix}{job.user_id or 0}",
        work_dir="/",  # nothing is written there, and so no folder is made for each of thousands
    )


def submit(client: Client, submissions: Sequence[Submission], tally: Tally) -> None:
    """Submit a batch; what is refused is counted and left out, the rest is submitted."""
    left = list(submissions)
    while left:
        try:
            answer = client.submit_batch(left)
        except Refused as error:
            refused = _refused_ones(error)
            if not refused:
                raise
            tally.refused.update(refused.values())
            left = [one for index, one in enumerate(left) if index not in refused]
        else:
            tally.submitted |= {job.job_id for job in answer.jobs}
            return


def summary(client: Client, tally: Tally, started_at: datetime, *, waited: bool) -> int:
    print(f"submitted  {len(tally.submitted)}")
    for title, counts in (("skipped", tally.skipped), ("refused", tally.refused)):
        for reason, count in counts.most_common():
            print(f"{title:<9}  {count}  ({reason})")
    if not waited:
        return 0
    jobs = _ours(client, tally, started_at, ())
    states = Counter(job.state for job in jobs)
    for state, count in states.most_common():
        print(f"{state:<9}  {count}")
    ends = [job.end_time for job in jobs if job.end_time]
    begins = [job.submit_time for job in jobs if job.submit_time]
    if ends and begins:
        print(f"makespan   {(max(ends) - min(begins)).total_seconds():.1f} s")
    return 0 if states["COMPLETED"] == len(tally.submitted) else 1


def _is_wanted(job: SwfJob, max_cpus: int | None, tally: Tally) -> bool:
    if job.processors is None or job.run_seconds is None:
        tally.skipped["the trace has no processors or no run time for them"] += 1
    elif max_cpus is not None and job.processors > max_cpus:
        tally.skipped[f"wider than --max-cpus {max_cpus}"] += 1
    else:
        return True
    return False


def _refused_ones(error: Refused) -> dict[int, str]:
    """Which jobs of a batch the server named, and why."""
    found = {}
    for one in error.problem.errors:
        if which := _WHICH.match(one.field):
            found[int(which[1])] = one.message
    return found


def _look(client: Client, tally: Tally, started_at: datetime) -> None:
    tally.active = Counter(job.state for job in _ours(client, tally, started_at, ACTIVE_STATES))


def _ours(client: Client, tally: Tally, started_at: datetime, states: Sequence[str]) -> list[Job]:
    page = client.all_jobs(states=states, since=started_at - CLOCKS_DIFFER)
    return [job for job in page.jobs if job.id in tally.submitted]


def _progress() -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _show(progress: Progress, task: "TaskID", tally: Tally, *, waits: bool) -> None:
    gone = tally.refused.total()
    states = [f"{tally.active[state]} {state}" for state in ACTIVE_STATES if tally.active[state]]
    done = gone + (tally.ended if waits else len(tally.submitted))
    progress.update(task, completed=done, description=", ".join(states) or "submitting")


def _client(url: str | None) -> Client:
    settings = load_settings()
    return connect(settings) if url is None else Client(url, read_token(settings), lang=settings.lang)


def _fail(sentence: str) -> int:
    print(f"load_swf: {sentence}", file=sys.stderr)
    return 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("trace", type=Path, help="the trace, plain or .gz")
    parser.add_argument("--url", help="the API (default: as the conductor command finds it)")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N jobs")
    parser.add_argument("--scale", type=_positive, default=2000.0, help="divide all times by this (2000)")
    parser.add_argument("--max-cpus", type=int, metavar="N", help="leave out wider jobs")
    parser.add_argument("--user-prefix", default="swf", help="before the trace's user numbers (swf)")
    parser.add_argument(
        "--as-fast-as-possible", action="store_true", help="submit all at once, not at their times"
    )
    parser.add_argument("--wait", action="store_true", help="watch until all have ended")
    return parser.parse_args(arguments)


def _positive(text: str) -> float:
    number = float(text)
    if not number > 0:
        raise argparse.ArgumentTypeError("must be more than zero")
    return number


if __name__ == "__main__":
    sys.exit(main())

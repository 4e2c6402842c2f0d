"""`conductor jobs --watch`: a listing that stays true, on the terminal's other page.

Promises: two requests every two seconds at most, for as many jobs as the screen has lines; a server that is away is
said so below the last answer, and asked again; each drawing goes over the last one in one piece, without a blank
page between; q and Ctrl-C end it, and the terminal is as it was.
"""

import os
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from conductor.cli.keys import pressed
from conductor.cli.screen import Screen, fit
from conductor.client import JobPage, Stats, Unreachable

if TYPE_CHECKING:
    from conductor.client import Client

PACE_SECONDS = 2.0
_KEYS_SECONDS = 0.2  # how soon a key, or another size of the terminal, is noticed
_AROUND = 4  # lines that are no jobs: two heads, the table's heading, the foot
_PATIENCE_SECONDS = 5.0  # for the thread that asks, once we are done


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    page: JobPage
    stats: Stats
    at: datetime


class _Asking:
    """Asks again and again in a thread of its own, so that a slow server never keeps a key waiting."""

    def __init__(self, ask: Callable[[int], Answer], lines: int) -> None:
        self._ask = ask
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self.lines = lines
        self.answer: Answer | None = None
        self.away: Unreachable | None = None
        self.failed: Exception | None = None
        self._thread.start()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self.answer = self._ask(self.lines)
                self.away = None
            except Unreachable as error:
                self.away = error
            except Exception as error:
                self.failed = error  # told by the thread that can end the program
                return
            self._stopped.wait(PACE_SECONDS)

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(_PATIENCE_SECONDS)


def watch(client: "Client", list_jobs: Callable[[int], JobPage], screen: Screen) -> None:
    """Until a person has seen enough. Raises what the server refuses, and `Unreachable` when it was never there."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    def ask(lines: int) -> Answer:
        return Answer(page=list_jobs(lines), stats=client.stats(), at=datetime.now(UTC))

    asking = _Asking(ask, _lines_of_jobs())
    console = Console(file=sys.stdout, highlight=False, markup=False, no_color=not screen.colours)
    shown: Sequence[str] = ()
    try:
        with pressed() as keys, Live(console=console, screen=True, auto_refresh=False) as live:
            while True:
                asking.lines = _lines_of_jobs()
                lines = _drawing(asking, screen)
                if lines != shown:
                    shown = lines
                    live.update(Text.from_ansi("\n".join(lines), no_wrap=True), refresh=True)
                if asking.failed is not None:
                    raise asking.failed
                if asking.away is not None and asking.answer is None:
                    raise asking.away
                if "q" in keys(_KEYS_SECONDS).lower():
                    return
    except KeyboardInterrupt:
        return
    finally:
        asking.stop()


def _lines_of_jobs() -> int:
    return max(1, _height() - _AROUND)


def _height() -> int:
    try:
        lines = os.get_terminal_size(sys.stdout.fileno()).lines
    except OSError:
        lines = 0
    return max(8, lines) if lines else 24


def _drawing(asking: _Asking, screen: Screen) -> list[str]:
    from conductor.cli.job_views import job_lines
    from conductor.cli.times import clock

    answer = asking.answer
    if answer is None:
        return [screen.text("watch_asking")]
    jobs = answer.page.jobs[: _lines_of_jobs()]
    found, width = answer.stats, screen.width()
    states = "  ".join(f"{count} {state}" for state, count in found.jobs_by_state.items() if count)
    cpus = screen.text("watch_cpus", used=found.used_cpus + found.reserved_cpus, total=found.total_cpus)
    lines = [fit(f"{clock(answer.at)}  {cpus}", width), fit(states or screen.text("watch_no_jobs"), width)]
    if jobs:
        lines += job_lines(jobs, screen, now=datetime.now(UTC))
    foot = []
    if asking.away is not None:
        foot.append(screen.text("watch_away", at=clock(answer.at)))
    elif answer.page.next is not None or len(answer.page.jobs) > len(jobs):
        foot.append(screen.text("watch_more"))
    foot.append(screen.text("watch_keys"))
    lines += [""] * (_height() - 1 - len(lines))
    return [*lines, fit("  ".join(foot), width)]

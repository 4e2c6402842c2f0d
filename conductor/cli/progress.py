"""A bar for what takes as long as the log is: how far, how fast, how much longer. Only where somebody watches."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Task
    from rich.text import Text

    from conductor.cli.screen import Screen


@contextmanager
def progress_bar(screen: "Screen", doing: str = "replaying") -> Iterator[Callable[[int, int], None] | None]:
    """What to call with (events done, events in all); None when standard error is no terminal.

    `doing` is the text beside it.
    """
    if not screen.err_is_terminal:
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: "Task") -> "Text":
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:,.0f}/s", style="progress.data.speed")

    parts = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn()
    with Progress(*parts, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(screen.text(doing), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)

"""`conductor run`: submit, follow, and end as the script ended.

Promises: an interrupt never leaves a job behind unasked: on a terminal it asks once whether to cancel (Enter, or a
second Ctrl-C, does; n lets the job go on without us), elsewhere it cancels. With nothing to talk to, and no
CONDUCTOR_URL that says otherwise, a system is brought up for as long as the job takes.
"""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import FrameType
from typing import TYPE_CHECKING

from conductor.cli import exits
from conductor.cli import submission as option
from conductor.cli.options import Raw
from conductor.cli.sbatch_words import AsSbatch
from conductor.cli.times import duration

if TYPE_CHECKING:
    from conductor.cli.following import Follower, Sheet
    from conductor.cli.screen import Screen
    from conductor.client import Client, Job, Submission
    from conductor.settings import Settings

LOOK_EVERY_SECONDS = 0.5
LAST_BYTES_SECONDS = 5.0


def run(
    arguments: option.Arguments = None,
    wrap: option.Wrap = None,
    ntasks: option.Ntasks = None,
    ntasks_per_node: option.NtasksPerNode = None,
    cpus_per_task: option.CpusPerTask = None,
    time_limit: option.TimeLimit = None,
    job_name: option.JobName = None,
    work_dir: option.WorkDir = None,
    memory: option.Memory = None,
    nodelist: option.NodeList = None,
    constraint: option.Constraint = None,
    gres: option.Gres = None,
    exclusive: option.Exclusive = False,
    begin: option.Begin = None,
    account: option.Account = None,
    priority: option.Priority = None,
    array: option.Array = None,
    dependency: option.Dependency = None,
    nice: option.Nice = None,
    requeue: option.Requeue = False,
    export: option.Export = None,
    comment: option.Comment = None,
    signal: option.Signal = None,
    as_sbatch: AsSbatch = None,
    raw: Raw = False,
) -> int:
    """Submit a script, show its output as it comes, and end with its exit code.

    Example: conductor run examples/hello.sh
    """
    from conductor.cli.following import Sheet
    from conductor.cli.screen import Screen
    from conductor.settings import child_environment, load_settings

    settings, screen = load_settings(), Screen.open()
    wishes = option.Wishes(
        command="run", arguments=arguments or [], wrap=wrap, ntasks=ntasks, ntasks_per_node=ntasks_per_node,
        cpus_per_task=cpus_per_task, time_limit=time_limit, job_name=job_name, work_dir=work_dir, memory=memory,
        begin=begin, account=account, priority=priority, nice=nice, requeue=requeue, export=export,
        comment=comment, signal=signal, array=array, dependency=dependency,
        nodelist=nodelist, constraint=constraint, gres=gres, exclusive=exclusive,
        as_sbatch=as_sbatch or (),
    )  # fmt: skip
    wanted = option.submission_of(wishes, child_environment(settings), screen)
    option.refuse_array(wanted, screen)
    sheet = Sheet(raw=raw, colours=screen.colour_wish)
    with _interrupts() as interrupts, _server(settings, screen) as (client, keep_up):
        return Run(client, screen, sheet, interrupts, keep_up).to_the_end(wanted)


class Run:
    """One job, watched from its submission to its end."""

    def __init__(
        self,
        client: "Client",
        screen: "Screen",
        sheet: "Sheet",
        interrupts: "Interrupts",
        keep_up: Callable[[], None] | None,
    ) -> None:
        self._client = client
        self._screen = screen
        self._sheet = sheet
        self._interrupts = interrupts
        self._keep_up = keep_up or (lambda: None)
        self._own_system = keep_up is not None
        self._asked = not (sys.stdin.isatty() and sys.stderr.isatty())
        self._to_cancel = False
        self._let_go = False
        self._cancelling = False
        self._answered_at = time.monotonic()

    def to_the_end(self, wanted: "Submission") -> int:
        """Gives the exit code."""
        from conductor.cli.following import Follower
        from conductor.cli.node_names import warn_of_unknown_nodes

        self._interrupts.noting = True
        submitted = self._client.submit(wanted)
        self._screen.warn_all(submitted.warnings)
        warn_of_unknown_nodes(self._client, wanted, self._screen)
        job_id = submitted.job_id
        followers = [
            Follower(self._client, job_id, "stdout", lambda data: self._sheet.write("stdout", data)),
            Follower(self._client, job_id, "stderr", lambda data: self._sheet.write("stderr", data)),
        ]
        for follower in followers:
            follower.start()
        try:
            job = self._watch(job_id)
            if job is None:
                return self._given_up(job_id)
            self._collect(followers)
        finally:
            self._sheet.finish()
        self._tell_end(job)
        return exits.code_of_job(job.state, job.exit_code, job.exit_signal)

    def _watch(self, job_id: int) -> "Job | None":
        """The job once it has ended; None when we stopped waiting for it."""
        from conductor.client import Unreachable

        while True:
            try:
                self._keep_up()
                job = self._look(job_id)
                if job.final:
                    return job
            except Unreachable:
                if time.monotonic() - self._answered_at > exits.AWAY_SECONDS:
                    return None
                self._sheet.status(self._screen.text("status_away", job_id=job_id))
                time.sleep(LOOK_EVERY_SECONDS)
            except KeyboardInterrupt:
                self._interrupted(job_id, signal.SIGINT)
            number = self._interrupts.take()
            if number is not None and self._to_cancel:
                return None
            if number is not None:
                self._interrupted(job_id, number)
            if self._let_go:
                return None

    def _look(self, job_id: int) -> "Job":
        """Cancel the job when that is wanted, wait a little for its end, and show how it stands."""
        if self._to_cancel and not self._cancelling:
            self._client.cancel(job_id, reason="interrupted")
            self._cancelling = True
            with self._sheet.pause():
                self._screen.warn("cancelling", job_id=job_id)
        job = self._client.wait_once(job_id, LOOK_EVERY_SECONDS)
        self._answered_at = time.monotonic()
        self._sheet.status(_status_of(job, self._screen))
        return job

    def _interrupted(self, job_id: int, number: int) -> None:
        # SIGTERM comes from a program, which cannot be asked anything.
        if not self._asked and number == signal.SIGINT:
            self._asked = True
            self._to_cancel = self._wants_to_cancel(job_id)
            self._let_go = not self._to_cancel
        else:
            self._to_cancel = True

    def _wants_to_cancel(self, job_id: int) -> bool:
        with self._sheet.pause():
            try:
                with self._interrupts.at_once():
                    print(self._screen.text("ask_cancel", job_id=job_id), end="", file=sys.stderr, flush=True)
                    answer = sys.stdin.readline()
            except KeyboardInterrupt:
                print(file=sys.stderr)
                return True  # pressed again instead of answering: that is an answer
        # A line that has not even an end is none: the terminal is gone, and nobody asked for anything.
        return answer.endswith("\n") and answer.strip().lower() in ("", "y", "yes", "是")

    def _collect(self, followers: "list[Follower]") -> None:
        until = time.monotonic() + LAST_BYTES_SECONDS
        for follower in followers:
            follower.finish(max(0.1, until - time.monotonic()))

    def _given_up(self, job_id: int) -> int:
        self._sheet.status("")
        if self._let_go:
            self._screen.warn("let_go_alone" if self._own_system else "let_go", job_id=job_id)
            return exits.INTERRUPTED
        self._screen.warn("left_behind" if self._cancelling else "lost_touch", job_id=job_id)
        return exits.INTERRUPTED if self._to_cancel else exits.OWN_FAILURE

    def _tell_end(self, job: "Job") -> None:
        """A script's own exit code speaks for itself; any other end is told, and output that is not here."""
        if job.stdout_note and job.start_time is not None:
            self._screen.note(job.stdout_note)
        if job.state == "COMPLETED" or (job.state == "FAILED" and job.exit_code is not None):
            return
        from conductor.cli.job_views import exit_text

        said = [job.reason, exit_text(job, self._screen) if job.state == "FAILED" else None]
        why = ", ".join(filter(None, said))
        self._screen.warn("ended", job_id=job.id, state=job.state, why=why and f": {why}")


class Interrupts:
    """SIGINT and SIGTERM. Once there is a job, the first is noted and waits until the job's number is known."""

    def __init__(self) -> None:
        self.noting = False
        self._noted: int | None = None

    def come(self, number: int, _frame: FrameType | None) -> None:
        """The signals' handler. A second one that finds the first still waiting breaks off whatever hangs."""
        if not self.noting or self._noted is not None:
            raise KeyboardInterrupt
        self._noted = number

    def take(self) -> int | None:
        """The signal that came since this was last asked."""
        noted, self._noted = self._noted, None
        return noted

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """In this block a signal raises `KeyboardInterrupt`."""
        self.noting = False
        try:
            yield
        finally:
            self.noting = True


@contextmanager
def _interrupts() -> Iterator[Interrupts]:
    interrupts = Interrupts()
    before = {number: signal.signal(number, interrupts.come) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _server(settings: "Settings", screen: "Screen") -> "Iterator[tuple[Client, Callable[[], None] | None]]":
    """A client of the server that answers, or of one brought up for now; and what keeps that one going, if so."""
    from conductor.client import Unreachable, connect

    with connect(settings, channel="cli") as client:
        try:
            client.health()
        except Unreachable:
            if settings.url is not None:
                raise
        else:
            yield client, None
            return
    # Imported here: it brings PostgreSQL's client library, which a server that answers makes unnecessary.
    from conductor.up import running_system

    screen.warn("bringing_up", home=settings.home)
    with running_system(settings, say=screen.note) as system, connect(settings, channel="cli") as client:
        yield client, system.look


def _status_of(job: "Job", screen: "Screen") -> str:
    """One line for a person who waits: why it does not run yet, or for how long it runs, of how long it may."""
    if job.state != "RUNNING" or job.start_time is None:
        return screen.text("status_waiting", job_id=job.id, time=_waited(job), why=_reason_of(job, screen))
    where = f" ({job.node})" if job.node else ""
    ran = duration(job.run_seconds or 0.0)
    if job.time_limit_seconds is None:
        return screen.text("status_running", job_id=job.id, where=where, time=ran)
    limit = duration(job.time_limit_seconds)
    return screen.text("status_limited", job_id=job.id, where=where, time=ran, limit=limit)


def _waited(job: "Job") -> str:
    if job.submit_time is None:
        return ""
    return " " + duration((datetime.now(UTC) - job.submit_time).total_seconds())


def _reason_of(job: "Job", screen: "Screen") -> str:
    """The word, and in the reader's language what it means."""
    from conductor.cli.texts_of_waiting import REASONS

    if job.state == "RESERVED":
        return screen.text("reason_told", told=screen.text("status_reserved", node=job.node or "?"))
    if not job.reason:
        return ""
    if job.reason not in REASONS:
        return screen.text("reason_told", told=job.reason)
    means = REASONS[job.reason][screen.language == "zh"]
    return screen.text("reason_meant", reason=job.reason, means=means)

"""What a person who types `conductor up` sees, and what his Ctrl-C does.

Promises: once ready, says where the system answers, where its data lives and what to type next, in his
language. The first Ctrl-C (or SIGTERM) stops the services and leaves running jobs alone; a second Ctrl-C
cancels them first.

Refuses to know: how the parts are run.
"""

import os
import select
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import conductor
from conductor.core.errors import ConductorError
from conductor.core.said import sentence_of
from conductor.settings import Settings
from conductor.up.system import STOP_ORDER, System, running_system
from conductor.up.texts import Texts, texts_of

LOOK_EVERY_SECONDS = 0.25
# How long a second Ctrl-C is waited for when jobs are running; a SIGTERM comes from a program and has no
# second.
SECOND_CHANCE_SECONDS = 2.0
CANCEL_MARGIN_SECONDS = 10.0
PROJECT = Path(conductor.__file__).parent.parent


def run_up(settings: Settings) -> int:
    """Bring the system up, keep it up until told to stop, and stop it. Gives the exit code."""
    texts = texts_of(settings.lang)
    with _interrupts() as interrupts:
        try:
            _say(texts.starting)
            with running_system(settings, say=_say) as system:
                interrupts.expect()
                _say(_ready_text(system, texts))
                _keep_up(system, interrupts)
                _wind_down(system, interrupts, texts)
        except ConductorError as error:
            print(f"conductor up: {sentence_of(error, settings.lang)}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 130
    _say(texts.stopped)
    return 0


class Interrupts:
    """SIGINT and SIGTERM. Until they are expected they break off what is done; then they are noted."""

    def __init__(self, reader: int, writer: int) -> None:
        self._reader = reader
        self._writer = writer
        self._expected = False
        self.last: int | None = None

    def expect(self) -> None:
        """From now on a signal is noted, and interrupts nothing but `wait`."""
        self._expected = True

    def note(self, number: int, _frame: FrameType | None) -> None:
        """The signals' handler."""
        self.last = number
        os.write(self._writer, b"!")
        if not self._expected:
            # The way down must not be broken off by a second one.
            self._expected = True
            raise KeyboardInterrupt

    def wait(self, seconds: float) -> bool:
        """Wait that long, or until a signal comes. Each signal ends one wait."""
        ready, _, _ = select.select([self._reader], [], [], seconds)
        return bool(ready) and bool(os.read(self._reader, 1))


@contextmanager
def _interrupts() -> Iterator[Interrupts]:
    reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    interrupts = Interrupts(reader, writer)
    before = {number: signal.signal(number, interrupts.note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reader)
        os.close(writer)


def _keep_up(system: System, interrupts: Interrupts) -> None:
    while not interrupts.wait(LOOK_EVERY_SECONDS):
        system.look()


def _wind_down(system: System, interrupts: Interrupts, texts: Texts) -> None:
    """Stop the services in order. The scheduler first, so that nothing new begins while the user decides."""
    _say(texts.stopping)
    system.stop(STOP_ORDER[0])
    jobs = system.running_job_ids()
    if not jobs:
        return
    _say(texts.jobs_go_on(len(jobs), _command()))
    if interrupts.last == signal.SIGINT:
        _say(texts.second_cancels)
        if interrupts.wait(SECOND_CHANCE_SECONDS):
            _cancel(system, jobs, interrupts, texts)


def _cancel(system: System, jobs: list[int], interrupts: Interrupts, texts: Texts) -> None:
    _say(texts.cancelling(len(jobs)))
    for job_id in jobs:
        system.ask("POST", f"/api/v1/jobs/{job_id}/cancel")
    until = time.monotonic() + system.settings.kill_grace_seconds + CANCEL_MARGIN_SECONDS
    while time.monotonic() < until and system.running_job_ids():
        if interrupts.wait(LOOK_EVERY_SECONDS):
            return


def _ready_text(system: System, texts: Texts) -> str:
    settings = system.settings
    lines = [texts.ready(system.api_url, str(settings.home), f"{_command()} submit {_example()}")]
    if settings.api_auth == "off":
        lines.append(texts.no_token)
    return "\n".join(lines)


def _command() -> str:
    """How this user would start us again."""
    if shutil.which("conductor"):
        return "conductor"
    script = PROJECT / "scripts/run"
    return _short(script) if script.exists() else f"{shlex.quote(sys.executable)} -m conductor"


def _example() -> str:
    script = PROJECT / "examples/hello.sh"
    return _short(script) if script.exists() else "--wrap 'echo hello'"


def _short(path: Path) -> str:
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))


def _say(line: str) -> None:
    print(line, flush=True)

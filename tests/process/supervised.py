"""A real supervisor for tests, and an executor's end of its socket that waits for what it is told, never for time."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from conductor.supervisor import protocol
from conductor.supervisor.launch import supervisor_command

PATIENCE_SECONDS = 10.0


def until(condition: Callable[[], bool], what: str) -> None:
    """For what sends no event: a file that appears, a process that goes."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up_at, f"waited in vain for {what}"
        time.sleep(0.002)


def gone(pid: int) -> bool:
    """No such process, or only its zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def write_to(fifo: Path, text: str) -> None:
    """To whoever waits for it, or soon will."""
    descriptors: list[int] = []

    def opened() -> bool:
        with suppress(OSError):  # nobody reads yet
            descriptors.append(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
        return bool(descriptors)

    until(opened, f"a reader of {fifo}")
    os.write(descriptors[0], text.encode())
    os.close(descriptors[0])


class Supervised:
    """A supervisor in the foreground, as a child of the test."""

    def __init__(
        self,
        spool: Path,
        options: Sequence[str] = (),
        *,
        ignoring: str = "",
        command: Sequence[str] = (),
        **popen: Any,
    ) -> None:
        """`ignoring` names signals that whoever starts it ignores; `command` starts it another way."""
        self.spool = spool
        command = [*command] or supervisor_command(spool, options)
        if ignoring:
            command = ["/bin/sh", "-c", f"trap '' {ignoring}; exec \"$@\"", "sh", *command]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, **popen)
        self._executors: list[Executor] = []

    def executor(self, incarnation: int = 1) -> Executor:
        until(lambda: answers(self.spool) or self.process.poll() is not None, "the supervisor's socket")
        assert self.process.poll() is None
        executor = Executor(self.spool, incarnation)
        self._executors.append(executor)
        return executor

    def kill(self) -> None:
        self.process.kill()
        self._end()

    def end(self) -> int:
        """Asks it to go; what it still holds is stopped by name first, so that no test leaves a process."""
        executor = self.executor(incarnation=1_000_000)
        for attempt in executor.held():
            if attempt["stage"] in ("gated", "running", "stopping"):
                executor.ask("stop", attempt["allocation_id"], cause="cancelled", grace_seconds=0)
                executor.event(attempt["allocation_id"], "exited", "discarded", "launch_failed")
        self.process.terminate()
        return self._end()

    def _end(self) -> int:
        for executor in self._executors:
            executor.close()
        code = self.process.wait(PATIENCE_SECONDS)
        assert self.process.stderr is not None
        self.log = self.process.stderr.read().decode()
        self.process.stderr.close()
        return code


class Executor:
    """One connection; events are kept until somebody asks for them."""

    def __init__(self, spool: Path, incarnation: int) -> None:
        self._socket = connect(spool)
        self._frames = protocol.FrameReader()
        self._messages: list[dict[str, Any]] = []
        self._send([{"type": "hello", "protocol": protocol.PROTOCOL_VERSION, "incarnation": incarnation}])
        self.welcome = self.message(lambda message: message["type"] in ("welcome", "superseded", "refused"))

    def held(self) -> list[dict[str, Any]]:
        held: list[dict[str, Any]] = self.welcome["attempts"]
        return held

    def waiting(self) -> list[dict[str, Any]]:
        """What has arrived and was not asked for; after a hello, what came with the welcome."""
        return list(self._messages)

    def ask(self, kind: str, allocation_id: int, **more: Any) -> None:
        self._send([{"type": kind, "allocation_id": allocation_id, **more}])

    def gate(self, allocation_id: int, script: str, **more: Any) -> None:
        self._send([gate_message(allocation_id, script, **more)])

    def gated(self, allocation_id: int, script: str, **more: Any) -> int:
        """The PID of a child at its gate."""
        self.gate(allocation_id, script, **more)
        pid: int = self.event(allocation_id, "gated")["process"]["pid"]
        return pid

    def started(self, allocation_id: int, script: str, **more: Any) -> int:
        pid = self.gated(allocation_id, script, **more)
        self.ask("open", allocation_id)
        self.event(allocation_id, "opened")
        return pid

    def trust(self, seconds: float, margin_seconds: float, sent_at: float | None = None) -> None:
        sent_at = time.monotonic() if sent_at is None else sent_at
        message = {"type": "trust", "seconds": seconds, "margin_seconds": margin_seconds, "sent_at": sent_at}
        self._send([message])

    def upgrade(self) -> None:
        """Returns when the connection has ended, as it does when there is a new program."""
        self._send([{"type": "upgrade"}])
        self.closed_by_peer()

    def run(self, allocation_id: int, script: str, **more: Any) -> dict[str, Any]:
        self.started(allocation_id, script, **more)
        return self.event(allocation_id, "exited")

    def event(self, allocation_id: int, *kinds: str) -> dict[str, Any]:
        return self.message(
            lambda message: message.get("allocation_id") == allocation_id and message["type"] in kinds
        )

    def message(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while True:
            for index, message in enumerate(self._messages):
                if wanted(message):
                    return self._messages.pop(index)
            self._receive(give_up_at - time.monotonic())

    def closed_by_peer(self) -> bool:
        self._socket.settimeout(PATIENCE_SECONDS)
        try:
            while data := self._socket.recv(65536):
                self._messages += self._frames.feed(data)
        except ConnectionResetError:
            pass
        return True

    def send_bytes(self, data: bytes) -> None:
        self._socket.sendall(data)

    def close(self) -> None:
        self._socket.close()

    def _send(self, messages: list[dict[str, Any]]) -> None:
        self._socket.sendall(protocol.frame(messages))

    def _receive(self, timeout_seconds: float) -> None:
        ready, _, _ = select.select([self._socket], [], [], max(0.0, timeout_seconds))
        assert ready, f"waited in vain; had {self._messages}"
        data = self._socket.recv(1 << 20)
        assert data, f"the supervisor closed the connection; had {self._messages}"
        self._messages += self._frames.feed(data)


def gate_message(allocation_id: int, script: str, **more: Any) -> dict[str, Any]:
    return {
        "type": "gate",
        "allocation_id": allocation_id,
        "job_id": allocation_id,
        "attempt": 1,
        "script": script,
        "work_dir": None,
        "cpu_ids": [],
        "set_affinity": False,
        "environment": {},
        "standard_environment": {},
        "stdout_path": None,
        "stderr_path": None,
        "join_output": False,
        "time_limit_seconds": None,
        "kill_grace_seconds": 10.0,
        "prologue": None,
        "stop_when_untrusted": False,
        "warn_signal": None,
        "warn_seconds": 0.0,
        "warn_batch_only": False,
        "output_limit_bytes": None,
        "memory_mb": None,
        "run_as": None,
        "limits": {},
        **more,
    }


def output_of(spool: Path, job_id: int, stream: str = "out") -> bytes:
    return (spool / "output" / f"job_{job_id}.{stream}").read_bytes()


def connect(spool: Path) -> socket.socket:
    folder = os.open(spool, os.O_RDONLY)
    connecting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connecting.connect(f"/proc/self/fd/{folder}/supervisor.sock")
    except OSError:
        connecting.close()
        raise
    finally:
        os.close(folder)
    return connecting


def kill_process(pid: int) -> None:
    """A process that a test has lost on purpose."""
    if not gone(pid):
        os.kill(pid, signal.SIGKILL)
        until(lambda: gone(pid), f"process {pid} to end")


def answers(spool: Path) -> bool:
    try:
        connect(spool).close()
    except OSError:
        return False
    return True

"""A program for a PID namespace of its own: lets a job's PID come to mean a stranger, and looks whether he lives.

`python recycled_pid.py SPOOL [SUPERVISOR OPTIONS]`, as the namespace's first process. The job runs, its supervisor is
killed, the job ends unseen, and a stranger gets its PID, as a leader of a session of his own too. The next supervisor
knows only the number and the start time. Ends with 0 when he was left alone and the job's end was told as unknown.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from conductor.supervisor.launch import supervisor_command
from conductor.supervisor_client import Exited, Gated, GateRequest, Opened, SupervisorClient, SupervisorGone

PATIENCE_SECONDS = 20.0


async def connected(spool: Path, incarnation: int) -> SupervisorClient:
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return await SupervisorClient.connect(spool, incarnation)
        except SupervisorGone:
            assert time.monotonic() < give_up_at, "no supervisor"
            await asyncio.sleep(0.01)


async def told(client: SupervisorClient, kind: type) -> object:
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for event in client.events():
            if isinstance(event, kind):
                return event
    raise AssertionError(f"{kind} was never told")


async def run_a_job(spool: Path) -> int:
    client = await connected(spool, 1)
    client.trust(3600.0, 1.0)
    client.gate(GateRequest(allocation_id=1, job_id=1, attempt=1, script="sleep 1000\n"))
    gated = await told(client, Gated)
    assert isinstance(gated, Gated)
    client.open(1)
    await told(client, Opened)
    await client.close()
    return gated.process.pid


def end_unseen(supervisor: "subprocess.Popen[bytes]", pid: int) -> None:
    supervisor.kill()
    supervisor.wait()
    os.killpg(pid, signal.SIGKILL)
    while Path(f"/proc/{pid}").exists():  # its orphans are the first process's children now
        try:
            os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            time.sleep(0.001)
    # Start times are counted in ticks of 10 ms; two lives of one number differ by many.
    time.sleep(0.05)


def stranger_with(pid: int) -> "subprocess.Popen[bytes]":
    """The number is free once the last member of its group has been reaped; until then another one is given."""
    give_up_at = time.monotonic() + 10
    while True:
        Path("/proc/sys/kernel/ns_last_pid").write_text(str(pid - 1))
        stranger = subprocess.Popen(["/bin/sleep", "1000"], start_new_session=True)
        if stranger.pid == pid:
            return stranger
        assert time.monotonic() < give_up_at, (stranger.pid, pid)
        stranger.kill()
        stranger.wait()
        with suppress(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)


async def main(spool: Path, options: list[str]) -> None:
    first = subprocess.Popen(supervisor_command(spool, options))
    pid = await run_a_job(spool)
    end_unseen(first, pid)
    stranger = stranger_with(pid)
    second = subprocess.Popen(supervisor_command(spool, options))
    client = await connected(spool, 2)
    client.stop(1, grace_seconds=0.0)
    end = await told(client, Exited)
    assert isinstance(end, Exited)
    assert (end.exit_code, end.exit_signal) == (None, None), end
    # Everything it was asked for before this answer has been done.
    client.gate(GateRequest(allocation_id=2, job_id=2, attempt=1, script="true\n"))
    await told(client, Gated)
    assert stranger.poll() is None, "the stranger was signalled"
    second.kill()
    stranger.kill()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2:]))

"""What jobs leave behind on disk, and what must be true of it after any crash: the laws, in one place.

Every script of a fault test appends `start ATTEMPT PID` to a file of its job before its work, and `end` after it. So a
start is counted by what happened, not by what a table says. `violations` compares that with the log, the tables and
the machine; an empty list is the only good answer.
"""

import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from projections.replay import verify

_JOBS: LiteralString = """
    SELECT j.id, j.state, j.reason, j.final, j.exit_code, j.exit_signal, j.attempt,
           a.node_name, a.status, a.process_id, a.release_reason
    FROM jobs j LEFT JOIN resource_allocations a ON a.job_id = j.id
    ORDER BY j.id
"""
_LIVE: LiteralString = """
    SELECT format('allocation %s of job %s is %s', id, job_id, status)
    FROM resource_allocations WHERE status <> 'released'
"""
_TWICE_AT_ONCE: LiteralString = """
    SELECT format('attempts %s and %s of job %s overlap', a.attempt, b.attempt, a.job_id)
    FROM allocation_history a JOIN allocation_history b ON a.job_id = b.job_id AND a.attempt < b.attempt
    WHERE b.allocation_time < a.release_time
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a job is to end. `exit_code` is that of its script; `output` what one whole run of it prints."""

    states: Collection[str] = ("COMPLETED",)
    exit_code: int | None = 0
    output: str | None = None
    starts: int | None = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A folder with one file a job, written by the jobs themselves, and one named pipe a job to wait at."""

    folder: Path
    waiting_jobs: int = 0
    pipes: dict[int, Any] = field(default_factory=dict)

    def prepare(self) -> None:
        self.folder.mkdir()
        for number in range(1, self.waiting_jobs + 1):
            self._make_pipe(number)

    def _make_pipe(self, job_id: int) -> None:
        path = self.folder / f"go.{job_id}"
        os.mkfifo(path)
        # Open at both ends, so that neither the job nor the test ever waits for the other to open it.
        self.pipes[job_id] = path.open("r+b", buffering=0)

    def let_go(self, job_id: int) -> None:
        """The job may end; whoever waits at its pipe reads one line, a stop in between takes another."""
        self.pipes[job_id].write(b"go\n" * 3)

    def close(self) -> None:
        for pipe in self.pipes.values():
            pipe.close()

    def script(self, work: str = "", exit_code: str = "0") -> str:
        """A script whose start and end leave a trace, whatever else it does."""
        trace = f'"{self.folder}/$CONDUCTOR_JOB_ID"'
        return (
            f'echo "start $CONDUCTOR_ATTEMPT $$" >> {trace}\n'
            f"{work}\n"
            f'echo "end $CONDUCTOR_ATTEMPT $$" >> {trace}\n'
            f"exit {exit_code}\n"
        )

    def waiting_script(self) -> str:
        """Says who it is and waits at its pipe, also when it is told to stop."""
        wait = f'read -r _ < "{self.folder}/go.$CONDUCTOR_JOB_ID"'
        stopped = f'echo stopping; {wait}; echo "end stopped" >> "{self.folder}/$CONDUCTOR_JOB_ID"; exit 9'
        work = f"trap '{stopped}' TERM\necho out $CONDUCTOR_JOB_ID; echo err >&2\n{wait}"
        return self.script(work, "$((CONDUCTOR_JOB_ID % 4))")

    def lines(self, job_id: int) -> list[str]:
        with suppress(FileNotFoundError):
            return (self.folder / str(job_id)).read_text().splitlines()
        return []

    def starts(self, job_id: int) -> Counter[int]:
        """How often each attempt has begun."""
        return Counter(int(line.split()[1]) for line in self.lines(job_id) if line.startswith("start "))


def violations(
    database_url: str, evidence: Evidence, expected: Mapping[int, Outcome], spools: Mapping[str, Path]
) -> list[str]:
    """Everything that is not as it must be once all jobs have ended."""
    with psycopg.connect(database_url, autocommit=True, row_factory=dict_row) as connection:
        jobs = connection.execute(_JOBS).fetchall()
        told = [row["format"] for query in (_LIVE, _TWICE_AT_ONCE) for row in connection.execute(query)]
    found = [difference.sentence() for difference in verify(database_url).differences] + told
    if missing := expected.keys() - {job["id"] for job in jobs}:
        found.append(f"jobs {sorted(missing)} were accepted and are not there")
    for job in jobs:
        found += _of_attempts(job, evidence.starts(job["id"]))
        if job["id"] in expected:
            output = _output(spools, job)
            found += _of_outcome(job, expected[job["id"]], evidence.starts(job["id"]), output)
    return found + [f"process {pid} still carries a mark: {what}" for pid, what in marked(spools)]


def _of_attempts(job: Mapping[str, Any], starts: Counter[int]) -> Iterable[str]:
    name = f"job {job['id']}"
    for attempt, times in starts.items():
        if times > 1:
            yield f"{name}: attempt {attempt} began {times} times"
        if attempt > job["attempt"]:
            yield f"{name}: attempt {attempt} began, and the log knows {job['attempt']}"
    if not job["final"]:
        yield f"{name} is {job['state']} for ever"
    ran = job["state"] in ("COMPLETED", "TIMEOUT") or job["exit_code"] is not None
    if ran and not starts[job["attempt"]]:
        yield f"{name} is {job['state']} (exit code {job['exit_code']}) and never began"
    if job["release_reason"] == "launch_failed" and starts[job["attempt"]]:
        yield f"{name} could not be started, the tables say, and it began"


def _of_outcome(
    job: Mapping[str, Any], expected: Outcome, starts: Counter[int], output: str | None
) -> Iterable[str]:
    name = f"job {job['id']}"
    if job["state"] not in expected.states:
        yield f"{name} is {job['state']} ({job['reason']}), not {' or '.join(expected.states)}"
    if job["exit_code"] != expected.exit_code:
        yield f"{name} has exit code {job['exit_code']}, its script ended with {expected.exit_code}"
    if expected.starts is not None and sum(starts.values()) != expected.starts:
        yield f"{name} began {sum(starts.values())} times, not {expected.starts}"
    if expected.output is not None and output != expected.output * sum(starts.values()):
        yield f"{name} printed {output!r}, not {expected.output!r}"


def _output(spools: Mapping[str, Path], job: Mapping[str, Any]) -> str | None:
    with suppress(FileNotFoundError, KeyError):
        return (spools[job["node_name"]] / "output" / f"job_{job['id']}.out").read_text(
            errors="surrogateescape"
        )
    return None


def marked(nodes: Collection[str]) -> list[tuple[int, str]]:
    """Living processes with a job's mark, on nodes of these names."""
    ours = {f"CONDUCTOR_NODE={name}".encode() for name in nodes}
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            variables = set((folder / "environ").read_bytes().split(b"\0"))
            if variables & ours and any(one.startswith(b"CONDUCTOR_JOB_MARK=") for one in variables):
                found.append((int(folder.name), (folder / "cmdline").read_text().replace("\0", " ")))
    return found

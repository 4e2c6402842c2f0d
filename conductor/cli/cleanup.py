"""`scripts/cleanup.py`: expired reservations, and jobs that should have ended and whose process is gone, given back.

Promises: nothing is done without `--apply`; whatever is done is a command, so the tables stay equal to the log; a job
with a live process is never ended for its age. That a process is gone is what its own node's executor says; where that
node is this machine, the process is looked for here as well.
"""

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from conductor.cli.screen import Screen
from conductor.cli.tables import wrapped
from conductor.cli.tool import FINDINGS, FINE, options, run
from conductor.client import Client, ClientError, Job
from conductor.client.errors import Unreachable
from conductor.supervisor.process_identity import is_alive, read_boot_id, read_pid_namespace

DEFAULT_HOURS = 48.0
EXPIRED, GONE = "reservation_expired", "process_missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One job. `code` is a key of the texts; `commands` are empty for one that is left alone."""

    code: str
    job_id: int
    values: Mapping[str, Any]
    commands: tuple[Mapping[str, Any], ...] = ()


def look(client: Client, arguments: Namespace, screen: Screen) -> int:
    cases = list(cases_of(client, arguments.hours, datetime.now(UTC)))
    to_do = [case for case in cases if case.commands]
    answers: dict[int, str | None] = {}
    if arguments.apply:
        answers = {case.job_id: _carry_out(client, case) for case in to_do}
    if arguments.json:
        screen.json([_as_json(case, answers) for case in cases])
    else:
        _show(cases, answers, screen, applied=arguments.apply)
    failed = any(answer is not None for answer in answers.values())
    return FINDINGS if failed or (to_do and not arguments.apply) else FINE


def cases_of(client: Client, hours: float, now: datetime) -> Iterator[Case]:
    """What is to be cleaned, and what looks like it and is not."""
    findings = {
        one["parameters"]["job_id"]: one
        for one in client.audit(replay=False).raw["findings"]
        if one["code"] in (EXPIRED, GONE)
    }
    for job_id, finding in findings.items():
        if finding["code"] == EXPIRED:
            yield Case(
                code="cleanup_expired",
                job_id=job_id,
                values={"node": finding["parameters"]["node_name"]},
                commands=tuple(finding["commands"]),
            )
    late = [job for job in client.all_jobs(states=["RUNNING"]).jobs if is_late(job, hours, now)]
    for job in late:
        yield judge(client.job(job.id), findings.get(job.id), hours)
    for job_id in sorted(findings.keys() - {job.id for job in late}):
        if findings[job_id]["code"] == GONE:
            yield Case(code="cleanup_too_young", job_id=job_id, values={"hours": hours})


def is_late(job: Job, hours: float, now: datetime) -> bool:
    """Runs for longer than that, or than its own limit allows."""
    if job.start_time is None:
        return False
    ran = now - job.start_time
    limit = job.time_limit_seconds
    return ran > timedelta(hours=hours) or (limit is not None and ran > timedelta(seconds=limit))


def judge(
    job: Job,
    finding: Mapping[str, Any] | None,
    hours: float,
    lives_here: Callable[[Mapping[str, Any]], bool] | None = None,
) -> Case:
    """A late job: given back only when its node says that its process is gone and it is not seen here."""
    allocation = job.raw.get("resource_allocation") or {}
    values = {"node": allocation.get("node_name"), "pid": allocation.get("process_id"), "hours": hours}
    if finding is None:
        return Case(code="cleanup_lives", job_id=job.id, values=values)
    if (lives_here or _lives_here)(allocation):
        return Case(code="cleanup_lives_here", job_id=job.id, values=values)
    return Case(code="cleanup_gone", job_id=job.id, values=values, commands=tuple(finding["commands"]))


def _lives_here(allocation: Mapping[str, Any]) -> bool:
    """Exactly that process, on this machine. Seen from another PID namespace, nothing can be said."""
    try:
        return is_alive(
            {
                "pid": int(allocation["process_id"]),
                "boot_id": str(allocation["boot_id"]),
                "start_ticks": int(allocation["process_start_ticks"]),
                "pid_namespace": int(allocation["pid_namespace"]),
            },
            read_boot_id(),
            read_pid_namespace(),
        )
    except (KeyError, TypeError, ValueError):
        return False  # an executor of another make told less


def _carry_out(client: Client, case: Case) -> str | None:
    """None when it was done, else why not."""
    try:
        for command in case.commands:
            client.command({**command, "reason": "scripts/cleanup.py"})
    except Unreachable:
        raise
    except ClientError as error:
        return str(error)
    return None


def _as_json(case: Case, answers: Mapping[int, str | None]) -> dict[str, Any]:
    done = case.job_id in answers and answers[case.job_id] is None
    told = {"code": case.code.removeprefix("cleanup_"), "job_id": case.job_id, **case.values}
    return {**told, "commands": list(case.commands), "done": done, "refused": answers.get(case.job_id)}


def _show(cases: list[Case], answers: Mapping[int, str | None], screen: Screen, *, applied: bool) -> None:
    for case in cases:
        for line in wrapped(screen.text(case.code, job_id=case.job_id, **case.values), screen.width()):
            screen.line(line)
        if answers.get(case.job_id):
            screen.warn("cleanup_refused", job_id=case.job_id, what=answers[case.job_id])
    count = sum(bool(case.commands) for case in cases)
    done = sum(answer is None for answer in answers.values())
    if not count:
        screen.say("cleanup_nothing")
    else:
        screen.say("cleanup_done" if applied else "cleanup_would", count=done if applied else count)


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = -1.0
    if not 0 <= hours < 1e6:
        raise ArgumentTypeError(f"{text!r} is no number of hours")
    return hours


def parser() -> ArgumentParser:
    made = options(
        "cleanup.py",
        "Gives back the CPUs of expired reservations, and of jobs that run for too long and whose process is gone.",
    )
    made.add_argument(
        "--hours",
        type=_hours,
        default=DEFAULT_HOURS,
        help="how long is too long (48); past its own limit always is",
    )
    made.add_argument("--apply", action="store_true", help="do it; without this, only say what would be done")
    return made


if __name__ == "__main__":
    sys.exit(run(look, parser()))

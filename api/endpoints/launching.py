"""What an executor of another make needs to start a job, beside the allocation: everything but the script's text and
the job's own environment, which have paths of their own.

Promises: the names and values that an executor of ours gives a job, made by the same code. Refuses to know how a
process is started.
"""

from collections.abc import Mapping
from typing import Any

from api.answers.reading import Row, fetch
from api.engine import Engine
from conductor.core.arrays import parsed as parsed_array
from conductor.core.job_environment import JobFacts, standard_environment
from conductor.core.output_path import expand_pattern, output_path
from conductor.core.warning_signal import parse_warning_signal


async def with_launches(engine: Engine, allocations: list[Row]) -> list[Row]:
    """The same rows, each with its `launch`."""
    found = await fetch(engine.pool, "launches", {"job_ids": [row["job_id"] for row in allocations]})
    jobs = {job["id"]: job for job in found}
    for row in allocations:
        row["launch"] = _launch(jobs[row["job_id"]], row, engine.settings.kill_grace_seconds)
    return allocations


def _launch(job: Row, allocation: Row, kill_grace_seconds: float) -> dict[str, Any]:
    """Without a `work_dir` the executor gives the job a folder of its own; relative paths lie in it, and
    SLURM_SUBMIT_DIR names it.
    """
    facts = _facts(job, allocation)
    environment = standard_environment(facts)
    if job["work_dir"] is None:
        del environment["SLURM_SUBMIT_DIR"]
    warning = parse_warning_signal(job["signal"]) if job["signal"] else None
    return {
        "name": job["name"],
        "user_name": job["user_name"],
        "submitted_by": job["submitted_by"],
        "work_dir": job["work_dir"],
        "script_sha256": job["script_sha256"],
        "has_environment": job["environment_id"] is not None,
        "standard_environment": environment,
        "stdout_path": _path(job["stdout_path"], job, facts),
        "stderr_path": _path(job["stderr_path"], job, facts),
        "join_output": job["stdout_path"] is not None and job["stderr_path"] is None,
        "time_limit_seconds": job["time_limit_seconds"],
        "kill_grace_seconds": kill_grace_seconds,
        "signal": {"number": warning.number, "seconds": warning.seconds, "batch_only": warning.batch_only}
        if warning
        else None,
        "requeue": job["requeue"],
        "cancel_requested_at": job["cancel_requested_at"],
    }


def _facts(job: Row, allocation: Row) -> JobFacts:
    return JobFacts(
        job_id=job["id"],
        name=job["name"],
        account=job["account"],
        user_name=job["user_name"],
        attempt=allocation["attempt"],
        node_name=allocation["node_name"],
        cpu_ids=tuple(allocation["cpu_ids"]),
        ntasks_per_node=job["ntasks_per_node"],
        cpus_per_task=job["cpus_per_task"],
        memory_mb=job["memory_mb"],
        work_dir=job["work_dir"] or "",
        array_job_id=job["array_job_id"],
        array_task_id=job["array_task_id"],
        array=parsed_array(job["array_spec"]) if job["array_spec"] else None,
        gres={name: tuple(ids) for name, ids in (allocation["gres"] or {}).items()},
    )


def _path(pattern: str | None, job: Mapping[str, Any], facts: JobFacts) -> str | None:
    if pattern is None:
        return None
    work_dir = job["work_dir"]
    values = facts.in_patterns
    return output_path(pattern, work_dir, values) if work_dir else expand_pattern(pattern, values)

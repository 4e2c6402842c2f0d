"""The table `jobs`: one row a job."""

from typing import Any

from conductor.core.job import Job


def job_row(job: Job) -> dict[str, Any]:
    """Every column of the job's row, by name."""
    submitted = job.submitted
    seconds = submitted.time_limit_seconds
    return {
        "id": job.job_id,
        "name": submitted.name,
        "state": job.state,
        "reason": job.reason,
        "final": job.state.final,
        "user_name": submitted.user_name,
        "account": submitted.account,
        "submitted_by": submitted.submitted_by,
        "script_sha256": submitted.script_sha256,
        "environment_id": submitted.environment_id,
        "work_dir": submitted.work_dir,
        "ntasks_per_node": submitted.ntasks_per_node,
        "cpus_per_task": submitted.cpus_per_task,
        "total_cpus_required": submitted.total_cpus,
        "allocated_cpus": job.allocation.cpus if job.allocation else None,
        "memory_mb": submitted.memory_mb,
        "time_limit": -(-seconds // 60) if seconds is not None else None,
        "time_limit_seconds": seconds,
        "priority": job.priority,
        "held": job.held,
        "requeue": submitted.requeue,
        "begin_time": submitted.begin_time,
        "dependency": submitted.dependency,
        "array_job_id": submitted.array_job_id,
        "array_task_id": submitted.array_task_id,
        "submit_time": job.submitted_at,
        "eligible_time": job.eligible_at,
        "start_time": job.started_at,
        "end_time": job.ended_at,
        "cancel_requested_at": job.cancel_requested_at,
        "exit_code": job.exit_code,
        "exit_signal": job.exit_signal,
        "stdout_path": submitted.stdout_path,
        "stderr_path": submitted.stderr_path,
        "comment": submitted.comment,
        "signal": submitted.signal,
        "array_spec": submitted.array,
        "nodelist": list(submitted.nodelist),
        "labels": dict(submitted.labels),
        "exclusive": submitted.exclusive,
        "gres": dict(submitted.gres),
        "attempt": job.attempt,
        "version": job.version,
    }

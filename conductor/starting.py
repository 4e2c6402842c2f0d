"""A reservation, as the supervisor is asked to start it."""

from collections.abc import Sequence
from typing import Any

from conductor.accounts import account_for
from conductor.core.arrays import parsed as parsed_array
from conductor.core.job_environment import JobFacts, standard_environment
from conductor.core.job_rights import parse_limits, parse_run_as
from conductor.core.output_path import output_path
from conductor.core.warning_signal import parse_warning_signal
from conductor.machine import Machine
from conductor.settings import Settings
from conductor.supervisor_client import GateRequest
from conductor.telemetry.tracing import traceparent


def gate_request(row: Sequence[Any], settings: Settings, machine: Machine) -> GateRequest:
    """From a row of the executor's query `reservations`. Raises `UnknownAccount`."""
    (allocation_id, job_id, attempt, cpu_ids, name, account, user_name, ntasks, cpus_per_task) = row[:9]
    (memory_mb, work_dir, time_limit_seconds, stdout, stderr, array_job_id, array_task_id) = row[9:16]
    requeue, signal, submitted_by, script, environment, gres, array_spec = row[16:23]
    warning = parse_warning_signal(signal) if signal else None
    trace = traceparent(*row[23:]) if row[23] and "TRACEPARENT" not in (environment or {}) else None
    own_folder = str(settings.spool / "work" / f"job_{job_id}")
    facts = JobFacts(
        job_id=job_id,
        name=name,
        account=account,
        user_name=user_name,
        attempt=attempt,
        node_name=settings.node_name,
        cpu_ids=tuple(cpu_ids),
        ntasks_per_node=ntasks,
        cpus_per_task=cpus_per_task,
        memory_mb=memory_mb,
        work_dir=work_dir or own_folder,
        array_job_id=array_job_id,
        array_task_id=array_task_id,
        array=parsed_array(array_spec) if array_spec else None,
        gres={name: tuple(ids) for name, ids in gres.items()},
    )
    return GateRequest(
        allocation_id=allocation_id,
        job_id=job_id,
        attempt=attempt,
        script=script,
        work_dir=work_dir,
        cpu_ids=facts.cpu_ids,
        set_affinity=machine.set_affinity,
        environment=environment or {},
        standard_environment=standard_environment(facts) | ({"TRACEPARENT": trace} if trace else {}),
        stdout_path=_path(stdout, facts),
        stderr_path=_path(stderr, facts),
        join_output=stdout is not None and stderr is None,
        time_limit_seconds=time_limit_seconds,
        kill_grace_seconds=settings.kill_grace_seconds,
        stop_when_untrusted=requeue,
        warn_signal=warning.number if warning else None,
        warn_seconds=float(warning.seconds) if warning else 0.0,
        warn_batch_only=warning.batch_only if warning else False,
        output_limit_bytes=settings.output_limit_mb * 1024 * 1024 or None,
        memory_mb=memory_mb,
        run_as=account_for(submitted_by, user_name, parse_run_as(settings.run_as)),
        limits=parse_limits(settings.limits),
        prologue=str(settings.job_prologue) if settings.job_prologue else None,
    )


def _path(pattern: str | None, facts: JobFacts) -> str | None:
    if pattern is None:
        return None
    return output_path(pattern, facts.work_dir, facts.in_patterns)

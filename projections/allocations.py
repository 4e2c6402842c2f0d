"""The tables `resource_allocations` (a job's current or last one) and `past_allocations` (superseded ones)."""

from typing import Any

from conductor.core.allocation import Allocation
from conductor.core.held_numbers import spans_text
from conductor.core.job import Job


def allocation_row(job: Job, allocation: Allocation) -> dict[str, Any]:
    """Every column of the allocation's row, by name."""
    process, release = allocation.process, allocation.release
    return {
        "id": allocation.allocation_id,
        "job_id": job.job_id,
        "attempt": allocation.attempt,
        "node_name": allocation.node_name,
        "allocated_cpus": allocation.cpus,
        "cpu_ids": list(allocation.cpu_ids),
        "memory_mb": allocation.memory_mb,
        "gres": {name: list(ids) for name, ids in allocation.gres.items()},
        "status": allocation.status,
        "process_id": process.pid if process else allocation.imported_pid,
        "boot_id": process.boot_id if process else None,
        "pid_namespace": process.pid_namespace if process else None,
        "process_start_ticks": process.start_ticks if process else None,
        "reservation_time": allocation.reserved_at,
        "expires_at": allocation.expires_at,
        "allocation_time": allocation.allocated_at,
        "release_time": allocation.released_at,
        "release_reason": release.reason if release and not allocation.never_given_back else None,
        "exit_code": release.exit_code if release else None,
        "exit_signal": release.exit_signal if release else None,
        "cpu_seconds": release.cpu_seconds if release else None,
        "memory_peak_mb": release.memory_peak_mb if release else None,
        "version": allocation.version,
        "cpu_spans": spans_text(allocation.cpu_block, allocation.cpu_ids, allocation.gres),
    }

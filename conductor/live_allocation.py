"""An allocation of this node as the log has it, and whether its process is alive on this machine."""

from typing import NamedTuple

from conductor.core.identifiers import AllocationId
from conductor.supervisor.process_identity import read_pid_namespace, read_stat


class LiveAllocation(NamedTuple):
    """A row of the executor's query `live_here`. The process is None until it is allocated.

    `spool_id` is that of the incarnation that started it; whoever registers over HTTP may leave the namespace out.
    """

    allocation_id: AllocationId
    status: str
    boot_id: str | None
    process_id: int | None
    start_ticks: int | None
    pid_namespace: str | None
    spool_id: str | None

    def runs_here(self, boot_id: str) -> bool:
        """False also where that cannot be known: for another PID namespace's numbers."""
        if self.process_id is None or self.boot_id != boot_id:
            return False
        if self.pid_namespace not in (None, str(read_pid_namespace())):
            return False
        try:
            stat = read_stat(self.process_id)
        except PermissionError:
            return False
        return stat is not None and stat.alive and stat.start_ticks == self.start_ticks

"""Which CPUs and generic resources the live allocations in sight hold, while a batch is decided.

The database's constraint judges a batch as a whole: it would let a reservation pass whose CPUs are freed only
later in the same batch. In the log both would stand at positions of their own, and at one of them a CPU would be
promised twice. So a reservation is held against the allocations in sight at its turn; whoever is not in sight is
not released in this batch, and the constraint finds it. One that is given back in the batch that made it has no
live row: the door tries it (`try_reservations`).
"""

from collections.abc import Iterable, Iterator

from conductor.core.allocation import Allocation
from conductor.core.errors import Rejection, RejectionCode
from conductor.core.events import ResourcesReserved
from conductor.core.held_numbers import cpu_number, gres_number
from conductor.core.identifiers import AllocationId
from conductor.core.job import Job


class Holdings:
    def __init__(self, jobs: Iterable[Job]) -> None:
        self._holder: dict[
            int, AllocationId
        ] = {}  # number of a CPU or a piece in the cluster -> who holds it
        for job in jobs:
            self.move(None, job)

    def copy(self) -> "Holdings":
        other = Holdings(())
        other._holder = dict(self._holder)
        return other

    def move(self, before: Job | None, after: Job) -> None:
        """Book the difference between two states of a job."""
        was, now = _live(before), _live(after)
        if was == now:
            return
        for cpu in _numbers(was):
            self._holder.pop(cpu, None)
        for cpu in _numbers(now):
            assert now is not None
            self._holder[cpu] = now.allocation_id

    def conflict(self, wish: ResourcesReserved) -> Rejection | None:
        for what, number in _named(wish):
            holder = self._holder.get(number)
            if holder is not None:
                return Rejection(
                    code=RejectionCode.CPUS_TAKEN,
                    message=f"{what} of {wish.node_name} is held by allocation {holder}. Choose another.",
                )
        return None


def _live(job: Job | None) -> Allocation | None:
    return job.allocation if job is not None and job.allocation and job.allocation.live else None


def _numbers(allocation: Allocation | None) -> list[int]:
    return [number for _, number in _named(allocation)] if allocation else []


def _named(held: Allocation | ResourcesReserved) -> Iterator[tuple[str, int]]:
    for cpu_id in held.cpu_ids:
        yield f"CPU {cpu_id}", cpu_number(held.cpu_block, cpu_id)
    for name, pieces in held.gres.items():
        for piece in pieces:
            yield f"{name} number {piece}", gres_number(held.cpu_block, name, piece)

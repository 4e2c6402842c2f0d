"""The conservation law: on each node, at every position, free + reserved + allocated = total.

The ledger books every reservation, allocation and release by itself, from the events and not from any folded
state, and says so when a CPU is promised twice or the sum no longer holds.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from conductor.core.events import (
    Event,
    NodeRegistered,
    ResourcesAllocated,
    ResourcesReleased,
    ResourcesReserved,
)


@dataclass(slots=True)
class _Account:
    """One node. `holders` says which allocation holds a CPU."""

    cpu_ids: frozenset[int] = frozenset()
    holders: dict[int, int] = field(default_factory=dict)
    taken_off: int = 0  # CPUs taken off the node while held: on the books until they are released
    free: int = 0
    reserved: int = 0
    allocated: int = 0

    @property
    def total(self) -> int:
        return len(self.cpu_ids) + self.taken_off


@dataclass(slots=True)
class _Holding:
    node_name: str
    cpu_ids: tuple[int, ...]
    running: bool = False


class Ledger:
    """Feed it every event in order; it yields a sentence for every breach."""

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}
        self._holdings: dict[int, _Holding] = {}

    def book(self, event: Event) -> Iterator[str]:
        match event:
            case NodeRegistered():
                account = self._accounts.setdefault(event.node_name, _Account())
                account.cpu_ids = frozenset(event.cpu_ids)
                account.taken_off = len(account.holders.keys() - account.cpu_ids)
                account.free = len(account.cpu_ids - account.holders.keys())
                yield from self._check(event.node_name)
            case ResourcesReserved():
                yield from self._reserve(event)
            case ResourcesAllocated():
                yield from self._allocate(event.allocation_id)
            case ResourcesReleased():
                yield from self._release(event.allocation_id)
            case _:
                return

    def _reserve(self, event: ResourcesReserved) -> Iterator[str]:
        account = self._accounts.setdefault(event.node_name, _Account())
        for cpu_id in event.cpu_ids:
            holder = account.holders.get(cpu_id)
            if holder is not None:
                yield (
                    f"CPU {cpu_id} of {event.node_name} was promised to allocation {event.allocation_id} "
                    f"while {holder} held it"
                )
            if cpu_id not in account.cpu_ids:
                yield f"{event.node_name} has no CPU {cpu_id}, promised to allocation {event.allocation_id}"
                account.taken_off += holder is None
            account.holders[cpu_id] = event.allocation_id
        account.free -= len(event.cpu_ids)
        account.reserved += len(event.cpu_ids)
        self._holdings[event.allocation_id] = _Holding(event.node_name, event.cpu_ids)
        yield from self._check(event.node_name)

    def _allocate(self, allocation_id: int) -> Iterator[str]:
        holding = self._holdings.get(allocation_id)
        if holding is None or holding.running:
            yield f"allocation {allocation_id} began without a reservation of its own"
            return
        holding.running = True
        account = self._accounts[holding.node_name]
        account.reserved -= len(holding.cpu_ids)
        account.allocated += len(holding.cpu_ids)
        yield from self._check(holding.node_name)

    def _release(self, allocation_id: int) -> Iterator[str]:
        holding = self._holdings.pop(allocation_id, None)
        if holding is None:
            yield f"allocation {allocation_id} was released without being held"
            return
        account = self._accounts[holding.node_name]
        for cpu_id in holding.cpu_ids:
            if account.holders.get(cpu_id) == allocation_id:
                del account.holders[cpu_id]
                account.taken_off -= cpu_id not in account.cpu_ids
        account.free += len(account.cpu_ids.intersection(holding.cpu_ids))
        if holding.running:
            account.allocated -= len(holding.cpu_ids)
        else:
            account.reserved -= len(holding.cpu_ids)
        yield from self._check(holding.node_name)

    def _check(self, node_name: str) -> Iterator[str]:
        account = self._accounts[node_name]
        booked = account.free + account.reserved + account.allocated
        if booked != account.total or min(account.free, account.reserved, account.allocated) < 0:
            yield (
                f"{node_name}: free {account.free} + reserved {account.reserved} + allocated {account.allocated} "
                f"is not its total of {account.total}"
            )

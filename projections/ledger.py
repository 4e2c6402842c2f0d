"""The conservation law: on each node, at every position, free + reserved + allocated = total.

The ledger books every reservation, allocation and release by itself, from the events and not from any folded
state, and says so when a CPU or a generic resource is promised twice, when more memory is promised than the node
stated or more licences than the policy has, or when the sum no longer holds. A node that comes back with less, or a
policy with fewer licences, breaks nothing: what was promised before stands until it is released.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from conductor.core.events import (
    Event,
    NodeRegistered,
    PolicyChanged,
    ResourcesAllocated,
    ResourcesReleased,
    ResourcesReserved,
)

# The laws that are kept here.
CODES = ("conservation_broken", "gres_promised_twice", "licence_overpromised", "memory_overpromised")


class Breach(NamedTuple):
    """A law that an event breaks: the finding's code, and a sentence."""

    code: str
    text: str


def _unbalanced(text: str) -> Breach:
    return Breach("conservation_broken", text)


@dataclass(slots=True)
class _Account:
    """One node. `holders` says which allocation holds a CPU."""

    cpu_ids: frozenset[int] = frozenset()
    holders: dict[int, int] = field(default_factory=dict)
    taken_off: int = 0  # CPUs taken off the node while held: on the books until they are released
    free: int = 0
    reserved: int = 0
    allocated: int = 0
    memory_mb: int | None = None  # None: not stated, so not limited
    held_memory_mb: int = 0
    gres: Mapping[str, int] = field(default_factory=dict)
    gres_holders: dict[tuple[str, int], int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return len(self.cpu_ids) + self.taken_off


@dataclass(slots=True)
class _Holding:
    node_name: str
    cpu_ids: tuple[int, ...]
    memory_mb: int
    gres: Mapping[str, tuple[int, ...]]
    wanted: Mapping[str, int]
    running: bool = False


class Ledger:
    """Feed it every event in order; it yields a sentence for every breach."""

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}
        self._holdings: dict[int, _Holding] = {}
        self._licences: Mapping[str, int] = {}
        self._held_gres: Counter[str] = Counter()  # asked for by live allocations, over the whole cluster

    def book(self, event: Event, wanted: Mapping[str, int] | None = None) -> Iterator[Breach]:
        """`wanted`: generic resources that the event's job was submitted with; licences have no numbers."""
        match event:
            case PolicyChanged():
                self._licences = event.policy.licences
            case NodeRegistered():
                account = self._accounts.setdefault(event.node_name, _Account())
                account.cpu_ids = frozenset(event.cpu_ids)
                account.taken_off = len(account.holders.keys() - account.cpu_ids)
                account.free = len(account.cpu_ids - account.holders.keys())
                account.memory_mb, account.gres = event.memory_mb, event.gres
                yield from self._check(event.node_name)
            case ResourcesReserved():
                yield from self._reserve(event, wanted or {})
            case ResourcesAllocated():
                yield from self._allocate(event.allocation_id)
            case ResourcesReleased():
                yield from self._release(event.allocation_id)
            case _:
                return

    def _reserve(self, event: ResourcesReserved, wanted: Mapping[str, int]) -> Iterator[Breach]:
        account = self._accounts.setdefault(event.node_name, _Account())
        for cpu_id in event.cpu_ids:
            holder = account.holders.get(cpu_id)
            if holder is not None:
                yield _unbalanced(
                    f"CPU {cpu_id} of {event.node_name} was promised to allocation {event.allocation_id} "
                    f"while {holder} held it"
                )
            if cpu_id not in account.cpu_ids:
                yield _unbalanced(
                    f"{event.node_name} has no CPU {cpu_id}, promised to allocation {event.allocation_id}"
                )
                account.taken_off += holder is None
            account.holders[cpu_id] = event.allocation_id
        account.free -= len(event.cpu_ids)
        account.reserved += len(event.cpu_ids)
        memory_mb = event.memory_mb or 0
        self._holdings[event.allocation_id] = _Holding(
            event.node_name, event.cpu_ids, memory_mb, event.gres, wanted
        )
        yield from self._reserve_gres(event, account)
        yield from self._reserve_licences(event, wanted)
        account.held_memory_mb += memory_mb
        if memory_mb and account.memory_mb is not None and account.held_memory_mb > account.memory_mb:
            yield Breach(
                "memory_overpromised",
                f"{account.held_memory_mb} MB of {event.node_name} are promised with allocation "
                f"{event.allocation_id}, which has {account.memory_mb}",
            )
        yield from self._check(event.node_name)

    def _reserve_gres(self, event: ResourcesReserved, account: _Account) -> Iterator[Breach]:
        """A name that the node does not state is a licence of the policy's: the node's numbers are not meant."""
        for name, number in _each(event.gres):
            holder = account.gres_holders.get((name, number))
            account.gres_holders[name, number] = event.allocation_id
            if name not in account.gres:
                continue
            if holder is not None:
                yield Breach(
                    "gres_promised_twice",
                    f"{name} {number} of {event.node_name} was promised to allocation {event.allocation_id} "
                    f"while {holder} held it",
                )
            if number >= account.gres[name]:
                yield Breach(
                    "gres_promised_twice",
                    f"{event.node_name} has no {name} {number}, promised to allocation {event.allocation_id}",
                )

    def _reserve_licences(self, event: ResourcesReserved, wanted: Mapping[str, int]) -> Iterator[Breach]:
        """Which names are licences is the policy's word of the moment, so all are counted."""
        self._held_gres.update(wanted)
        for name in sorted(wanted.keys() & self._licences.keys()):
            if wanted[name] and self._held_gres[name] > self._licences[name]:
                yield Breach(
                    "licence_overpromised",
                    f"{self._held_gres[name]} {name} are promised with allocation {event.allocation_id}, "
                    f"and the policy has {self._licences[name]}",
                )

    def _allocate(self, allocation_id: int) -> Iterator[Breach]:
        holding = self._holdings.get(allocation_id)
        if holding is None or holding.running:
            yield _unbalanced(f"allocation {allocation_id} began without a reservation of its own")
            return
        holding.running = True
        account = self._accounts[holding.node_name]
        account.reserved -= len(holding.cpu_ids)
        account.allocated += len(holding.cpu_ids)
        yield from self._check(holding.node_name)

    def _release(self, allocation_id: int) -> Iterator[Breach]:
        holding = self._holdings.pop(allocation_id, None)
        if holding is None:
            yield _unbalanced(f"allocation {allocation_id} was released without being held")
            return
        account = self._accounts[holding.node_name]
        for cpu_id in holding.cpu_ids:
            if account.holders.get(cpu_id) == allocation_id:
                del account.holders[cpu_id]
                account.taken_off -= cpu_id not in account.cpu_ids
        account.free += len(account.cpu_ids.intersection(holding.cpu_ids))
        account.held_memory_mb -= holding.memory_mb
        self._held_gres.subtract(holding.wanted)
        for one in _each(holding.gres):
            if account.gres_holders.get(one) == allocation_id:
                del account.gres_holders[one]
        if holding.running:
            account.allocated -= len(holding.cpu_ids)
        else:
            account.reserved -= len(holding.cpu_ids)
        yield from self._check(holding.node_name)

    def _check(self, node_name: str) -> Iterator[Breach]:
        account = self._accounts[node_name]
        booked = account.free + account.reserved + account.allocated
        if booked != account.total or min(account.free, account.reserved, account.allocated) < 0:
            yield _unbalanced(
                f"{node_name}: free {account.free} + reserved {account.reserved} + allocated {account.allocated} "
                f"is not its total of {account.total}"
            )


def _each(gres: Mapping[str, tuple[int, ...]]) -> Iterator[tuple[str, int]]:
    return ((name, number) for name, numbers in gres.items() for number in numbers)

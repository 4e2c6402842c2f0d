"""`memory_mb` where no memory controller enforces it: the job's processes are looked at once a second.

Resident memory is added up from one look at /proc. As that counts shared pages once a process, a job that
seems too big is measured again by its proportional share, where the kernel tells it. What a job takes and
gives back within a second is not seen, and neither are files it keeps in memory (tmpfs).
"""

from __future__ import annotations

import resource
from collections.abc import Iterable

from conductor.supervisor.attempt import Attempt
from conductor.supervisor.process_identity import ProcessStat
from conductor.supervisor.process_tree import all_processes
from conductor.supervisor.roster import Roster

LOOK_SECONDS = 1.0
_PAGE_BYTES = resource.getpagesize()


class MemoryWatch:
    __slots__ = ("_roster", "_watched", "next_look")

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._watched: set[Attempt] = set()
        self.next_look: float | None = None

    def watch(self, attempt: Attempt, now: float) -> None:
        if attempt.terms["memory_mb"] is not None:
            self._watched.add(attempt)
            if self.next_look is None:
                self.next_look = now

    def too_big(self, now: float) -> list[Attempt]:
        """Attempts that have more than they asked for."""
        if self.next_look is None or now < self.next_look:
            return []
        self._watched = {attempt for attempt in self._watched if attempt.outcome is None}
        self.next_look = now + LOOK_SECONDS if self._watched else None
        return [
            attempt
            for attempt, members in self._members().items()
            if sum(stat.resident_pages for stat in members) * _PAGE_BYTES > _limit_bytes(attempt)
            and proportional_bytes(members) > _limit_bytes(attempt)
        ]

    def _members(self) -> dict[Attempt, list[ProcessStat]]:
        """One pass over all processes, however many attempts are watched."""
        if not self._watched:
            return {}
        owners = _owners(self._watched, self._roster)
        members: dict[Attempt, list[ProcessStat]] = {attempt: [] for attempt in self._watched}
        processes = {stat.pid: stat for stat in all_processes()}
        for stat in processes.values():
            attempt = _owner(stat, owners, processes)
            if attempt is not None and stat.alive:
                members[attempt].append(stat)
        return members


def proportional_bytes(members: Iterable[ProcessStat]) -> int:
    return sum(_proportional_bytes(stat) for stat in members)


def _owners(watched: Iterable[Attempt], roster: Roster) -> dict[int, Attempt]:
    """Who owns which number of a process, group or session."""
    owners: dict[int, Attempt] = {}
    for attempt in watched:
        owners.update(dict.fromkeys(roster.cgroups.pids(attempt.intent.mark), attempt))
        owners.update(dict.fromkeys(attempt.seen, attempt))
        if attempt.own_child or not attempt.leader_ended:
            owners[attempt.leader] = attempt
    return owners


def _owner(
    stat: ProcessStat, owners: dict[int, Attempt], processes: dict[int, ProcessStat]
) -> Attempt | None:
    """Remembered on the way, so that a long line of descent is walked once."""
    line: list[int] = []
    here: ProcessStat | None = stat
    found: Attempt | None = None
    while here is not None and here.pid not in line and found is None:
        line.append(here.pid)
        found = owners.get(here.pid) or owners.get(here.group) or owners.get(here.session)
        here = processes.get(here.parent)
    if found is not None:
        owners.update(dict.fromkeys(line, found))
    return found


def _proportional_bytes(stat: ProcessStat) -> int:
    try:
        with open(f"/proc/{stat.pid}/smaps_rollup", encoding="ascii") as file:
            for line in file:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass  # another user's, or it has just ended: its resident memory then counts whole
    return stat.resident_pages * _PAGE_BYTES


def _limit_bytes(attempt: Attempt) -> int:
    return (attempt.terms["memory_mb"] or 0) * 1024 * 1024

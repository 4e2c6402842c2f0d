"""What belongs to an attempt besides its own process: children, background jobs, daemons that tried to get
away.

Orphans of our jobs become our children (we are their subreaper). Whose they were is read from their group,
their session or their mark, and remembered while they are unreaped, when their number cannot come to mean
another process.
"""

from __future__ import annotations

import os

from conductor.supervisor.attempt import Attempt
from conductor.supervisor.process_identity import ProcessStat, read_stat
from conductor.supervisor.process_tree import OwnChildren, all_processes, descendants, mark_of
from conductor.supervisor.roster import Roster, log


class Leftovers:
    __slots__ = ("_children", "_orphans", "_roster")

    def __init__(self, roster: Roster, *, child_list: bool) -> None:
        self._roster = roster
        self._children = OwnChildren(listed=child_list)
        self._orphans: dict[int, Attempt | None] = {}

    def any_of(self, attempt: Attempt) -> bool:
        """Whether an orphan of this attempt lives; its dead ones are reaped on the way."""
        found = False
        for pid in self._children.pids():
            if pid not in self._roster.leaders and self._owner(pid) is attempt:
                found = not self.reap(pid) or found
        return found or bool(self._in_cgroup(attempt))

    def reap_all(self) -> None:
        for pid in self._children.pids():
            if pid not in self._roster.leaders:
                self.reap(pid)

    def reap(self, pid: int) -> bool:
        """Whether this orphan was dead; what it used is its job's."""
        owner = self._owner(pid)
        reaped, _, usage = os.wait4(pid, os.WNOHANG)
        if reaped == 0:
            return False
        del self._orphans[pid]
        if owner is not None:
            owner.account(usage)
        return True

    def members(self, attempt: Attempt, *, beyond_group: bool = False) -> dict[int, int]:
        """Living processes of an attempt but its leader, with their start times; reads all of /proc.

        `beyond_group` leaves out those that a signal to the group reaches.
        """
        processes = {stat.pid: stat for stat in all_processes()}
        roots = (
            self._own_roots(attempt, processes)
            if attempt.own_child
            else self._adopted_roots(attempt, processes)
        )
        roots |= self._in_cgroup(attempt)
        found = {
            pid: processes[pid].start_ticks
            for pid in descendants(processes, roots)
            if pid in processes and processes[pid].alive
        }
        if not attempt.own_child:
            attempt.seen = dict(found)
            return found
        found.pop(attempt.leader, None)
        if beyond_group:
            return {pid: ticks for pid, ticks in found.items() if processes[pid].group != attempt.leader}
        return found

    def _in_cgroup(self, attempt: Attempt) -> set[int]:
        """But its leader: a dead one is still listed while a thread of it lives."""
        return set(self._roster.cgroups.pids(attempt.intent.mark)) - {attempt.pid}

    def _own_roots(self, attempt: Attempt, processes: dict[int, ProcessStat]) -> set[int]:
        ours = descendants(processes, {os.getpid()})
        roots = {
            pid
            for pid in self._children.pids()
            if pid not in self._roster.leaders and self._owner(pid) is attempt
        }
        leader = attempt.leader
        roots |= {
            pid
            for pid in ours
            if pid in processes and leader in (processes[pid].group, processes[pid].session)
        }
        return roots | {leader}

    def _adopted_roots(self, attempt: Attempt, processes: dict[int, ProcessStat]) -> set[int]:
        """Group and session count only while the leader lives: then their number may be a stranger's."""
        process = attempt.process
        assert process is not None
        leader = processes.get(process["pid"])
        alive = leader is not None and leader.start_ticks == process["start_ticks"] and leader.alive
        roots = {
            pid
            for pid, ticks in attempt.seen.items()
            if pid in processes and processes[pid].start_ticks == ticks
        }
        for stat in processes.values():
            if (alive and attempt.leader in (stat.group, stat.session)) or mark_of(
                stat.pid
            ) == attempt.intent.mark:
                roots.add(stat.pid)
        return roots

    def _owner(self, pid: int) -> Attempt | None:
        if pid in self._orphans:
            return self._orphans[pid]
        leaders = self._roster.leaders
        stat = read_stat(pid)
        owner = None if stat is None else leaders.get(stat.group) or leaders.get(stat.session)
        if owner is None and (mark := mark_of(pid)) is not None:
            owner = self._roster.marks.get(mark)
        if owner is None and stat is not None and stat.alive:
            log(f"process {pid} was left behind and carries no mark of a job; it is left alone")
        self._orphans[pid] = owner
        return owner

"""Schedules worked out in the plainest way, to hold the real ones against: lists and loops, nothing of Conductor's.

The rules, for nodes with nothing but CPUs, where a job takes one node:

    first_fit     at every instant, every waiting job in order: the emptiest node that has room for it, if any
    strict_fifo   the same, but nobody after one that found no room
    backfill      EASY (Lifka 1995): the first that finds no room is promised the node on which, by the time limits of
                  what runs there, it could begin first. Those after it may begin elsewhere; on that node only what
                  ends before the promise, or what takes CPUs that will be to spare even then. Where no limits say
                  when it could begin, it is promised the node that lacks the fewest CPUs, and nobody else begins there.

Times are numbers. A job without a limit may run for ever, as far as anybody knows.
"""

from dataclasses import dataclass

FOR_EVER = float("inf")


@dataclass(frozen=True)
class PlainJob:
    number: int
    submitted: float
    run: float
    limit: float  # FOR_EVER: none
    cpus: int

    @property
    def lasts(self) -> float:
        return min(self.run, self.limit)


@dataclass
class Running:
    job: PlainJob
    node: int
    started: float

    @property
    def ends(self) -> float:
        return self.started + self.job.lasts

    @property
    def must_end(self) -> float:
        return self.started + self.job.limit


def schedule(order: str, jobs: list[PlainJob], nodes: list[int]) -> dict[int, tuple[float, int]]:
    """When and on which node (by its place in the list) every job begins; those that never can are left out."""
    coming = sorted(jobs, key=lambda job: (job.submitted, job.number))
    waiting: list[PlainJob] = []
    running: list[Running] = []
    begun: dict[int, tuple[float, int]] = {}
    while coming or running:
        now = min([job.submitted for job in coming[:1]] + [one.ends for one in running])
        running = [one for one in running if one.ends > now]
        while coming and coming[0].submitted == now:
            job = coming.pop(0)
            if job.cpus <= max(nodes):
                waiting.append(job)
        for one in one_pass(order, waiting, running, nodes, now):
            begun[one.job.number] = (now, one.node)
            waiting.remove(one.job)
            running.append(one)
    return begun


def one_pass(
    order: str, waiting: list[PlainJob], running: list[Running], nodes: list[int], now: float
) -> list[Running]:
    started: list[Running] = []
    promise: tuple[int, float, int] | None = None  # node, from when on, CPUs to spare then
    for job in waiting:
        held = running + started
        fitting = [node for node in range(len(nodes)) if free_on(node, held, nodes) >= job.cpus]
        if promise is not None:
            node, begins, spare = promise
            ends_in_time = now + job.limit <= begins
            if node in fitting and not ends_in_time and job.cpus > spare:
                fitting.remove(node)
        if fitting:
            chosen = min(fitting, key=lambda node: (1.0 - free_on(node, held, nodes) / nodes[node], node))
            started.append(Running(job, chosen, now))
            if promise is not None and chosen == promise[0] and not ends_in_time:
                promise = (node, begins, spare - job.cpus)
        elif order == "strict_fifo":
            break
        elif order == "backfill" and promise is None:
            promise = promised(job, held, nodes)
    return started


def free_on(node: int, held: list[Running], nodes: list[int]) -> int:
    return nodes[node] - sum(one.job.cpus for one in held if one.node == node)


def promised(job: PlainJob, held: list[Running], nodes: list[int]) -> tuple[int, float, int]:
    """The node on which it could begin first, from when on, and what is to spare there then."""
    best = None
    for node in range(len(nodes)):
        there = sorted((one for one in held if one.node == node), key=lambda one: one.must_end)
        for begins in [one.must_end for one in there if one.must_end < FOR_EVER]:
            free = nodes[node] - sum(one.job.cpus for one in there if one.must_end > begins)
            if free >= job.cpus:
                if best is None or begins < best[1]:
                    best = (node, begins, free - job.cpus)
                break
    if best is not None:
        return best
    wide = [node for node in range(len(nodes)) if nodes[node] >= job.cpus]
    nearest = min(wide, key=lambda node: (job.cpus - free_on(node, held, nodes), node))
    return nearest, -FOR_EVER, 0

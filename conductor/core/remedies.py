"""What would let a waiting job start now. Nothing is claimed that was not tried: the plan of the cluster, with that one
thing otherwise, places the job.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from shlex import quote

from conductor.core.events import JobSubmitted, Policy
from conductor.core.identifiers import JobId
from conductor.core.job import Job
from conductor.core.node import Node, NodeState
from conductor.core.supposing import placement_in, supposing
from conductor.core.wait_caps import CAPS, Cap
from conductor.core.wait_reasons import HELD, Holder, Judge, Told

# Each try is a plan of the whole queue; in a long queue there are fewer of them.
_TRIES, _TRIES_BY_JOBS = 10, 300_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """`command`: the line to type, where there is one."""

    told: Told
    command: str | None = None


class _Tries:
    """A bounded number of looks at how things would be."""

    def __init__(self, judge: Judge, job: Job) -> None:
        self.judge = judge
        self.job = job
        self._left = max(3, min(_TRIES, _TRIES_BY_JOBS // (len(judge.cluster.jobs) + 1)))

    @property
    def used_up(self) -> bool:
        return self._left <= 0

    def places(
        self,
        *,
        jobs: Iterable[Job] = (),
        without: JobId | None = None,
        nodes: Sequence[Node] = (),
        policy: Policy | None = None,
    ) -> bool:
        """Whether the job would be placed now if these were so. When no tries are left: not that anybody knows."""
        if self.used_up:
            return False
        self._left -= 1
        judge = self.judge
        supposed = supposing(judge.cluster, judge.now, jobs=jobs, without=without, nodes=nodes, policy=policy)
        usable = {*judge.usable, *(node.node_name for node in nodes)}
        return placement_in(supposed, self.job.job_id, judge.now, usable) is not None

    def places_asking(self, wanted: JobSubmitted) -> bool:
        """The same if the job had asked for this."""
        return self.places(jobs=[replace(self.job, submitted=wanted)])


def remedies(judge: Judge, job: Job, reason: str, holders: Sequence[Holder]) -> list[Remedy]:
    """At most one of a kind, but for nodes."""
    if reason in HELD:
        return [Remedy(told=Told(code="unhold"), command=f"conductor unhold {job.job_id}")]
    if reason == "NoNodes":
        return [Remedy(told=Told(code="register_node"), command="conductor executor")]
    tries = _Tries(judge, job)
    if reason == "BadConstraints":
        return [*_registered_again(tries), *_could_run(tries)]
    if reason == "ReqNodeNotAvail":
        return list(_nodes_back(tries))
    if reason in CAPS:
        return [*_raised_cap(tries), *_end_of_one(tries, holders)]
    if reason == "Resources":
        return [*_nodes_back(tries), *_fewer_cpus(tries), *_end_of_one(tries, holders)]
    if reason == "Priority":
        return [*_higher_priority(tries), *_shorter_limit(tries), *_fewer_cpus(tries)]
    return []


def _nodes_back(tries: _Tries) -> Iterator[Remedy]:
    """Nodes that take no jobs now and on which it would start if they did."""
    judge = tries.judge
    for node in judge.suiting(tries.job.submitted):
        if judge.takes_jobs(node):
            continue
        back = replace(node, state=NodeState.UP, drained=False)
        if tries.places(nodes=[back]):
            named = {"node_name": node.node_name}
            if node.state is NodeState.DRAINED and node.node_name in judge.usable:
                yield Remedy(
                    told=Told(code="resume_node", parameters=named),
                    command=f"conductor resume {quote(node.node_name)}",
                )
            else:
                yield Remedy(
                    told=Told(code="node_back", parameters=named),
                    command=f"conductor node {quote(node.node_name)}",
                )


def _registered_again(tries: _Tries) -> Iterator[Remedy]:
    """Nodes that were removed and on which it would start if they were there again."""
    for node in tries.judge.removed_that_suited(tries.job.submitted):
        if tries.places(nodes=[replace(node, state=NodeState.UP, drained=False)]):
            told = Told(code="register_again", parameters={"node_name": node.node_name})
            yield Remedy(told=told, command="conductor executor")


def _narrower(wanted: JobSubmitted, cpus: int) -> JobSubmitted:
    return replace(wanted, ntasks_per_node=1, cpus_per_task=cpus)


def _could_run(tries: _Tries) -> Iterator[Remedy]:
    """A job that is too wide for every node."""
    judge, wanted = tries.judge, tries.job.submitted
    for node in sorted(judge.nodes(), key=lambda one: (-one.total_cpus, one.node_name)):
        narrower = _narrower(wanted, node.total_cpus)
        if node.total_cpus < wanted.total_cpus and node in judge.suiting(narrower):
            told = {"cpus": node.total_cpus, "node_name": node.node_name}
            yield Remedy(
                told=Told(code="could_run", parameters=told), command=_resubmit("-c", node.total_cpus)
            )
            return


def _fewer_cpus(tries: _Tries) -> Iterator[Remedy]:
    """The most CPUs with which the job would start, in its place in the queue."""
    wanted = tries.job.submitted
    if wanted.exclusive:
        return
    low, high = 0, _most_alone(tries.judge, tries.job)
    while low < high and not tries.used_up:
        middle = high if low == 0 else (low + high + 1) // 2
        if tries.places_asking(_narrower(wanted, middle)):
            low = middle
        elif low == 0 and high > 1:
            low, high = _first_that_places(tries, high)
        else:
            high = middle - 1
    if low:
        told = Told(code="fewer_cpus", parameters={"cpus": low})
        yield Remedy(told=told, command=_resubmit("-c", low))


def _first_that_places(tries: _Tries, high: int) -> tuple[int, int]:
    """Bounds between which the answer lies: the lower one places, or is 0 with an upper one of 0 when none does."""
    return (1, high - 1) if tries.places_asking(_narrower(tries.job.submitted, 1)) else (0, 0)


def _most_alone(judge: Judge, job: Job) -> int:
    """The most CPUs below what it asks for with which it would be placed if nothing else waited; 0: none."""
    wanted = job.submitted
    low, high = 0, wanted.total_cpus - 1
    while low < high:
        middle = (low + high + 1) // 2
        if judge.fits_alone(replace(job, submitted=_narrower(wanted, middle))):
            low = middle
        else:
            high = middle - 1
    return low


def _end_of_one(tries: _Tries, holders: Sequence[Holder]) -> Iterator[Remedy]:
    """The first job to end whose end alone is enough."""
    judge, wanted = tries.judge, tries.job.submitted
    free = {node.node_name: judge.free_cpus(node) for node in judge.suiting(wanted)}
    for holder in holders:
        if tries.used_up:
            return
        if free.get(holder.node_name, 0) + holder.cpus < wanted.total_cpus:
            continue
        if tries.places(without=holder.job_id):
            if holder.ends_by is None:
                yield Remedy(told=Told(code="job_ends", parameters={"job_id": holder.job_id}))
            else:
                told = {"job_id": holder.job_id, "ends_by": holder.ends_by}
                yield Remedy(told=Told(code="job_ends_by", parameters=told))
            return


def _higher_priority(tries: _Tries) -> Iterator[Remedy]:
    job = tries.job
    ahead = tries.judge.ahead(job)
    if not ahead:
        return
    priority = max(tries.judge.cluster.jobs[one].priority for one in ahead) + 1
    if tries.places(jobs=[replace(job, priority=priority)]):
        yield Remedy(
            told=Told(code="higher_priority", parameters={"priority": priority}),
            command=f"conductor reprioritize {priority} {job.job_id}",
        )


def _shorter_limit(tries: _Tries) -> Iterator[Remedy]:
    """What ends before the protected job's planned start does not delay it."""
    head = tries.judge.protected_from(tries.job)
    if head is None or head.starts_at is None:
        return
    minutes = int((head.starts_at - tries.judge.now).total_seconds() // 60)
    limit = tries.job.submitted.time_limit_seconds
    if minutes < 1 or (limit is not None and limit <= 60 * minutes):
        return
    if tries.places_asking(replace(tries.job.submitted, time_limit_seconds=60 * minutes)):
        told = Told(code="shorter_limit", parameters={"minutes": minutes})
        yield Remedy(told=told, command=_resubmit("-t", minutes))


def _raised_cap(tries: _Tries) -> Iterator[Remedy]:
    """The cap at which it would start."""
    judge = tries.judge
    cap = judge.cap_reached(tries.job)
    policy = cap.raised(judge.cluster.policy.policy) if cap else None
    if cap is None or policy is None or not tries.places(policy=policy):
        return
    named = {"name": cap.name, "value": cap.enough}
    code = "raise_licence" if cap.code == "Licenses" else "raise_cap"
    yield Remedy(told=Told(code=code, parameters=named), command=_policy_command(cap, policy))


def _policy_command(cap: Cap, policy: Policy) -> str:
    if cap.code == "Licenses":
        licences = ",".join(f"{name}:{count}" for name, count in sorted(policy.licences.items()))
        return f"conductor policy {quote(f'licences={licences}')}"
    return f"conductor policy {cap.name}={cap.enough}"


def _resubmit(option: str, value: object) -> str:
    return f"conductor submit {option} {value} FILE"

"""A cluster told event by event, in simulated time: what tests of the plan start from."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from conductor.core.cluster import Cluster
from conductor.core.events import (
    Event,
    JobSubmitted,
    Policy,
    PolicyChanged,
    Provenance,
    RecordedEvent,
    ReleaseReason,
    ResourcesReleased,
)
from conductor.core.identifiers import (
    POLICY_STREAM,
    AllocationId,
    JobId,
    NodeName,
    Position,
    StreamName,
    Version,
    job_stream,
    node_stream,
)
from conductor.core.placement import Placement, Plan, plan
from tests.given import START, allocated, registered, reserved, submitted


class Story:
    """Events in the order of the log, told to a cluster at `now`."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.cluster = Cluster()
        self.versions: dict[StreamName, int] = {}
        self.now: datetime = START
        self.allocations = 0
        if policy is not None:
            self.policy(policy)

    def tell(self, stream: StreamName, *events: Event) -> "Story":
        for event in events:
            self.versions[stream] = self.versions.get(stream, 0) + 1
            self.cluster.apply(
                RecordedEvent(
                    position=Position(self.cluster.position + 1),
                    stream=stream,
                    version=Version(self.versions[stream]),
                    event=event,
                    at=self.now,
                    recorded_at=self.now,
                    provenance=Provenance(actor="t", channel="t"),
                )
            )
        return self

    def after(self, **time: float) -> "Story":
        self.now += timedelta(**time)
        self.cluster.admit(self.now)
        return self

    def policy(self, policy: Policy) -> "Story":
        return self.tell(POLICY_STREAM, PolicyChanged(policy=policy, reason=None))

    def node(self, name: NodeName, cpus: int, **more: Any) -> "Story":
        return self.tell(node_stream(name), replace(registered(name, cpus=cpus), **more))

    def job(self, job_id: int, cpus: int = 1, **more: Any) -> "Story":
        return self.submit(submitted(job_id, cpus_per_task=cpus, **more))

    def submit(self, event: JobSubmitted) -> "Story":
        return self.tell(job_stream(event.job_id), event)

    def start(self, placement: Placement, *, runs: bool = True) -> "Story":
        """What the log says when a placement is carried out."""
        job = self.cluster.jobs[placement.job_id]
        self.allocations += 1
        reservation = reserved(
            self.allocations, cpu_ids=placement.cpu_ids, attempt=job.attempt, node=placement.node_name
        )
        reservation = replace(reservation, memory_mb=job.submitted.memory_mb, gres=placement.gres)
        self.tell(job_stream(placement.job_id), reservation)
        return self.tell(job_stream(placement.job_id), allocated(self.allocations)) if runs else self

    def place(self, job_id: int, node: NodeName, *cpu_ids: int, **more: Any) -> "Story":
        return self.start(
            Placement(job_id=JobId(job_id), node_name=node, cpu_ids=cpu_ids, gres=more.pop("gres", {})),
            **more,
        )

    def running(self, job_id: int, node: NodeName, cpu_ids: range, **more: Any) -> "Story":
        """A job that was placed by hand and runs."""
        return self.job(job_id, len(cpu_ids), **more).place(job_id, node, *cpu_ids)

    def end(self, job_id: int, reason: ReleaseReason = ReleaseReason.FINISHED) -> "Story":
        allocation = self.cluster.jobs[JobId(job_id)].allocation
        number = allocation.allocation_id if allocation else AllocationId(0)
        exit_code = 0 if reason is ReleaseReason.FINISHED else None
        event = ResourcesReleased(allocation_id=number, reason=reason, exit_code=exit_code)
        return self.tell(job_stream(JobId(job_id)), event)

    def planned(self, **more: Any) -> Plan:
        return plan(self.cluster, self.now, self.cluster.nodes, **more)

    def plan(self) -> list[tuple[int, str]]:
        return [(p.job_id, p.node_name) for p in self.planned().placements]

"""Fair share in a simulation: of what was used in it, weighed as the scheduler weighs what was really used."""

from dataclasses import dataclass, field
from datetime import datetime

from conductor.core.cluster import Cluster
from conductor.core.fair_share import Fact, FairShare, charged_to, counted_until, half_life_seconds
from conductor.core.job import Job


@dataclass(slots=True, kw_only=True)
class Shares:
    """Everything is kept, because a change of policy may weigh it in another way."""

    facts: list[Fact] = field(default_factory=list)
    _share: FairShare | None = None

    def used(self, job: Job, cpus: int, now: datetime) -> None:
        """CPUs that a job took, or gave back (then negative)."""
        fact = Fact(now, charged_to(job.submitted), cpus)
        self.facts.append(fact)
        if self._share is not None:
            self._share.add(fact)

    def weigh(self, cluster: Cluster, now: datetime) -> None:
        """Give the cluster the factors that the scheduler would have at that time."""
        half_life = half_life_seconds(cluster.policy.policy)
        if half_life is None:
            self._share = None
            return
        if self._share is None or self._share.half_life != half_life:
            since = min((fact.at for fact in self.facts), default=now)
            self._share = FairShare(half_life=half_life, until=since)
            for fact in self.facts:
                self._share.add(fact)
        if self._share.move_to(counted_until(now)):
            cluster.fair_share = self._share.factors

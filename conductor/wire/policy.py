"""The policy, and how accounts stand in their shares."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from conductor.wire.jobs import Moment
from conductor.wire.shapes import Kept, Sometimes


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyValues:
    """How the queue is worked through."""

    order: str
    node_choice: str
    guard_seconds: float | None
    aging_per_hour: float
    fair_share_weight: float
    half_life_hours: float
    user_max_cpus: int | None
    user_max_jobs: int | None
    licences: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyInForce:
    """The policy, and who made it so; `version` 0: nobody has changed it yet."""

    policy: PolicyValues
    version: int
    position: int | None
    since: datetime | None
    changed_by: str | None
    channel: str | None
    reason: str | None
    as_of: Sometimes[Moment] = None
    raw: Kept = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountShare:
    """What one account has used, decayed, and its factor; the account is null for jobs that name none."""

    account: str | None
    cpu_seconds: float
    part: float
    running_cpus: int
    factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FairShare:
    """Every account that has used something, or does."""

    accounts: tuple[AccountShare, ...]
    fair_share_weight: float
    half_life_hours: float
    counted_until: datetime
    as_of: Sometimes[Moment] = None
    raw: Kept = field(default_factory=dict, repr=False, compare=False)

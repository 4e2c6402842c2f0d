"""The stream `policy`: how the queue is worked through, and what it was at any time before."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from math import isfinite
from typing import Any, get_args, get_type_hints

from conductor.core.commands import ChangePolicy
from conductor.core.errors import Rejection, RejectionCode
from conductor.core.events import Policy, PolicyChanged
from conductor.core.identifiers import Version
from conductor.core.resource_texts import is_gres_name
from conductor.core.said import Said

NAMES = tuple(field.name for field in fields(Policy))
_CHOICES = {name: get_args(get_type_hints(Policy)[name]) for name in ("order", "node_choice")}
_PERHAPS_NONE = frozenset({"guard_seconds", "user_max_cpus", "user_max_jobs"})
_COUNTS = frozenset({"user_max_cpus", "user_max_jobs"})
_MOST = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyInForce:
    """A fold of the policy's stream. Version 0: nobody has changed it yet."""

    version: Version = Version(0)
    policy: Policy = Policy()


def evolve(in_force: PolicyInForce, event: PolicyChanged, *, version: Version) -> PolicyInForce:
    return replace(in_force, version=version, policy=event.policy)


def decide(command: ChangePolicy, in_force: PolicyInForce | None) -> tuple[PolicyChanged, ...] | Rejection:
    """One event with the whole policy, or a rejection that names the value at fault. No change is no event."""
    before = (in_force or PolicyInForce()).policy
    if command.unless_set and in_force is not None and in_force.version:
        return ()
    wrong = next((f for name, value in command.changes.items() if (f := fault(name, value))), None)
    if wrong is not None:
        return wrong
    after = replace(before, **{name: _plain(value) for name, value in command.changes.items()})
    return () if asdict(after) == asdict(before) else (PolicyChanged(policy=after, reason=command.reason),)


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def fault(name: str, value: Any) -> Rejection | None:
    """Why a policy cannot have this value, if so."""
    if name not in NAMES:
        return _invalid(name, Said("no_policy_value", name=name, known=", ".join(NAMES)))
    if name in _CHOICES:
        known = _CHOICES[name]
        return (
            None
            if value in known
            else _invalid(name, Said("policy_choice", name=name, known=", ".join(known)))
        )
    if name == "licences":
        sound = isinstance(value, Mapping) and all(
            isinstance(key, str) and is_gres_name(key) and _is_count(count) for key, count in value.items()
        )
        if sound:
            return None
        return _invalid(name, Said("policy_licences"))
    if value is None and name in _PERHAPS_NONE:
        return None
    if name in _COUNTS:
        sound = _is_count(value) and value > 0
        return None if sound else _invalid(name, Said("policy_count", name=name))
    least = 1e-3 if name == "half_life_hours" else 0.0
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return _invalid(name, Said("policy_number", name=name))
    return (
        None
        if least <= value <= _MOST
        else _invalid(name, Said("policy_range", name=name, least=least, most=_MOST))
    )


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 2**31 - 1


def _invalid(field: str, message: str) -> Rejection:
    return Rejection(code=RejectionCode.INVALID, message=message, field=field)

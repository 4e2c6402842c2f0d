"""The policy's values as they are typed and shown."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from conductor.core.events import Policy

DEFAULTS: Mapping[str, Any] = asdict(Policy())


def shown(value: object) -> str:
    """A value as it would be typed."""
    if isinstance(value, dict):
        return ",".join(f"{name}:{count}" for name, count in sorted(value.items())) or "none"
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What is another value now, in the order of the policy; what a newer release adds comes last."""
    names = [*(name for name in DEFAULTS if name in after), *(name for name in after if name not in DEFAULTS)]
    return " ".join(f"{name}={shown(after[name])}" for name in names if before.get(name) != after[name])

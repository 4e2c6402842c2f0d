"""`ulimit`s of a job, set on its process while that waits at its gate."""

from __future__ import annotations

import resource
from collections.abc import Mapping


class LimitsRefused(Exception):
    """A limit that this node does not know or may not give; the text names it."""


def limit(pid: int, limits: Mapping[str, int]) -> None:
    """Soft and hard alike. Raises LimitsRefused."""
    for name, value in limits.items():
        kind = getattr(resource, f"RLIMIT_{name.upper()}", None)
        if kind is None or value < -1:
            raise LimitsRefused(
                f"There is no resource limit {name}={value!r} on this node; see the settings."
            )
        try:
            resource.prlimit(pid, kind, (value, value))
        except (OSError, ValueError) as error:
            raise LimitsRefused(
                f"The resource limit {name}={value} cannot be set ({error}); "
                "only root may give more than it was given."
            ) from error

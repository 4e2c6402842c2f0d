"""The stream `audit`: findings that no event can mend, and that a person has seen.

A broken chain stays broken. Once somebody has said why, it is no alarm any more; who said so and when is in the
event's provenance, not here. Refuses to know how findings are found.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from conductor.core.commands import AcknowledgeFinding
from conductor.core.errors import Rejection, RejectionCode
from conductor.core.events import FindingAcknowledged
from conductor.core.identifiers import Version
from conductor.core.said import Said

# Every other finding is mended by an event or by `replay rebuild`, and is gone then.
ACKNOWLEDGEABLE = frozenset(
    {
        "clock_backwards",
        "conservation_broken",
        "event_illegal",
        "gres_promised_twice",
        "hash_broken",
        "history_forked",
        "licence_overpromised",
        "memory_overpromised",
        "position_missing",
        "process_stray",
        "process_unmarked",
        "script_altered",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgements:
    """A fold of the stream: what was last said of each (code, subject)."""

    version: Version = Version(0)
    reasons: Mapping[tuple[str, str], str] = field(default_factory=dict)


def evolve(before: Acknowledgements, event: FindingAcknowledged, *, version: Version) -> Acknowledgements:
    """With the finding noted, in the words that were said last."""
    said = {(event.code, event.subject): event.reason}
    return replace(before, version=version, reasons={**before.reasons, **said})


def decide(
    command: AcknowledgeFinding, state: Acknowledgements | None
) -> tuple[FindingAcknowledged, ...] | Rejection:
    """The event; none when the same was said already."""
    if command.code not in ACKNOWLEDGEABLE:
        return Rejection(
            code=RejectionCode.INVALID,
            message=Said("no_acknowledging", finding=command.code),
            field="code",
        )
    if state is not None and state.reasons.get((command.code, command.subject)) == command.reason:
        return ()
    return (FindingAcknowledged(code=command.code, subject=command.subject, reason=command.reason),)

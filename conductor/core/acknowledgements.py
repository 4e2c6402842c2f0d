"""The stream `audit`: findings that no event can mend, and that a person has seen.

A broken chain stays broken. Once somebody has said why, it is no alarm any more; who said so and when is in the
event's provenance, not here. Refuses to know how findings are found.
"""

from dataclasses import dataclass, replace

from conductor.core.commands import AcknowledgeFinding
from conductor.core.errors import IllegalTransition, Rejection, RejectionCode
from conductor.core.events import FindingAcknowledged
from conductor.core.identifiers import Version

# Every other finding is mended by an event or by `replay rebuild`, and is gone then.
ACKNOWLEDGEABLE = frozenset(
    {
        "clock_backwards",
        "conservation_broken",
        "event_illegal",
        "hash_broken",
        "history_forked",
        "position_missing",
        "process_stray",
        "process_unmarked",
        "script_altered",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgements:
    """A fold of the stream: (code, subject) of everything that was acknowledged."""

    version: Version = Version(0)
    findings: frozenset[tuple[str, str]] = frozenset()


def evolve(before: Acknowledgements, event: FindingAcknowledged, *, version: Version) -> Acknowledgements:
    """With the finding noted. Raises `IllegalTransition` for one that is noted already."""
    finding = (event.code, event.subject)
    if finding in before.findings:
        raise IllegalTransition(f"{event.code} {event.subject} was acknowledged before")
    return replace(before, version=version, findings=before.findings | {finding})


def decide(
    command: AcknowledgeFinding, state: Acknowledgements | None
) -> tuple[FindingAcknowledged, ...] | Rejection:
    """The event; none when it is so already."""
    if command.code not in ACKNOWLEDGEABLE:
        return Rejection(
            code=RejectionCode.INVALID,
            message=f"{command.code} cannot be acknowledged. Run `conductor audit`: it prints what mends it.",
            field="code",
        )
    if state is not None and (command.code, command.subject) in state.findings:
        return ()
    return (FindingAcknowledged(code=command.code, subject=command.subject, reason=command.reason),)

"""What is refused before it is decided: by rights, by the version expected, by an id used for another wish."""

from collections.abc import Sequence

from conductor.completing import Request
from conductor.core.decider import State
from conductor.core.errors import Rejection, RejectionCode
from conductor.core.events import RecordedEvent
from conductor.core.job import Job
from conductor.core.rights import forbidden, forbidden_here
from conductor.core.said import Said

NOT_DONE = Rejection(
    code=RejectionCode.INVALID,
    message="Not done: another command of the same atomic list was refused. Mend that one and send all again.",
)


def forbidden_outright(requests: Sequence[Request], *, atomic: bool) -> dict[int, Rejection]:
    """By index, what is forbidden whatever it meets, so that nothing is read or drawn for it. Of an atomic list that
    has such a one, everything.
    """
    found = {
        index: refusal
        for index, one in enumerate(requests)
        if one.rights is not None and (refusal := forbidden(one.rights, one.command)) is not None
    }
    if found and atomic:
        return {index: found.get(index, NOT_DONE) for index in range(len(requests))}
    return found


def beyond_rights(request: Request, state: State | None) -> Rejection | None:
    """Of a command on a stream that stands so."""
    if request.rights is None:
        return None
    return forbidden_here(request.rights, request.command, state if isinstance(state, Job) else None)


def version_conflict(request: Request, state: State | None) -> Rejection | None:
    version = state.version if state else 0
    if request.expected_version is None or request.expected_version == version:
        return None
    said = Said("version_differs", version=version, expected=request.expected_version)
    shown = str(state.state) if isinstance(state, Job) else None
    return Rejection(code=RejectionCode.VERSION_CONFLICT, message=said, state=shown, version=version)


def repeated(request: Request, events: tuple[RecordedEvent, ...]) -> Rejection | tuple[RecordedEvent, ...]:
    """What the same command came to before; a refusal when another had its id."""
    if events[0].provenance.command_digest == request.digest:
        return events
    return Rejection(
        code=RejectionCode.INVALID,
        message="This command_id was used before for another command. Use a new one for a new wish.",
        field="command_id",
    )

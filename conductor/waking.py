"""Whom an event wakes. A notification says only "look"; what there is to do is read from tables and log."""

from conductor.core.decider import State
from conductor.core.events import CancelRequested, Event, ResourcesReserved
from conductor.core.job import Job
from conductor.core.token_events import TokenCreated, TokenRevoked
from conductor.log import SCHEDULER_CHANNEL, TOKENS_CHANNEL, cancel_channel, node_channel

# What moves nothing in the queue or on the nodes need not wake the scheduler. Starts concern it only while some job
# waits for one, and then it listens for itself: see `resolving`.
_QUIET_FOR_SCHEDULER = frozenset(
    {
        *("ResourcesReserved", "ResourcesAllocated", "LateReport", "JobHeld", "FindingAcknowledged"),
        *("TokenCreated", "TokenRevoked"),
    }
)
# Of these each says for itself whom it wakes; of any other kind all wake the same.
ADDRESSED = frozenset({ResourcesReserved, CancelRequested})


def channels_of(event: Event, state: State) -> list[str]:
    channels = [] if type(event).__name__ in _QUIET_FOR_SCHEDULER else [SCHEDULER_CHANNEL]
    if isinstance(event, ResourcesReserved):
        channels.append(node_channel(event.node_name))
    elif isinstance(event, CancelRequested) and isinstance(state, Job) and state.allocation:
        channels.append(cancel_channel(state.allocation.node_name))
    elif isinstance(event, TokenCreated | TokenRevoked):
        channels.append(TOKENS_CHANNEL)
    return channels

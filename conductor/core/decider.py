"""One door to everything that decides and folds: which streams a command reads, what it becomes, what an
event does to its stream's state. The write path, the scheduler's memory and replay all use these three.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from conductor.core import acknowledgements as notes
from conductor.core import job as jobs
from conductor.core import leadership as leaderships
from conductor.core import node as nodes
from conductor.core import policy as policies
from conductor.core import rebuilds as rebuilding
from conductor.core import tokens as tokening
from conductor.core.acknowledgements import Acknowledgements
from conductor.core.commands import (
    AcknowledgeFinding,
    Allocate,
    Cancel,
    ChangePolicy,
    Command,
    CreateToken,
    DeclareNodeLost,
    DrainNode,
    ElectLeader,
    RegisterNode,
    Release,
    ReleaseLost,
    RemoveNode,
    ReportCleanup,
    Reserve,
    ResolveDependency,
    ResumeNode,
    RevokeToken,
    Submit,
)
from conductor.core.decision import Refused, Surroundings
from conductor.core.errors import ConductorError, IllegalTransition, Rejection
from conductor.core.events import (
    Event,
    FindingAcknowledged,
    JobEvent,
    LeaderElected,
    NodeDrained,
    NodeLost,
    NodeRegistered,
    NodeRemoved,
    NodeResumed,
    Policy,
    PolicyChanged,
    ProjectionsRebuilt,
    RecordedEvent,
)
from conductor.core.fitting import Offers
from conductor.core.identifiers import (
    AUDIT_STREAM,
    POLICY_STREAM,
    SCHEDULER_STREAM,
    TOKENS_STREAM,
    JobId,
    NodeName,
    StreamName,
    Term,
    Version,
    job_stream,
    node_stream,
)
from conductor.core.job import Job
from conductor.core.job_decide import decide as decide_job
from conductor.core.leadership import Leadership
from conductor.core.made_quickly import made_quickly
from conductor.core.node import Node
from conductor.core.policy import PolicyInForce
from conductor.core.rebuilds import Rebuilds
from conductor.core.token_events import TokenCreated, TokenRevoked
from conductor.core.tokens import Tokens

State = Job | Node | Leadership | PolicyInForce | Acknowledgements | Rebuilds | Tokens
States = Mapping[StreamName, State]

_NODE_COMMANDS = (RegisterNode, DrainNode, ResumeNode, DeclareNodeLost, RemoveNode)
# Tuples, not unions, which are several times slower to test; an array asks of ten thousand commands, several times.
_FREQUENT = (Submit, Cancel, Reserve)
_FENCED = (Reserve, ResolveDependency)
_ON_NODES = (Reserve, Allocate, ReportCleanup, Release, ReleaseLost)
_TOKEN_COMMANDS = (CreateToken, RevokeToken)
_TOKEN_EVENTS = (TokenCreated, TokenRevoked)
_NODE_EVENTS = (NodeRegistered, NodeDrained, NodeResumed, NodeLost, NodeRemoved)
_OTHER_EVENTS = (
    *_NODE_EVENTS,
    LeaderElected,
    PolicyChanged,
    FindingAcknowledged,
    ProjectionsRebuilt,
    *_TOKEN_EVENTS,
)  # than a job's
_OTHER_KINDS = frozenset(_OTHER_EVENTS)
_NOBODY_LEADS, _NO_POLICY = Leadership(), Policy()


@made_quickly
@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a command came to: events for one stream, and the rejection if it was refused.

    A refused command may still leave a `LateReport`, so both can be set.
    """

    stream: StreamName
    events: tuple[Event, ...] = ()
    rejection: Rejection | None = None


def stream_of(command: Command) -> StreamName:
    """The one stream a command may write."""
    if isinstance(command, _FREQUENT) and command.job_id is not None:
        return job_stream(command.job_id)
    if isinstance(command, _NODE_COMMANDS):
        return node_stream(command.node_name)
    if isinstance(command, ElectLeader):
        return SCHEDULER_STREAM
    if isinstance(command, ChangePolicy):
        return POLICY_STREAM
    if isinstance(command, AcknowledgeFinding):
        return AUDIT_STREAM
    if isinstance(command, _TOKEN_COMMANDS):
        return TOKENS_STREAM
    assert command.job_id is not None, "the handler fills in ids before it decides"
    return job_stream(command.job_id)


def streams_read(command: Command) -> tuple[StreamName, ...]:
    """Every stream whose version the decision rests on, the one it may write first."""
    if isinstance(command, Submit) and not command.minds_the_policy:
        return (stream_of(command),)
    read = [stream_of(command)]
    node_name = _node_read(command)
    if node_name is not None:
        read.append(node_stream(node_name))
    if isinstance(command, ResolveDependency):
        read += [job_stream(job_id) for job_id in command.depends_on]
    if isinstance(command, _FENCED) and command.term is not None:
        read.append(SCHEDULER_STREAM)
    if isinstance(command, Reserve) or (isinstance(command, Submit) and command.minds_the_policy):
        read.append(POLICY_STREAM)  # which of its generic resources are licences; what one user may have
    return tuple(read)


def _node_read(command: Command) -> NodeName | None:
    if isinstance(command, _ON_NODES):
        return command.node_name
    return None


def decide(
    command: Command,
    states: States,
    *,
    at: datetime,
    widest_node_cpus: int | None = None,
    live_leases: Collection[NodeName] = (),
    offers: Offers | None = None,
) -> Verdict:
    """Events, or a rejection, from the states that the command's streams fold to."""
    stream = stream_of(command)
    state = states.get(stream)
    if isinstance(command, _FREQUENT):
        pass  # of a job, as are most; asked first, because asking takes its time
    elif isinstance(command, _NODE_COMMANDS):
        assert state is None or isinstance(state, Node)
        lives = command.node_name in live_leases
        return _verdict(stream, nodes.decide(command, state, lease_lives=lives))
    elif isinstance(command, ElectLeader):
        return Verdict(stream=stream, events=_elect(command, state))
    elif isinstance(command, ChangePolicy):
        assert state is None or isinstance(state, PolicyInForce)
        return _verdict(stream, policies.decide(command, state))
    elif isinstance(command, AcknowledgeFinding):
        assert state is None or isinstance(state, Acknowledgements)
        return _verdict(stream, notes.decide(command, state))
    if isinstance(command, _TOKEN_COMMANDS):
        assert state is None or isinstance(state, Tokens)
        return _verdict(stream, tokening.decide(command, state, at=at))
    assert state is None or isinstance(state, Job)
    node_name = _node_read(command)
    node = states.get(node_stream(node_name)) if node_name else None
    leadership = states.get(SCHEDULER_STREAM, _NOBODY_LEADS)
    assert node is None or isinstance(node, Node)
    assert isinstance(leadership, Leadership)
    in_force = states.get(POLICY_STREAM)
    policy = in_force.policy if isinstance(in_force, PolicyInForce) else _NO_POLICY
    around = Surroundings(
        at=at,
        node=node,
        leadership=leadership,
        widest_node_cpus=widest_node_cpus,
        jobs=_jobs_read(command, states),
        offers=offers,
        licences=policy.licences,
        user_max_cpus=policy.user_max_cpus,
    )
    return _verdict(stream, decide_job(command, state, around))


def _jobs_read(command: Command, states: States) -> Mapping[JobId, Job]:
    if not isinstance(command, ResolveDependency):
        return {}
    found = {job_id: states.get(job_stream(job_id)) for job_id in command.depends_on}
    return {job_id: job for job_id, job in found.items() if isinstance(job, Job)}


def _verdict(stream: StreamName, decision: tuple[Event, ...] | Refused | Rejection) -> Verdict:
    match decision:
        case Refused():
            return Verdict(stream=stream, events=decision.kept, rejection=decision.rejection)
        case Rejection():
            return Verdict(stream=stream, rejection=decision)
        case _:
            return Verdict(stream=stream, events=decision)


def _elect(command: ElectLeader, state: State | None) -> tuple[Event, ...]:
    assert state is None or isinstance(state, Leadership)
    term = state.term if state else Term(0)
    if state is not None and state.holder == command.holder:
        return ()
    return (LeaderElected(term=Term(term + 1), holder=command.holder, host=command.host),)


def evolve(state: State | None, event: Event, *, at: datetime, version: Version) -> State:
    """The stream's state after the event.

    Raises `IllegalTransition` for an event that the state, or the kind of stream, does not allow.
    """
    if type(event) not in _OTHER_KINDS:  # asking for each kind first would take as long as the rest
        if state is not None and not isinstance(state, Job):
            raise IllegalTransition(f"{type(event).__name__} in a stream that is no job's")
        return jobs.evolve(state, cast(JobEvent, event), at=at, version=version)
    if isinstance(event, _NODE_EVENTS):
        if state is not None and not isinstance(state, Node):
            raise IllegalTransition(f"{type(event).__name__} in a stream that is no node's")
        return nodes.evolve(state, event, at=at, version=version)
    if isinstance(event, LeaderElected):
        if state is not None and not isinstance(state, Leadership):
            raise IllegalTransition("LeaderElected in a stream that is not the scheduler's")
        return leaderships.evolve(state or Leadership(), event, at=at, version=version)
    if isinstance(event, PolicyChanged):
        if state is not None and not isinstance(state, PolicyInForce):
            raise IllegalTransition("PolicyChanged in a stream that is not the policy's")
        return policies.evolve(state or PolicyInForce(), event, version=version)
    if isinstance(event, FindingAcknowledged):
        if state is not None and not isinstance(state, Acknowledgements):
            raise IllegalTransition("FindingAcknowledged in a stream that is not the audit's")
        return notes.evolve(state or Acknowledgements(), event, version=version)
    if isinstance(event, ProjectionsRebuilt):
        if state is not None and not isinstance(state, Rebuilds):
            raise IllegalTransition("ProjectionsRebuilt in a stream that is not the projections'")
        return rebuilding.evolve(state or Rebuilds(), event, version=version)
    assert isinstance(event, _TOKEN_EVENTS)
    if state is not None and not isinstance(state, Tokens):
        raise IllegalTransition(f"{type(event).__name__} in a stream that is not the tokens'")
    return tokening.evolve(state or Tokens(), event, at=at, version=version)


def fold(states: dict[StreamName, State], recorded: RecordedEvent) -> State:
    """Fold one recorded event into `states`, which is changed; gives the stream's new state.

    Raises `ConductorError` when the event does not continue its stream.
    """
    before = states.get(recorded.stream)
    _check_version(recorded.stream, before, recorded.version)
    after = evolve(before, recorded.event, at=recorded.at, version=recorded.version)
    states[recorded.stream] = after
    return after


def fold_owned(
    states: dict[StreamName, State], stream: StreamName, event: Event, *, at: datetime, version: Version
) -> State:
    """The same, where nobody but `states` holds a state: jobs are changed in place, see `job.evolve_owned`."""
    before = states.get(stream)
    _check_version(stream, before, version)
    if isinstance(before, Job) and not isinstance(event, _OTHER_EVENTS):
        return jobs.evolve_owned(before, event, at=at, version=version)
    after = evolve(before, event, at=at, version=version)
    states[stream] = after
    return after


def _check_version(stream: StreamName, before: State | None, version: Version) -> None:
    expected = (before.version if before else 0) + 1
    if version != expected:
        raise ConductorError(
            f"{stream} has version {version}, expected {expected}. An event is missing or out of order."
        )

"""What may be asked for in which role, decided where the command is: from the log, at the moment of the decision.

    submitter   submits as its own user, and acts on that user's jobs, at priorities up to 0
    operator    submits for anybody, and acts on every job, every node and the policy
    executor    registers its one node, and reports what happens to allocations there
    admin       everything that may be asked for at all

Promises: what is not allowed here by name is forbidden. Refuses to know how somebody was recognised.
"""

from dataclasses import dataclass
from typing import assert_never

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
    Expire,
    Hold,
    ImportJob,
    RegisterNode,
    Release,
    ReleaseLost,
    RemoveNode,
    Repair,
    ReportCleanup,
    Reprioritize,
    Requeue,
    Reserve,
    ResolveDependency,
    ResumeNode,
    RevokeToken,
    Submit,
    Unhold,
)
from conductor.core.errors import Rejection, RejectionCode
from conductor.core.identifiers import NodeName
from conductor.core.job import Job
from conductor.core.roles import ADMINS, EXECUTORS, OPERATORS, SUBMITTERS, Role
from conductor.core.said import Said

HIGHEST_OWN_PRIORITY = 0
_WITH_PRIORITY = (Submit, Reprioritize)  # not their union, which is several times slower to test


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """`user_name`: whose jobs a submitter may act on; `node_name`: the one node of an executor."""

    role: Role
    user_name: str
    node_name: NodeName | None = None


def roles_for(command: Command) -> frozenset[Role]:
    """Who may ask for it. What only our own processes send is an administrator's."""
    match command:
        case Submit() | Cancel() | Hold() | Unhold() | Requeue() | Reprioritize():
            return SUBMITTERS
        case DrainNode() | ResumeNode() | DeclareNodeLost() | RemoveNode() | Reserve() | ChangePolicy():
            return OPERATORS
        case Repair() | AcknowledgeFinding():
            return OPERATORS
        case RegisterNode() | Allocate() | Release() | ReportCleanup():
            return EXECUTORS
        case CreateToken() | RevokeToken() | ImportJob() | ElectLeader():
            return ADMINS
        case ResolveDependency() | Expire() | ReleaseLost():
            return ADMINS
        case _:
            assert_never(command)


def forbidden(rights: Rights, command: Command) -> Rejection | None:
    """Why a command is forbidden whatever it meets, if so."""
    if rights.role not in roles_for(command):
        return _forbidden(Said("role_forbids", role=rights.role, command=type(command).__name__))
    if rights.role is Role.SUBMITTER:
        return _beyond_a_submitter(rights, command)
    if rights.role is Role.EXECUTOR:
        return _beyond_an_executor(rights, command)
    return None


def forbidden_here(rights: Rights, command: Command, job: Job | None) -> Rejection | None:
    """The same, with the job that it would change, and its ids filled in."""
    if rights.role is Role.SUBMITTER and job is not None and job.submitted.user_name != rights.user_name:
        return _forbidden(
            Said("anothers_job", job=job.job_id, owner=job.submitted.user_name, user=rights.user_name)
        )
    return forbidden(rights, command)


def _beyond_a_submitter(rights: Rights, command: Command) -> Rejection | None:
    if isinstance(command, Submit) and command.user_name != rights.user_name:
        return _forbidden(
            Said("own_user_only", user=rights.user_name),
            field="user_name",
        )
    if isinstance(command, _WITH_PRIORITY) and command.priority > HIGHEST_OWN_PRIORITY:
        return _forbidden(
            Said("own_priority"),
            field="priority",
        )
    return None


def _beyond_an_executor(rights: Rights, command: Command) -> Rejection | None:
    """The node of a bare allocation's number is filled in later; then it is asked for once more."""
    match command:
        case RegisterNode() | Allocate() | Release() | ReportCleanup():
            if command.node_name in (None, rights.node_name):
                return None
        case _:
            pass
    return _forbidden(Said("own_node_only", node=rights.node_name))


def _forbidden(message: str, *, field: str | None = None) -> Rejection:
    return Rejection(code=RejectionCode.FORBIDDEN, message=message, field=field)

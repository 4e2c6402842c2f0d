"""What is not allowed by name is forbidden: for every command, every role."""

from typing import get_args

import pytest

from conductor.core import commands
from conductor.core.commands import Cancel, Command, RegisterNode, Release, Reprioritize, Submit
from conductor.core.errors import RejectionCode
from conductor.core.events import ReleaseReason
from conductor.core.identifiers import AllocationId, Incarnation, JobId, NodeName, job_stream
from conductor.core.job import Job
from conductor.core.rights import Rights, forbidden, forbidden_here, roles_for
from conductor.core.roles import ADMINS, EXECUTORS, OPERATORS, SUBMITTERS, Role
from tests.given import pending

ALICE = Rights(role=Role.SUBMITTER, user_name="alice")
NODE = Rights(role=Role.EXECUTOR, user_name="x", node_name=NodeName("node-1"))
OURS = {"ImportJob", "ElectLeader", "ResolveDependency", "Expire", "ReleaseLost"}
SUBMIT = Submit(script="true\n", user_name="alice", submitted_by="alice")


def release(node_name: str | None) -> Release:
    return Release(
        allocation_id=AllocationId(1),
        incarnation=Incarnation(1),
        reason=ReleaseReason.FINISHED,
        exit_code=0,
        exit_signal=None,
        node_name=None if node_name is None else NodeName(node_name),
    )


@pytest.mark.parametrize("kind", get_args(Command), ids=lambda kind: kind.__name__)
def test_every_command_has_roles_and_what_our_processes_send_is_nobody_elses(kind: type[Command]) -> None:
    command = object.__new__(kind)
    assert roles_for(command) in (SUBMITTERS, OPERATORS, EXECUTORS, ADMINS)
    assert Role.VIEWER not in roles_for(command)
    if kind.__name__ in OURS or kind in (commands.CreateToken, commands.RevokeToken):
        assert roles_for(command) == ADMINS


def test_a_submitter_is_kept_to_its_user_and_to_priorities_of_its_own() -> None:
    bobs, own = (pending(user_name=name).states[job_stream(JobId(1))] for name in ("bob", "alice"))
    assert isinstance(bobs, Job)
    assert isinstance(own, Job)
    cancel = Cancel(job_id=JobId(1))
    refusal = forbidden_here(ALICE, cancel, bobs)
    assert refusal is not None
    assert refusal.code is RejectionCode.FORBIDDEN
    assert forbidden_here(ALICE, cancel, own) is None
    assert forbidden_here(ALICE, cancel, None) is None, "what is not there is not found, not forbidden"
    assert forbidden(ALICE, SUBMIT) is None
    assert forbidden(ALICE, Reprioritize(job_id=JobId(1), priority=0)) is None
    assert forbidden(ALICE, Reprioritize(job_id=JobId(1), priority=1)) is not None
    assert forbidden(Rights(role=Role.SUBMITTER, user_name="bob"), SUBMIT) is not None
    assert forbidden(Rights(role=Role.OPERATOR, user_name="bob"), SUBMIT) is None


def test_an_executor_is_kept_to_its_node() -> None:
    def register(name: str) -> RegisterNode:
        return RegisterNode(node_name=NodeName(name), spool_id="s", boot_id="b", total_cpus=1)

    assert forbidden(NODE, register("node-1")) is None
    assert forbidden(NODE, register("node-2")) is not None
    assert forbidden(NODE, release(None)) is None, "not known yet; asked for once more"
    assert forbidden_here(NODE, release("node-1"), None) is None
    assert forbidden_here(NODE, release("node-2"), None) is not None
    assert forbidden(NODE, SUBMIT) is not None

"""Commands as they come over HTTP, one model each under the core's own names, and the core's command of each.

Promises: every command of the contract and no other; `command_id` and `expected_version` on all of them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, assert_never, get_args

from pydantic import BaseModel, Field, TypeAdapter, ValidationError, model_validator

from api.answers.problems import FieldError, invalid
from api.identity import Identity
from api.requests.directives import Completed, completed
from api.requests.fields import (
    Count,
    CpuCount,
    FindingCode,
    Gres,
    GresNumbers,
    Id,
    Labels,
    Line,
    LongLine,
    Megabytes,
    NoArray,
    NodeNameText,
    Priority,
    SmallCount,
    Uuid,
)
from api.requests.policy_changes import ChangePolicy
from api.requests.submission import STRICT, Submission, submission_errors
from api.requests.validation import ERRORS_LISTED, complaint, field_errors, known_names, problem_of
from conductor.core import commands as core
from conductor.core.events import ProcessIdentity, ReleaseReason
from conductor.core.held_numbers import CPU_BLOCK_SIZE
from conductor.core.identifiers import AllocationId, Incarnation, JobId, NodeName
from conductor.core.sbatch import Remark

COMMANDS_AT_ONCE = 1000

Reason = LongLine | None
CpuIds = Annotated[
    list[Annotated[int, Field(ge=0, lt=CPU_BLOCK_SIZE)]], Field(min_length=1, max_length=65_536)
]
ReasonOfRelease = Literal[
    "finished", "cancelled", "timed_out", "expired", "launch_failed", "node_lost", "out_of_memory", "repaired",
]  # fmt: skip


class Submit(Submission):
    type: Literal["Submit"]
    command_id: Uuid | None = None
    expected_version: SmallCount | None = None
    array: NoArray = None


class OnJob(BaseModel):
    """What one person asks of one job."""

    model_config = STRICT

    type: Literal["Cancel", "Hold", "Unhold", "Requeue"]
    command_id: Uuid | None = None
    expected_version: SmallCount | None = None
    job_id: Id
    reason: Reason = None


class Reprioritize(BaseModel):
    model_config = STRICT

    type: Literal["Reprioritize"]
    command_id: Uuid | None = None
    expected_version: SmallCount | None = None
    job_id: Id
    priority: Priority


class RegisterNode(BaseModel):
    model_config = STRICT

    type: Literal["RegisterNode"]
    command_id: Uuid | None = None
    expected_version: SmallCount | None = None
    node_name: NodeNameText
    spool_id: Line
    boot_id: Line
    total_cpus: CpuCount
    memory_mb: Megabytes | None = None
    cpu_ids: CpuIds | None = None
    labels: Labels | None = None
    gres: Gres | None = None
    numa: Annotated[list[CpuIds], Field(max_length=1024)] | None = None

    @model_validator(mode="after")
    def _cpus_are_as_many_as_said(self) -> "RegisterNode":
        if self.cpu_ids is not None and len(set(self.cpu_ids)) != self.total_cpus:
            raise complaint("contradiction", field="cpu_ids", other="total_cpus")
        return self


class OnNode(BaseModel):
    """What one person asks of one node."""

    model_config = STRICT

    type: Literal["DrainNode", "ResumeNode", "RemoveNode"]
    command_id: Uuid | None = None
    expected_version: SmallCount | None = None
    node_name: NodeNameText
    reason: Reason = None


class DeclareNodeLost(BaseModel):
    """`jobs_lost`: whoever sends it vouches that nothing runs there any more."""

    model_config = STRICT

    type: Literal["DeclareNodeLost"]
    command_id: Uuid | None = None
    expected_version: SmallCount | None = None
    node_name: NodeNameText
    reason: Reason = None
    jobs_lost: bool = False


class Reserve(BaseModel):
    model_config = STRICT

    type: Literal["Reserve"]
    command_id: Uuid | None = None
    expected_version: SmallCount | None = None
    job_id: Id
    node_name: NodeNameText
    cpu_ids: CpuIds | None = None
    gres: GresNumbers | None = None
    expires_in_seconds: Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)] | None = None


class StartedProcess(BaseModel):
    model_config = STRICT

    pid: Annotated[int, Field(ge=1, le=2**31 - 1)]
    boot_id: Line
    start_ticks: Count
    pid_namespace: Line | None = None


class Allocate(BaseModel):
    model_config = STRICT

    type: Literal["Allocate"]
    command_id: Uuid | None = None
    expected_version: SmallCount | None = None
    allocation_id: Id
    incarnation: Id
    process: StartedProcess


class Release(BaseModel):
    model_config = STRICT

    type: Literal["Release"]
    command_id: Uuid | None = None
    expected_version: SmallCount | None = None
    allocation_id: Id
    incarnation: Id
    reason: ReasonOfRelease
    exit_code: SmallCount | None
    exit_signal: Annotated[int, Field(ge=1, le=255)] | None
    cpu_seconds: Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)] | None = None
    memory_peak_mb: Count | None = None
    detail: Reason = None

    @model_validator(mode="after")
    def _ended_one_way(self) -> "Release":
        if self.exit_code is not None and self.exit_signal is not None:
            raise complaint("contradiction", field="exit_code", other="exit_signal")
        return self


class Repair(BaseModel):
    """`finding` is the audit's code. The allocation by its number, or as the one that a job holds."""

    model_config = STRICT

    type: Literal["Repair"]
    command_id: Uuid | None = None
    expected_version: SmallCount | None = None
    allocation_id: Id | None = None
    job_id: Id | None = None
    finding: FindingCode
    reason: Reason = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "Repair":
        if self.allocation_id is None and self.job_id is None:
            raise complaint("missing", field="allocation_id")
        if self.allocation_id is not None and self.job_id is not None:
            raise complaint("contradiction", field="job_id", other="allocation_id")
        return self


class AcknowledgeFinding(BaseModel):
    model_config = STRICT

    type: Literal["AcknowledgeFinding"]
    command_id: Uuid | None = None
    expected_version: SmallCount | None = None
    code: FindingCode
    subject: Line
    reason: LongLine


Command = Annotated[
    Submit
    | OnJob
    | Reprioritize
    | RegisterNode
    | OnNode
    | DeclareNodeLost
    | Reserve
    | Allocate
    | Release
    | Repair
    | ChangePolicy
    | AcknowledgeFinding,
    Field(discriminator="type"),
]
_COMMAND: TypeAdapter[Command] = TypeAdapter(Command)

_MODELS = (
    *(Submit, OnJob, Reprioritize, RegisterNode, OnNode, DeclareNodeLost, Reserve, Allocate, Release),
    *(Repair, ChangePolicy, AcknowledgeFinding),
)
_MODEL_OF_TYPE: dict[str, type[BaseModel]] = {
    name: model for model in _MODELS for name in get_args(model.model_fields["type"].annotation)
}
_ON_JOB: Mapping[str, Callable[..., core.Command]] = {
    "Cancel": core.Cancel,
    "Hold": core.Hold,
    "Unhold": core.Unhold,
    "Requeue": core.Requeue,
}
_ON_NODE: Mapping[str, Callable[..., core.Command]] = {
    "DrainNode": core.DrainNode,
    "ResumeNode": core.ResumeNode,
    "RemoveNode": core.RemoveNode,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A sound command, and what of a submission's script is ignored."""

    command: Command
    remarks: Sequence[Remark] = ()


def command_of(value: Any) -> Asked:
    """One command. Raises a problem that names every wrong field."""
    errors: list[FieldError] = []
    asked = _checked(value, "", errors)
    if asked is None:
        raise problem_of(errors)
    return asked


def commands_of(values: Any) -> list[Asked]:
    """A list of commands, all sound, or a problem that names `commands[3].job_id` and the like."""
    if not isinstance(values, list):
        raise invalid(FieldError(field="commands", code="not_a_list"))
    if len(values) > COMMANDS_AT_ONCE:
        raise invalid(FieldError(field="commands", code="too_many", values={"most": COMMANDS_AT_ONCE}))
    found: list[Asked] = []
    errors: list[FieldError] = []
    for index, value in enumerate(values):
        asked = _checked(value, f"commands[{index}]", errors)
        if asked is not None:
            found.append(asked)
        elif len(errors) > ERRORS_LISTED:
            break
    if errors:
        raise problem_of(errors)
    return found


def _checked(value: Any, field: str, errors: list[FieldError]) -> Asked | None:
    """The command; None, and more errors, when it is not sound."""
    submits = isinstance(value, dict) and value.get("type") == "Submit"
    whole = completed(value) if submits else Completed(value=value)
    try:
        command = _COMMAND.validate_python(whole.value)
    except ValidationError as error:
        errors += whole.errors(field, _errors(error, value, field))
        return None
    if whole.faults:
        errors += whole.errors(field)
        return None
    return Asked(command=command, remarks=whole.remarks)


def _errors(error: ValidationError, value: Any, field: str) -> list[FieldError]:
    kind = value.get("type") if isinstance(value, dict) else None
    model = _MODEL_OF_TYPE.get(kind) if isinstance(kind, str) else None
    if model is Submit:
        return submission_errors(error, field, model, tagged=True)
    return field_errors(error, known_names(model) if model else [], field, tagged=True)


def core_command(command: Command, identity: Identity, *, reservation_seconds: float) -> core.Command:
    """The wish in the core's words."""
    match command:
        case Submit():
            return command.command(identity)
        case OnJob():
            return _ON_JOB[command.type](job_id=JobId(command.job_id), reason=command.reason)
        case Reprioritize():
            return core.Reprioritize(job_id=JobId(command.job_id), priority=command.priority)
        case OnNode():
            return _ON_NODE[command.type](node_name=NodeName(command.node_name), reason=command.reason)
        case DeclareNodeLost():
            return core.DeclareNodeLost(
                node_name=NodeName(command.node_name), reason=command.reason, jobs_lost=command.jobs_lost
            )
        case RegisterNode():
            return _register(command)
        case Reserve():
            return core.Reserve(
                job_id=JobId(command.job_id),
                node_name=NodeName(command.node_name),
                cpu_ids=None if command.cpu_ids is None else tuple(sorted(command.cpu_ids)),
                gres={name: tuple(sorted(ids)) for name, ids in sorted((command.gres or {}).items()) if ids},
                expires_in_seconds=command.expires_in_seconds or reservation_seconds,
            )
        case Allocate():
            return _allocate(command)
        case Release():
            return _release(command)
        case Repair():
            return _repair(command)
        case ChangePolicy():
            return command.command()
        case AcknowledgeFinding():
            return core.AcknowledgeFinding(code=command.code, subject=command.subject, reason=command.reason)
        case _:
            assert_never(command)


def _register(command: RegisterNode) -> core.RegisterNode:
    return core.RegisterNode(
        node_name=NodeName(command.node_name),
        spool_id=command.spool_id,
        boot_id=command.boot_id,
        total_cpus=command.total_cpus,
        memory_mb=command.memory_mb,
        cpu_ids=None if command.cpu_ids is None else tuple(sorted(command.cpu_ids)),
        labels=command.labels or {},
        gres=command.gres or {},
        numa=tuple(tuple(sorted(cpus)) for cpus in command.numa or ()),
    )


def _allocate(command: Allocate) -> core.Allocate:
    process = command.process
    return core.Allocate(
        allocation_id=AllocationId(command.allocation_id),
        incarnation=Incarnation(command.incarnation),
        process=ProcessIdentity(
            pid=process.pid,
            boot_id=process.boot_id,
            start_ticks=process.start_ticks,
            pid_namespace=process.pid_namespace,
        ),
    )


def _repair(command: Repair) -> core.Repair:
    return core.Repair(
        finding=command.finding,
        allocation_id=None if command.allocation_id is None else AllocationId(command.allocation_id),
        job_id=None if command.job_id is None else JobId(command.job_id),
        reason=command.reason,
    )


def _release(command: Release) -> core.Release:
    return core.Release(
        allocation_id=AllocationId(command.allocation_id),
        incarnation=Incarnation(command.incarnation),
        reason=ReleaseReason(command.reason),
        exit_code=command.exit_code,
        exit_signal=command.exit_signal,
        cpu_seconds=command.cpu_seconds,
        memory_peak_mb=command.memory_peak_mb,
        detail=command.detail,
    )

"""A submission as it comes over HTTP, and the command it becomes.

Promises: every field is honoured or refused by name, never ignored; two spellings of one thing that contradict
each other are refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from api.answers.problems import FieldError
from api.identity import Identity
from api.requests.directives import completed
from api.requests.fields import (
    CPUS,
    AbsolutePath,
    ArrayText,
    Comment,
    CpuCount,
    DependencyText,
    Environment,
    Instant,
    Line,
    Megabytes,
    NodeList,
    OutputPath,
    Priority,
    Script,
    SignalText,
    TimeLimit,
    UserName,
    WantedGres,
    WantedLabels,
)
from api.requests.validation import (
    ERRORS_LISTED,
    complaint,
    field_errors,
    known_names,
    problem_of,
    too_many_fields,
)
from conductor.completing import environment_id_of
from conductor.core import commands
from conductor.core.arrays import parsed
from conductor.core.identifiers import JobId, NodeName
from conductor.core.made_quickly import made_quickly
from conductor.core.sbatch import Remark

JOBS_AT_ONCE = 10_000
STRICT = ConfigDict(extra="forbid", strict=True, frozen=True)


class Submission(BaseModel):
    model_config = STRICT

    script: Script
    name: Line | None = None
    cpus: CpuCount | None = None
    cpus_per_task: CpuCount | None = None
    ntasks_per_node: CpuCount | None = None
    memory_mb: Megabytes | None = None
    time_limit: TimeLimit | None = None
    work_dir: AbsolutePath | None = None
    environment: Environment | None = None
    priority: Priority | None = None
    nice: Priority | None = None
    user_name: UserName | None = None
    user: UserName | None = None
    account: Line | None = None
    requeue: bool | None = None
    hold: bool | None = None
    begin_time: Instant | None = None
    begin: Instant | None = None
    stdout_path: OutputPath | None = None
    stderr_path: OutputPath | None = None
    comment: Comment | None = None
    signal: SignalText | None = None
    nodelist: NodeList | None = None
    labels: WantedLabels | None = None
    exclusive: bool | None = None
    gres: WantedGres | None = None
    array: ArrayText | None = None
    dependency: DependencyText | None = None

    @model_validator(mode="after")
    def _without_contradictions(self) -> Self:
        if None not in (self.user, self.user_name) and self.user != self.user_name:
            raise complaint("contradiction", field="user", other="user_name")
        if None not in (self.begin, self.begin_time) and self.begin != self.begin_time:
            raise complaint("contradiction", field="begin", other="begin_time")
        tasks, cpus_per_task = self.shape
        if self.cpus is not None and self.cpus != tasks * cpus_per_task:
            other = "cpus_per_task" if self.cpus_per_task is not None else "ntasks_per_node"
            raise complaint("contradiction", field="cpus", other=other)
        if tasks * cpus_per_task > CPUS:
            raise complaint("too_many_cpus", field="cpus_per_task", most=CPUS)
        return self

    @property
    def shape(self) -> tuple[int, int]:
        """(ntasks_per_node, cpus_per_task); plain `cpus` is one task of that many."""
        if self.cpus_per_task is None and self.ntasks_per_node is None:
            return 1, self.cpus or 1
        return self.ntasks_per_node or 1, self.cpus_per_task or 1

    def command(self, identity: Identity, job_id: JobId | None = None) -> commands.Submit:
        """`job_id`: a number that was drawn for it already; never for an array."""
        tasks, cpus_per_task = self.shape
        return commands.Submit(
            script=self.script,
            user_name=self.user_name or self.user or identity.user_name,
            submitted_by=identity.name,
            name=self.name,
            account=self.account,
            environment=self.environment or {},
            environment_id=environment_id_of(self.environment) if job_id is not None else None,
            work_dir=self.work_dir,
            ntasks_per_node=tasks,
            cpus_per_task=cpus_per_task,
            memory_mb=self.memory_mb,
            time_limit_seconds=self.time_limit,
            priority=(self.priority or 0) - (self.nice or 0),
            held=self.hold or False,
            requeue=self.requeue or False,
            begin_time=self.begin_time or self.begin,
            stdout_path=self.stdout_path,
            stderr_path=self.stderr_path,
            comment=self.comment,
            signal=self.signal,
            nodelist=tuple(NodeName(name) for name in self.nodelist or ()),
            labels=self.labels or {},
            exclusive=self.exclusive or False,
            gres=self.gres or {},
            array=self.array,
            dependency=self.dependency,
            job_id=job_id,
        )


class WrappedSubmission(BaseModel):
    """As the original system's clients send it."""

    model_config = STRICT

    job: Submission


class Batch(BaseModel):
    """What `submitting.py` takes, which checks each by itself."""

    model_config = STRICT

    jobs: Annotated[list[Submission], Field(min_length=1, max_length=JOBS_AT_ONCE)]


@made_quickly
@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A sound submission, and what of its script is ignored."""

    submission: Submission
    remarks: Sequence[Remark] = ()

    @property
    def tasks(self) -> int:
        array = self.submission.array
        return 1 if array is None else len(parsed(array).indices)


def submission_of(value: Any) -> Wanted:
    """One submission. Raises a problem that names every wrong field, and every wrong line of its script."""
    errors: list[FieldError] = []
    wanted = _checked(value, "", errors)
    if wanted is None:
        raise problem_of(errors)
    return wanted


def submissions_of(values: list[Any], *, most: int) -> list[Wanted]:
    """All of them, or a problem that names the wrong fields of each, as `jobs[3].script`.

    Every task of an array counts; what goes beyond `most` of them is not looked at any more.
    """
    tasks = 0
    found: list[Wanted] = []
    errors: list[FieldError] = []
    for index, value in enumerate(values):
        wanted = _checked(value, f"jobs[{index}]", errors)
        if wanted is not None:
            found.append(wanted)
            tasks += wanted.tasks
            if tasks > most:
                errors.append(_too_many_tasks(index, tasks, most))
                break
        elif len(errors) > ERRORS_LISTED:
            break
    if errors:
        raise problem_of(errors)
    return found


def _too_many_tasks(index: int, tasks: int, most: int) -> FieldError:
    values = {"tasks": tasks, "most": most}
    return FieldError(field=f"jobs[{index}].array", code="too_many", said="too_many_tasks", values=values)


def _checked(value: Any, field: str, errors: list[FieldError]) -> Wanted | None:
    """With its script's own lines; None, and more errors, when it is not sound."""
    if (wrong := too_many_fields(value, field)) is not None:
        errors.append(wrong)
        return None
    whole = completed(value)
    try:
        submission = Submission.model_validate(whole.value)
    except ValidationError as error:
        errors += whole.errors(field, submission_errors(error, field))
        return None
    if whole.faults:
        errors += whole.errors(field)
        return None
    return Wanted(submission=submission, remarks=whole.remarks)


def submission_errors(
    error: ValidationError, field: str, model: type[BaseModel] = Submission, *, tagged: bool = False
) -> list[FieldError]:
    return field_errors(error, known_names(model), field, tagged=tagged)

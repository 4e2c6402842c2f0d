"""Jobs that have just come into being."""

from dataclasses import dataclass, field

from conductor.wire.shapes import JobStateName, Kept, Sometimes, SometimesSome


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """A job, or an array of jobs, that the log knows now. `warnings`: what of its script's own lines was ignored."""

    job_id: int
    state: JobStateName
    array_tasks: Sometimes[int] = None  # of an array, whose number `job_id` is
    position: Sometimes[int] = None  # of a job in a batch, the batch has it
    warnings: SometimesSome[tuple[str, ...]] = ()
    raw: Kept = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittedBatch:
    """Several jobs that came into being together, in the order they were given."""

    jobs: tuple[Submitted, ...]
    position: int | None = None
    raw: Kept = field(default_factory=dict, repr=False, compare=False)

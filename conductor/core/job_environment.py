"""What a job finds in its environment besides its own variables: Conductor's names and Slurm's."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from conductor.core.arrays import Array
from conductor.core.held_numbers import runs
from conductor.core.output_path import pattern_values


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFacts:
    """What the environment and the output paths of one attempt are made of."""

    job_id: int
    name: str
    account: str | None
    user_name: str
    attempt: int
    node_name: str
    cpu_ids: tuple[int, ...]
    ntasks_per_node: int
    cpus_per_task: int
    memory_mb: int | None
    work_dir: str
    array_job_id: int | None = None
    array_task_id: int | None = None
    array: Array | None = None
    gres: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # which of the node's

    @property
    def in_patterns(self) -> dict[str, str]:
        """What the letters of its output's patterns stand for."""
        return pattern_values(
            job_id=self.job_id,
            name=self.name,
            node_name=self.node_name,
            user_name=self.user_name,
            array_job_id=self.array_job_id,
            array_task_id=self.array_task_id,
        )


def standard_environment(facts: JobFacts) -> dict[str, str]:
    """`CONDUCTOR_*` and the `SLURM_*` family (contract, section 6)."""
    gpus = ",".join(map(str, facts.gres["gpu"])) if "gpu" in facts.gres else None
    known = {
        "CONDUCTOR_JOB_ID": facts.job_id,
        "CONDUCTOR_ATTEMPT": facts.attempt,
        "CONDUCTOR_NODE": facts.node_name,
        "CONDUCTOR_CPU_IDS": cpu_list(facts.cpu_ids),
        "CONDUCTOR_GRES": gres_list(facts.gres),
        "SLURM_JOB_ID": facts.job_id,
        "SLURM_JOBID": facts.job_id,
        "SLURM_JOB_NAME": facts.name,
        "SLURM_JOB_ACCOUNT": facts.account,
        "SLURM_JOB_NODELIST": facts.node_name,
        "SLURM_NNODES": 1,
        "SLURM_NTASKS": facts.ntasks_per_node,
        "SLURM_NTASKS_PER_NODE": facts.ntasks_per_node,
        "SLURM_CPUS_PER_TASK": facts.cpus_per_task,
        "SLURM_CPUS_ON_NODE": len(facts.cpu_ids),
        "SLURM_MEM_PER_NODE": facts.memory_mb,
        "SLURM_SUBMIT_DIR": facts.work_dir,
        "SLURM_ARRAY_JOB_ID": facts.array_job_id,
        "SLURM_ARRAY_TASK_ID": facts.array_task_id,
        "SLURM_RESTART_COUNT": facts.attempt - 1,
        "SLURMD_NODENAME": facts.node_name,
        "SLURM_JOB_GPUS": gpus,
        "CUDA_VISIBLE_DEVICES": gpus,
    }
    known |= _of_array(facts.array) if facts.array is not None else {}
    return {name: str(value) for name, value in known.items() if value is not None}


def _of_array(array: Array) -> dict[str, int]:
    return {
        "SLURM_ARRAY_TASK_COUNT": len(array.indices),
        "SLURM_ARRAY_TASK_MIN": array.indices[0],
        "SLURM_ARRAY_TASK_MAX": array.indices[-1],
        "SLURM_ARRAY_TASK_STEP": array.step,
    }


def cpu_list(cpu_ids: Iterable[int]) -> str:
    """CPU numbers in the kernel's list form: `0-3,8`."""
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs(cpu_ids))


def gres_list(gres: Mapping[str, Iterable[int]]) -> str | None:
    """Numbers by name: `gpu:0,2;licence:0`; None when there are none."""
    return ";".join(f"{name}:{','.join(map(str, ids))}" for name, ids in sorted(gres.items())) or None

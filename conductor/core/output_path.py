"""Where a job's output goes: Slurm's file name patterns, filled in."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath


def expand_pattern(pattern: str, values: Mapping[str, str]) -> str:
    """`%j` and the like become what `values` has for the letter, `%%` a percent sign; the rest stays.

    `%5j` pads with zeros to five digits, as Slurm does.
    """

    def fill(match: re.Match[str]) -> str:
        width, letter = match[1], match[2]
        if letter == "%":
            return "%"
        value = values.get(letter)
        return match[0] if value is None else value.zfill(int(width or 0))

    return re.sub(r"%(\d{0,2})([a-zA-Z%])", fill, pattern)


def output_path(pattern: str, work_dir: str, values: Mapping[str, str]) -> str:
    """An absolute path; a relative pattern lies in the job's work folder."""
    return str(PurePosixPath(work_dir) / expand_pattern(pattern, values))


def pattern_values(
    *,
    job_id: int,
    name: str,
    node_name: str,
    user_name: str,
    array_job_id: int | None = None,
    array_task_id: int | None = None,
) -> dict[str, str]:
    """What the letters of a pattern stand for (contract, section 3)."""
    return {
        "j": str(job_id),
        "A": str(array_job_id or job_id),
        "a": str(array_task_id) if array_task_id is not None else "4294967294",
        "x": name.replace("/", "_"),
        "N": node_name,
        "u": user_name.replace("/", "_"),
    }

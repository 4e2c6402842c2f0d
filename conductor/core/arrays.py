"""Job arrays as they are asked for: `0-99`, `1-10:2`, `3,7,12-14`, each with `%LIMIT` at its end.

Every task is a job of its own. The first one's number is also the array's.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from conductor.core.commands import Submit
from conductor.core.misspelt import Misspelt

MOST_TASKS = 10_000
HIGHEST_INDEX = 4_000_000

_PART = re.compile(r"(\d{1,20})(?:-(\d{1,20})(?::(\d{1,20}))?)?", re.ASCII)

_LIMIT = re.compile(r"\d{1,7}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Array:
    """Indices, ascending and each once; `limit` is how many tasks may hold CPUs at a time."""

    indices: tuple[int, ...]
    limit: int | None = None

    @property
    def step(self) -> int:
        """As Slurm has it: the distance of neighbours when it is the same everywhere, else 1."""
        steps = {after - before for before, after in zip(self.indices, self.indices[1:], strict=False)}
        return steps.pop() if len(steps) == 1 else 1


@lru_cache(maxsize=256)  # every task of an array asks for it
def parsed(text: str) -> Array:
    """Raises `Misspelt`, which says which part is wrong."""
    indices_text, percent, limit_text = text.strip().partition("%")
    limit = None
    if percent:
        if not _LIMIT.fullmatch(limit_text) or not 0 < int(limit_text) <= MOST_TASKS:
            raise Misspelt("array_limit", limit=limit_text[:40])
        limit = int(limit_text)
    indices: set[int] = set()
    for part in indices_text.split(","):
        more = _range_of(part.strip())
        indices.update(more[: MOST_TASKS + 1])
        if len(indices) > MOST_TASKS:
            raise Misspelt("array_tasks", most=MOST_TASKS)
    return Array(indices=tuple(sorted(indices)), limit=limit)


def tasks_of(command: Submit) -> tuple[Submit, ...]:
    """A submission as the tasks of its array, in order; as it is when it has none. Raises `ValueError`."""
    if command.array is None:
        return (command,)
    return tuple(replace(command, array_task_id=index) for index in parsed(command.array).indices)


def _range_of(part: str) -> range:
    found = _PART.fullmatch(part)
    if found is None:
        raise Misspelt("array_part", part=repr(part[:40]))
    first = int(found[1])
    last = int(found[2]) if found[2] else first
    step = int(found[3]) if found[3] else 1
    if last < first or step < 1:
        raise Misspelt("array_backwards", part=repr(part[:40]))
    if last > HIGHEST_INDEX:
        raise Misspelt("array_index", part=repr(part[:40]), most=HIGHEST_INDEX)
    return range(first, last + 1, step)

"""Which CPUs of a node a job gets: neighbours inside one NUMA node when there are such.

CPUs are the bits of one integer. The same free CPUs always give the same choice.
"""

from collections.abc import Iterable, Sequence


def mask_of(numbers: Iterable[int]) -> int:
    mask = 0
    for number in numbers:
        mask |= 1 << number
    return mask


def numbers_of(mask: int) -> tuple[int, ...]:
    """Ascending."""
    found = []
    while mask:
        lowest = mask & -mask
        found.append(lowest.bit_length() - 1)
        mask ^= lowest
    return tuple(found)


def lowest(mask: int, count: int) -> int:
    """The lowest `count` bits of a mask that has as many."""
    if mask.bit_count() == count:
        return mask
    taken = 0
    for _ in range(count):
        bit = mask & -mask
        taken |= bit
        mask ^= bit
    return taken


def chosen(free: int, count: int, numa: Sequence[int] = ()) -> int:
    """`count` of the free CPUs, of which there are enough; `numa`: the CPUs of each NUMA node.

    In this order: the shortest run of neighbours inside one NUMA node that is long enough; the NUMA node with the
    fewest free CPUs that has enough; as few NUMA nodes as can be. Among equals the lowest CPUs.
    """
    parts = _parts(free, numa)
    run = min((found for part in parts if (found := _shortest_run(part, count))), default=None)
    if run is not None:
        _, start = run
        return ((1 << count) - 1) << start
    return _from_fewest(parts, count)


def _parts(free: int, numa: Sequence[int]) -> list[int]:
    """Free CPUs by NUMA node; those of none together, as a node without NUMA has them."""
    parts = []
    for cpus in numa:
        if free & cpus:
            parts.append(free & cpus)
            free &= ~cpus
    return [*parts, free] if free else parts


def _shortest_run(mask: int, count: int) -> tuple[int, int] | None:
    """Length and first CPU of the shortest run of neighbours of at least `count`, the lowest of equals."""
    if mask.bit_count() < count:
        return None
    best: tuple[int, int] | None = None
    start = 0
    while mask:
        gap = (mask & -mask).bit_length() - 1
        start, mask = start + gap, mask >> gap
        length = (~mask & (mask + 1)).bit_length() - 1  # trailing ones
        if length >= count and (best is None or length < best[0]):
            best = (length, start)
        start, mask = start + length, mask >> length
    return best


def _from_fewest(parts: list[int], count: int) -> int:
    """Whole NUMA nodes, those with most free CPUs first; the rest from the one that has just enough for it."""
    taken = 0
    left = sorted(parts, key=lambda part: (-part.bit_count(), part & -part))
    while count:
        enough = [part for part in left if part.bit_count() >= count]
        if enough:
            part = min(enough, key=lambda part: (part.bit_count(), part & -part))
            return taken | _most_together(part, count)
        taken |= left[0]
        count -= left.pop(0).bit_count()
    return taken


def _most_together(part: int, count: int) -> int:
    run = _shortest_run(part, count)
    return ((1 << count) - 1) << run[1] if run else lowest(part, count)

"""What an allocation holds, as numbers that nothing else in the whole cluster has.

A CPU's is its node's block and its own number. A piece of a generic resource has a negative one: the node's block, 27
bits of a digest of the name, the piece. So one constraint over all live allocations refuses the second holder of
either. Names of one node whose bits are the same are refused when it registers (`colliding`).
"""

import hashlib
from collections.abc import Iterable, Mapping
from itertools import combinations, groupby

CPU_BLOCK_SIZE = 1 << 20
_NAME_BITS = 27
_PIECE_BITS = 13  # twice as many as a node may have, so that two names never touch


def cpu_number(cpu_block: int, cpu_id: int) -> int:
    return cpu_block + cpu_id


def gres_number(cpu_block: int, name: str, piece: int) -> int:
    node = cpu_block // CPU_BLOCK_SIZE
    resource = (node << _NAME_BITS) | _bits(name)
    return -((resource + 1) << _PIECE_BITS) + piece


def spans_text(cpu_block: int, cpu_ids: Iterable[int], gres: Mapping[str, Iterable[int]]) -> str:
    """All of them, as the text of a PostgreSQL int8multirange."""
    numbers = [cpu_number(cpu_block, cpu_id) for cpu_id in cpu_ids]
    numbers += [gres_number(cpu_block, name, piece) for name, pieces in gres.items() for piece in pieces]
    return "{" + ",".join(f"[{first},{last + 1})" for first, last in runs(numbers)) + "}"


def colliding(names: Iterable[str]) -> tuple[str, str] | None:
    """Two names whose pieces would have the same numbers: about one pair in a hundred million."""
    return next((pair for pair in combinations(sorted(names), 2) if _bits(pair[0]) == _bits(pair[1])), None)


def runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Sorted numbers as (first, last) of each unbroken run."""
    spans = []
    for _, run in groupby(enumerate(sorted(numbers)), key=lambda pair: pair[1] - pair[0]):
        members = [number for _, number in run]
        spans.append((members[0], members[-1]))
    return spans


def _bits(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") >> (32 - _NAME_BITS)

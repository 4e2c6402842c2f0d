"""The text of a job's mark: whose a process is, as everything that a job starts inherits it.

    ALLOCATION.SPOOL.LIFE        7.fd00-1a2b3c.0f1e2d3c4b5a6978

Allocation numbers repeat between databases, so the supervisor's life is in it, a random number: no two attempts
have the same mark. The spool's name tells a process of ours from one of another node on the same machine.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_MARK = re.compile(r"([1-9][0-9]{0,18})\.([0-9a-f]+-[0-9a-f]+)\.([0-9a-f]{16})")


class Mark(NamedTuple):
    """`spool` is the folder's `unique_name`, `life` 16 hexadecimal digits."""

    allocation_id: int
    spool: str
    life: str

    def text(self) -> str:
        return f"{self.allocation_id}.{self.spool}.{self.life}"


def mark_in(text: str) -> Mark | None:
    """None for what no supervisor of this release has written."""
    found = _MARK.fullmatch(text)
    return None if found is None else Mark(int(found[1]), found[2], found[3])

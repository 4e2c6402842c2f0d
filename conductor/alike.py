"""What many things of one shape say alike, said once: `{"alike": {...}, "own": [{...}, ...]}`.

A batch of a thousand submissions is a thousand rows of some fifty columns, of which a few differ. Written out whole, to
escape, send and parse them took twice as long as to store them. The door puts the two together again
(`migrations/0025_large_batches.sql`). Refuses to know what the things mean.
"""

from collections.abc import Mapping, Sequence
from typing import Any

Members = dict[str, Any]


def told_once(names: Sequence[str], columns: Sequence[Sequence[Any]]) -> tuple[Members, list[Members]]:
    """(what all say, what each says besides), of columns of equal length, each of one type."""
    alike: Members = {}
    own: dict[str, Sequence[Any]] = {}
    for name, column in zip(names, columns, strict=True):
        if column.count(column[0]) == len(column):
            alike[name] = column[0]
        else:
            own[name] = column
    count = len(columns[0])
    each = [dict(zip(own, values, strict=True)) for values in zip(*own.values(), strict=True)]
    return alike, each or [{} for _ in range(count)]


def rows_told_once(rows: Sequence[Mapping[str, Any]]) -> object:
    """Rows with the same names in the same order. One alone is told whole."""
    if len(rows) < 2:
        return rows
    alike, own = told_once(tuple(rows[0]), list(zip(*(row.values() for row in rows), strict=True)))
    return {"alike": alike, "own": own}

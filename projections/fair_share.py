"""What accounts have used at any time, from the rows of allocations: the same as `core.fair_share` folds of events.

Promises: one statement, for now and for any past time alike, for a row keeps when its CPUs were taken and given back.
"""

from datetime import datetime
from typing import Any

import psycopg

from conductor.core.fair_share import Fact, FairShare
from conductor.database import load_queries

SQL = load_queries("projections", "fair_share.sql")


async def read_fair_share(
    connection: psycopg.AsyncConnection[Any], *, until: datetime, half_life: float
) -> FairShare:
    """As it would be, had every event been followed: use counted up to `until`, later facts kept for later."""
    cursor = await connection.execute(SQL["uses"], {"until": until, "half_life": half_life})
    share = FairShare(half_life=half_life, until=until)
    for account, used, cpus, taken_at, taken, given_at, given in await cursor.fetchall():
        if used:
            share.uses[account] = float(used)
        if cpus:
            share.cpus[account] = int(cpus)
        for at, count in zip(taken_at or (), taken or (), strict=True):
            share.add(Fact(at, account, count))
        for at, count in zip(given_at or (), given or (), strict=True):
            share.add(Fact(at, account, -count))
    return share

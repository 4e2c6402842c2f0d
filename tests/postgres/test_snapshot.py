"""Whoever reads the log at length is missed when he is gone: the server goes on sorting for nobody."""

import subprocess
import sys
import time

import pytest

from projections.snapshot import first_damage, snapshot
from tests.fix_engine import Engine

# Each begins a query of minutes, as a sort of a long log is, and says so.
READERS = {
    "snapshot": "from projections.snapshot import snapshot as context",
    "rebuild": "from projections.rebuild import _owning as context",
}
LONG = """
import sys
{opens}
with context(sys.argv[1]) as connection:
    print(connection.info.backend_pid, flush=True)
    connection.execute("SELECT count(*) FROM generate_series(1, 100) s, pg_sleep(s * 6)")
"""
ENDS_SECONDS = 20.0


@pytest.mark.parametrize("reader", READERS)
def test_a_killed_readers_query_ends_soon(engine: Engine, reader: str) -> None:
    command = [sys.executable, "-c", LONG.format(opens=READERS[reader]), engine.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        backend = int(process.stdout.readline())
        _until_query(engine, backend, "active")
        process.kill()
    _until_query(engine, backend, None)


def _until_query(engine: Engine, backend: int, state: str | None) -> None:
    deadline = time.monotonic() + ENDS_SECONDS
    wanted = [] if state is None else [(state,)]
    asked = "SELECT state FROM pg_stat_activity WHERE pid = %s AND query LIKE '%%pg_sleep(s%%'"
    while engine.sql(asked, backend) != wanted:
        assert time.monotonic() < deadline, f"backend {backend} is not {state or 'gone'}"
        time.sleep(0.05)


def test_a_time_limit_for_questions_does_not_end_the_look_at_the_whole_chain(engine: Engine) -> None:
    with snapshot(engine.url) as connection:
        connection.execute("SET LOCAL statement_timeout = '1s'")
        assert first_damage(connection, 0) is None
        assert connection.execute("SHOW statement_timeout").fetchone() == ("0",)

"""What this machine does without us: the same server's bare commits, bare HTTP, bare bash.

Promises: durable commits on the server that the system uses, in a database of their own; each floor is
bounded by its seconds.
Refuses to know: the product's tables, but for how many bytes a job takes there.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from scripts.benchmarks import bare_starts
from scripts.benchmarks.api_connection import ApiConnection
from scripts.benchmarks.figures import BenchError

TABLE = "CREATE TABLE IF NOT EXISTS floor (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text NOT NULL)"
INSERT = "INSERT INTO floor (body) VALUES (%s)"
INSERT_AND_NOTIFY = "WITH row AS (INSERT INTO floor (body) VALUES (%s)) SELECT pg_notify('floor', '')"
COPY = "COPY floor (body) FROM STDIN"
INSERT_MANY = "INSERT INTO floor (body) SELECT unnest(%s::text[])"
BASH = "/bin/bash"
# Enough processes to start children with, so that the one that starts is not what is measured.
STARTERS = 2


def durations(action: Callable[[], object], seconds: float, most: int = 1000) -> list[float]:
    """How long each of many calls took, in seconds; the first, which warms up, is left out."""
    action()
    taken: list[float] = []
    until = time.monotonic() + seconds
    while len(taken) < most and time.monotonic() < until:
        began_at = time.perf_counter()
        action()
        taken.append(time.perf_counter() - began_at)
    return taken


def health_durations(connection: ApiConnection, seconds: float) -> list[float]:
    """Round trips to `/health`, which asks the database one question."""
    return durations(lambda: connection.ask("GET", "/health"), seconds)


def commit_durations(url: str, seconds: float, bytes_a_row: int) -> list[float]:
    """One durable row after the other on one connection."""
    with _floor_table(url) as connection:
        return durations(lambda: connection.execute(INSERT, ["x" * bytes_a_row]), seconds)


def bash_durations(seconds: float) -> list[float]:
    """`bash -c :` from its start to its end."""
    return durations(_run_bash, seconds)


def inserts_per_second(
    url: str, connections: int, seconds: float, bytes_a_row: int, *, notify: bool
) -> float:
    """Durable rows a second, one transaction each, on so many connections at once."""
    statement = INSERT_AND_NOTIFY if notify else INSERT
    with _floor_table(url):
        pass

    def insert(until: float) -> int:
        done = 0
        with psycopg.connect(url, autocommit=True) as connection:
            while time.monotonic() < until:
                connection.execute(statement.encode(), ["x" * bytes_a_row])
                done += 1
        return done

    return rate_of(insert, connections, seconds)


def rate_of(work: Callable[[float], int], workers: int, seconds: float) -> float:
    """How much so many threads do a second, each told until when to work and telling how much it did."""
    done: list[int] = []
    errors: list[BaseException] = []
    began_at = time.monotonic()

    def run() -> None:
        try:
            done.append(work(began_at + seconds))
        except (BenchError, OSError, psycopg.Error) as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise BenchError(f"{len(errors)} of {workers} connections failed; the first: {errors[0]}")
    return sum(done) / (time.monotonic() - began_at)


def copied_rows_per_second(url: str, rows: int, bytes_a_row: int, seconds: float) -> float:
    """Rows a second by COPY, so many in one durable transaction."""
    body = "x" * bytes_a_row
    with _floor_table(url) as connection:

        def copy() -> None:
            with connection.cursor() as cursor, cursor.copy(COPY) as copying:
                for _ in range(rows):
                    copying.write_row((body,))

        return _rows_per_second(copy, rows, seconds)


def inserted_rows_per_second(url: str, rows: int, bytes_a_row: int, seconds: float) -> float:
    """Rows a second by one INSERT of so many."""
    bodies = ["x" * bytes_a_row] * rows
    with _floor_table(url) as connection:
        return _rows_per_second(lambda: connection.execute(INSERT_MANY, [bodies]), rows, seconds)


def bare_starts_per_second(script: str, in_flight: int, seconds: float) -> float:
    """`bash SCRIPT` a second with so many at once, by posix_spawn from two small processes."""
    with tempfile.NamedTemporaryFile("w", suffix=".sh") as file:
        file.write(script)
        file.flush()
        shares = [str(in_flight // STARTERS), str(seconds)]
        program = str(Path(bare_starts.__file__).resolve())
        starters = [
            subprocess.Popen(
                [sys.executable, "-I", "-S", program, file.name, *shares], stdout=subprocess.PIPE, text=True
            )
            for _ in range(STARTERS)
        ]
        answers = [starter.communicate()[0] for starter in starters]
    if any(starter.returncode for starter in starters):
        raise BenchError("bash could not be started as often as possible")
    return sum(float(answer) for answer in answers)


def _floor_table(url: str) -> psycopg.Connection[tuple[object, ...]]:
    connection = psycopg.connect(url, autocommit=True)
    connection.execute(TABLE)
    return connection


def _rows_per_second(write: Callable[[], object], rows: int, seconds: float) -> float:
    taken = durations(write, seconds, most=100)
    return rows * len(taken) / sum(taken)


def _run_bash() -> None:
    pid = os.posix_spawn(BASH, ["bash", "-c", ":"], {"PATH": os.defpath})
    os.waitpid(pid, 0)

"""The embedded server: started, waited for, stopped.

Promises: `postgres` is a direct child in its own process group, stopped by SIGINT (a fast shutdown), and goes
down by itself when this process is killed. Recovery after a crash is waited for however long it takes, as
long as the server lives. One server a home at a time.

Refuses to know: what is in the database.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg
from psycopg import sql

from conductor.embedded.account import Account, EmbeddedPostgresError, account_for
from conductor.embedded.config import SUPERUSER, config_text, hba_text, ident_text
from conductor.embedded.leftover import (
    LOOK_EVERY_SECONDS,
    SAY_EVERY_SECONDS,
    status_of,
    wait_for_an_earlier_server,
)
from conductor.embedded.place import (
    PORT,
    Place,
    choose_place,
    find_place,
    make_private,
    make_socket_folder,
    outside_folder,
)
from conductor.embedded.programs import MAJOR_VERSION, Programs, copied_programs, find_programs
from conductor.home import locked_home, write_private
from conductor.leash import leashed
from conductor.logfile import open_log, tail

LOCK_NAME = "postgres.lock"
DATABASE = "conductor"
# A fast shutdown writes a checkpoint, which a slow disk may take its time for; only then harder and harder.
STOP_STEPS = ((signal.SIGINT, 120.0), (signal.SIGQUIT, 60.0), (signal.SIGKILL, 60.0))
# Nothing of this process's environment may reach the server: PGDATA, PGPORT, LD_PRELOAD, secrets.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


class EmbeddedPostgres:
    """A PostgreSQL on this home, for the length of a `with` block or between `start` and `stop`."""

    def __init__(
        self,
        home: Path,
        *,
        extra_config: Mapping[str, str] | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        if any(ord(letter) < 32 for letter in os.fspath(home)):
            raise EmbeddedPostgresError(
                f"the path {os.fspath(home)!r} holds control characters; choose another home"
            )
        self._home = home
        self._extra_config = dict(extra_config or {})
        self._say = say
        self._held = ExitStack()
        self._socket_folder: Path | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.data: Path | None = None
        self.psql_path = find_programs().psql

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def url(self, database: str = DATABASE, user: str = SUPERUSER) -> str:
        """How to connect, without a password: the server knows this machine's users. Somebody's PGPORT is not ours."""
        if self._socket_folder is None:
            raise EmbeddedPostgresError("the embedded server is not running")
        folder = quote(str(self._socket_folder), safe="")
        return f"postgresql://{quote(user)}@/{quote(database)}?host={folder}&port={PORT}"

    @property
    def socket_folder(self) -> Path:
        """Where its socket is, or was."""
        if self._socket_folder is None:
            raise EmbeddedPostgresError("the embedded server was not started")
        return self._socket_folder

    @property
    def runs(self) -> bool:
        """Whether the server is alive."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Return once the server answers and the application's database exists."""
        if self.process is not None:
            raise EmbeddedPostgresError("the embedded server is running already")
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Shut the server down and return once it is gone. Safe to repeat."""
        if self.process is not None:
            _stop(self.process, self._say)
        self.process = None
        self._held.close()

    def _start(self) -> None:
        self._held.enter_context(locked_home(self._home, LOCK_NAME))
        found = find_place(self._home)
        account = account_for(found.data if found else self._home / "postgres/data", self._say)
        place = choose_place(self._home, account, self._say)
        programs = (
            find_programs() if account.is_this_one else copied_programs(find_programs(), outside_folder())
        )
        wait_for_an_earlier_server(place.data, self._say)
        if not place.data.exists():
            self._initialise(place, programs, account)
        _check_version(place.data)
        self._socket_folder = make_socket_folder(place, self._home, account)
        self._configure(place, account)
        self.data = place.data
        self.process = _launch(place, programs, account)
        _wait_until_ready(self.process, place, self._say)
        self._make_database()

    def _initialise(self, place: Place, programs: Programs, account: Account) -> None:
        """A new data folder, whole or not at all: a start that was interrupted begins again."""
        shutil.rmtree(place.draft_data, ignore_errors=True)
        make_private(place.draft_data, account)
        options = [
            "--username",
            SUPERUSER,
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        ]
        options += ["--locale=C", "--auth=peer", "--no-instructions"]
        if self._extra_config.get("fsync") == "off":
            options.append("--no-sync")
        argv = [str(programs.initdb), *options, "--pgdata", str(place.draft_data)]
        done = subprocess.run(
            leashed(argv, ends_by=signal.SIGTERM, user=account.to_drop_to),
            env=ENVIRONMENT, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            said = (done.stderr or done.stdout).decode(errors="replace").strip()
            raise EmbeddedPostgresError(f"cannot make a database in {place.folder}: {said}")
        place.draft_data.rename(place.data)

    def _configure(self, place: Place, account: Account) -> None:
        texts = {
            "postgresql.conf": config_text(
                self.socket_folder, self._extra_config, place.config / "site.conf"
            ),
            "pg_hba.conf": hba_text(),
            "pg_ident.conf": ident_text(account),
        }
        for name, text in texts.items():
            write_private(place.config / name, text, mode=0o600 if account.is_this_one else 0o644)

    def _make_database(self) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def _launch(place: Place, programs: Programs, account: Account) -> subprocess.Popen[bytes]:
    files = {"config_file": "postgresql.conf", "hba_file": "pg_hba.conf", "ident_file": "pg_ident.conf"}
    options = [part for name, file in files.items() for part in ("-c", f"{name}={place.config / file}")]
    argv = [str(programs.postgres), "-D", str(place.data), *options]
    with open_log(place.log) as log:
        return subprocess.Popen(
            leashed(argv, ends_by=signal.SIGINT, user=account.to_drop_to),
            env=ENVIRONMENT, cwd="/", process_group=0, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip


def _wait_until_ready(process: subprocess.Popen[bytes], place: Place, say: Callable[[str], None]) -> None:
    say_at = time.monotonic() + SAY_EVERY_SECONDS
    while status_of(place.data, process.pid) != "ready":
        if process.poll() is not None:
            raise EmbeddedPostgresError(
                f"PostgreSQL did not start; {place.log} ends with:\n{tail(place.log)}"
            )
        if time.monotonic() > say_at:
            say("PostgreSQL is recovering; this may take a while after a crash")
            say_at += SAY_EVERY_SECONDS
        time.sleep(LOOK_EVERY_SECONDS)


def _stop(process: subprocess.Popen[bytes], say: Callable[[str], None]) -> None:
    for step, patience_seconds in STOP_STEPS:
        process.send_signal(step)
        try:
            process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            say(f"PostgreSQL (process {process.pid}) still runs {patience_seconds:.0f} s after {step.name}")
        else:
            return


def _check_version(data: Path) -> None:
    found = (data / "PG_VERSION").read_text().strip()
    if found != str(MAJOR_VERSION):
        raise EmbeddedPostgresError(
            f"the database in {data} was written by PostgreSQL {found}, and this program brings "
            f"{MAJOR_VERSION}; dump it with the version that wrote it, or run a PostgreSQL {found} "
            "on it and set CONDUCTOR_DATABASE_URL"
        )

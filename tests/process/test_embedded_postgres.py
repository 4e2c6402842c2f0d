"""The embedded server: whose child it is, what it leaves behind, whom it lets in, and what it refuses."""

import os
import pwd
import select
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

import conductor
from conductor.embedded import EmbeddedPostgres, EmbeddedPostgresError
from conductor.embedded.account import Account
from conductor.embedded.place import OUTSIDE, choose_place, find_place
from conductor.home import HomeTaken

PROJECT = Path(conductor.__file__).parent.parent
QUICK = {"fsync": "off", "shared_buffers": "16MB"}
PATIENCE_MS = 20_000
HOLD = """
import sys
from pathlib import Path
from conductor.embedded import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1]), extra_config={"shared_buffers": "16MB"}) as server:
    print(server.process.pid, server.url(), flush=True)
    sys.stdin.read()
"""


@contextmanager
def held_server(
    home: Path, *before: str, python: str = sys.executable
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server started by another process, which the test may kill: that process, and the server's PID."""
    paths = [str(PROJECT), str(Path(psycopg.__file__).parent.parent)]
    process = subprocess.Popen(
        [*before, python, "-c", HOLD, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(paths)}, cwd="/",
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"the server did not start, exit code {process.wait()}"
        yield process, int(line.split()[0])


@contextmanager
def end_of(pid: int) -> Iterator[None]:
    """Passes when the process, no child of ours, is gone soon after the block."""
    descriptor = os.pidfd_open(pid)
    try:
        yield
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        assert poll.poll(PATIENCE_MS), f"process {pid} is still there"
    finally:
        os.close(descriptor)


def modes_of(*folders: Path) -> list[int]:
    return [stat.S_IMODE(folder.stat().st_mode) for folder in folders]


def test_the_server_is_a_child_of_ours_in_a_group_of_its_own_and_never_root(home: Path) -> None:
    with EmbeddedPostgres(home, extra_config=QUICK) as server:
        assert server.process is not None
        process = psutil.Process(server.process.pid)
        assert process.ppid() == os.getpid()
        assert os.getpgid(process.pid) == process.pid
        assert process.uids().effective != 0
        assert process.name() == "postgres"
    assert not psutil.pid_exists(process.pid)
    assert server.data is not None
    said = (server.data.parent / "postgres.log").read_text()
    assert said.rstrip().endswith("database system is shut down"), "it was not asked to end, but killed"


def test_nothing_of_our_environment_reaches_the_server_nor_misleads_its_clients(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONDUCTOR_API_TOKEN", "secret")
    monkeypatch.setenv("PGPORT", "1")
    with EmbeddedPostgres(home, extra_config=QUICK) as server, psycopg.connect(server.url()) as connection:
        connection.execute("CREATE TEMP TABLE variables (line text)")
        connection.execute("COPY variables FROM PROGRAM 'env'")
        names = {line.partition("=")[0] for (line,) in connection.execute("SELECT line FROM variables")}
    assert "PATH" in names
    assert not names & {"CONDUCTOR_API_TOKEN", "PGPORT", "HOME"}


def test_data_outlives_the_server_and_commits_are_durable_by_default(home: Path) -> None:
    with EmbeddedPostgres(home) as server, psycopg.connect(server.url()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    with EmbeddedPostgres(home) as server, psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchall() == [(42,)]
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            assert connection.execute(f"SHOW {name}").fetchone() == ("on",)


def test_texts_are_utf8_and_times_utc_whatever_the_locale(home: Path) -> None:
    with EmbeddedPostgres(home, extra_config=QUICK) as server, psycopg.connect(server.url()) as connection:
        query = "SELECT current_setting('server_encoding'), current_setting('timezone'), upper('é')"
        assert connection.execute(query).fetchone() == ("UTF8", "UTC", "É")


@pytest.mark.faults
def test_kill_9_of_the_parent_leaves_no_server_and_the_next_start_has_the_data(home: Path) -> None:
    with held_server(home) as (parent, server_pid), end_of(server_pid):
        parent.kill()
    with EmbeddedPostgres(home) as server, psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.faults
def test_a_crash_of_the_server_loses_no_commit_and_the_next_start_recovers(home: Path) -> None:
    server = EmbeddedPostgres(home)
    server.start()
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS number")
        assert server.process is not None
        server.process.kill()
        server.process.wait()
    server.stop()
    with EmbeddedPostgres(home) as server, psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1000,)


def test_a_second_server_on_the_same_home_is_refused_and_told_who_holds_it(home: Path) -> None:
    with EmbeddedPostgres(home, extra_config=QUICK) as server:
        with pytest.raises(HomeTaken, match=f"in use by process {os.getpid()} .*CONDUCTOR_HOME"):
            EmbeddedPostgres(home).start()
        assert server.process is not None
        assert server.process.poll() is None


@pytest.mark.parametrize(
    "name", ["with spaces", "quo'te \"and\" $HOME `x` \\", "数据 目录", "long/" + "/".join(["x" * 60] * 4)],
    ids=["spaces", "quotes", "chinese", "long"],
)  # fmt: skip
def test_any_path_can_be_a_home(home: Path, name: str) -> None:
    with EmbeddedPostgres(home / name, extra_config=QUICK) as server:
        assert server.data is not None
        assert server.data.is_relative_to(home / name)
        with psycopg.connect(server.url()) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == ("conductor",)
        folder = server.socket_folder
    assert modes_of(folder) == [0o700]
    if not folder.is_relative_to(home):
        folder.rmdir()


def test_a_sites_own_configuration_is_read_last(home: Path) -> None:
    with EmbeddedPostgres(home, extra_config=QUICK) as server:
        pass
    (home / "postgres/config/site.conf").write_text("shared_buffers = '24MB'\n")
    with EmbeddedPostgres(home, extra_config=QUICK) as server, psycopg.connect(server.url()) as connection:
        assert connection.execute("SHOW shared_buffers").fetchone() == ("24MB",)


def test_only_the_servers_own_user_can_reach_its_socket(home: Path) -> None:
    with EmbeddedPostgres(home, extra_config=QUICK) as server:
        assert server.data is not None
        assert modes_of(server.socket_folder, server.data) == [0o700, 0o700]
        with psycopg.connect(server.url()) as connection:
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
            rules = connection.execute("SELECT type, auth_method, options FROM pg_hba_file_rules").fetchall()
    assert rules == [("local", "peer", ["map=conductor"])]


def test_a_socket_folder_that_someone_else_made_is_refused(home: Path) -> None:
    with EmbeddedPostgres(home / "with space", extra_config=QUICK) as server:
        folder = server.socket_folder
    folder.chmod(0o755)
    try:
        with pytest.raises(EmbeddedPostgresError, match="someone else made it"):
            EmbeddedPostgres(home / "with space").start()
        assert modes_of(folder) == [0o755]
    finally:
        folder.rmdir()


def test_folders_that_were_there_keep_their_modes(home: Path) -> None:
    private = home / "private"
    mine = private / "mine"
    mine.mkdir(parents=True)
    for folder, mode in ((mine, 0o750), (private, 0o700)):
        folder.chmod(mode)
    with EmbeddedPostgres(mine, extra_config=QUICK) as server, psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert modes_of(private, mine) == [0o700, 0o750]
    assert server.data is not None
    if server.data.is_relative_to(OUTSIDE):
        shutil.rmtree(server.data.parent)


def test_a_pid_file_that_names_a_strangers_process_harms_nobody(home: Path) -> None:
    with EmbeddedPostgres(home, extra_config=QUICK) as server:
        assert server.data is not None
        data = server.data
    # Of the server's own user: PostgreSQL itself would take no other for a server.
    stranger = subprocess.Popen(["sleep", "600"], user=data.stat().st_uid)
    try:
        (data / "postmaster.pid").write_text(f"{stranger.pid}\n{data}\n0\n5432\n\n\n\nready\n")
        with (
            EmbeddedPostgres(home, extra_config=QUICK) as server,
            psycopg.connect(server.url()) as connection,
        ):
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_an_interrupted_first_start_begins_again(home: Path) -> None:
    (home / "postgres/data.new").mkdir(parents=True)
    (home / "postgres").chmod(0o711)
    (home / "postgres/data.new/half").write_text("written")
    with EmbeddedPostgres(home, extra_config=QUICK) as server, psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_data_of_another_major_version_is_refused_untouched(home: Path) -> None:
    with EmbeddedPostgres(home, extra_config=QUICK) as server:
        assert server.data is not None
    (server.data / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedPostgresError, match=r"written by PostgreSQL 17.*brings 18"):
        EmbeddedPostgres(home).start()
    assert (server.data / "PG_VERSION").read_text() == "17\n"


def test_a_server_that_cannot_start_says_why(home: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match=r"postgres.log ends with:(.|\n)*no_such_thing"):
        EmbeddedPostgres(home, extra_config={**QUICK, "no_such_thing": "1"}).start()
    with EmbeddedPostgres(home, extra_config=QUICK) as server:
        assert server.process is not None


def test_data_that_was_kept_elsewhere_is_found_again_when_the_home_opens_up(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conductor.embedded.place.OUTSIDE", home / "outside")
    mine = home / "mine"
    mine.mkdir(mode=0o700)
    said: list[str] = []
    first = choose_place(mine, _other_account(), said.append)
    assert first.folder.is_relative_to(home / "outside")
    assert "is kept in" in said[0]
    first.data.mkdir()
    (first.data / "PG_VERSION").write_text("18")
    mine.chmod(0o755)
    assert find_place(mine) == first


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
@pytest.mark.faults
def test_an_ordinary_user_runs_the_server_as_himself_in_a_private_home(home: Path) -> None:
    python = _python_for_everybody()
    nobody = _nobody()
    his = home / "his"
    his.mkdir(mode=0o700)
    os.chown(his, nobody, nobody)
    change = ["setpriv", "--reuid", str(nobody), "--regid", str(nobody), "--clear-groups"]
    with held_server(his, *change, python=python) as (parent, server_pid):
        assert psutil.Process(server_pid).uids().effective == nobody
        with end_of(server_pid):
            parent.send_signal(signal.SIGKILL)
    assert modes_of(his) == [0o700]


def _nobody() -> int:
    return pwd.getpwnam("nobody").pw_uid


def _other_account() -> Account:
    return Account(name="somebody", uid=os.geteuid() + 1, gid=os.getegid() + 1)


def _python_for_everybody() -> str:
    """An interpreter of this version that another user can run, and that finds what we found."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    needed = [PROJECT, Path(psycopg.__file__).parent]
    for candidate in (os.path.realpath(sys.executable), f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        if Path(candidate).exists() and all(_is_open(path) for path in (Path(candidate), *needed)):
            return candidate
    pytest.skip("another user can reach neither this Python nor this project")


def _is_open(path: Path) -> bool:
    return all(one.stat().st_mode & 0o001 for one in (path.resolve(), *path.resolve().parents))

"""`conductor doctor` on real breakages: a wrong mode, a missing grant, a server that is not durable, a deaf connection,
an old schema, a clock that is off.
"""

import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from rich.cells import cell_len

from conductor.core.commands import CreateToken, RevokeToken
from conductor.core.events import Provenance
from conductor.core.roles import Role
from conductor.doctor.checks import examine
from conductor.doctor.database import CALLED_BY_THE_SERVICE, Database, open_database
from conductor.doctor.environment import read_environment
from conductor.doctor.gathering import gather
from conductor.migrate import migrate
from tests.cli.test_commands import Type, typed_at
from tests.fix_api import TOKEN, Api
from tests.fix_engine import Engine
from tests.fix_observing import Looker
from tests.postgres.test_privileges import OF_THE_SERVICE

# The suite's own server keeps nothing through a crash, on purpose.
OF_THE_SUITE = {"not_durable"}


@pytest.fixture
def conduct(api: Api) -> Type:
    return typed_at(api.url, api.settings.home)


@pytest.fixture
def broken(tampered_engine: Engine) -> Engine:
    """A database that the test breaks."""
    return tampered_engine


def looked(conduct: Type, api: Api, **variables: str) -> dict[str, dict[str, Any]]:
    """Everything that was said, by its code."""
    said = conduct("doctor", "--json", **{"CONDUCTOR_DATABASE_URL": api.database_url, **variables})
    return {one["code"]: one for one in json.loads(said.stdout)["checks"]}


def bad(found: dict[str, dict[str, Any]], *levels: str) -> set[str]:
    return {code for code, one in found.items() if one["level"] in (levels or ("wrong", "unknown"))}


def facts_of(url: str, home: Path, **variables: str) -> Any:
    environ = {
        "CONDUCTOR_DATABASE_URL": url,
        "CONDUCTOR_HOME": str(home),
        "CONDUCTOR_URL": "http://127.0.0.1:1",
    }
    return gather(read_environment(environ | variables, site_file=home / "none"))


def test_a_system_that_is_well_has_nothing_wrong(api: Api, conduct: Type) -> None:
    api.register()
    found = looked(conduct, api)
    assert bad(found) - OF_THE_SUITE == {"leader_never"}
    assert {"schema_ok", "grants_ok", "notifications_ok", "clock_ok", "api_ok", "audit_ok"} <= found.keys()


def test_nothing_is_changed_by_looking(api: Api, conduct: Type) -> None:
    before = api.count_events()
    files = sorted(api.settings.home.rglob("*"))
    looked(conduct, api)
    assert (api.count_events(), sorted(api.settings.home.rglob("*"))) == (before, files)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_lines_fit_80_columns_but_for_commands_which_stand_alone(
    api: Api, conduct: Type, language: str
) -> None:
    (api.settings.home / "spool").mkdir(mode=0o700)
    (api.settings.home / "spool").chmod(0o777)
    said = conduct("doctor", CONDUCTOR_DATABASE_URL=api.database_url, CONDUCTOR_LANG=language)
    assert said.exit_code == 1
    commands = [f"    {entry['command']}" for entry in looked(conduct, api).values() if entry["command"]]
    lines = said.stdout.splitlines()
    assert f"    chmod go-w '{api.settings.home}/spool'" in lines
    assert [line for line in lines if cell_len(line) > 80 and line not in commands] == []


def test_without_a_system_it_looks_at_what_there_is_and_says_so(home: Path, conduct: Type) -> None:
    nothing = {
        "CONDUCTOR_HOME": str(home),
        "CONDUCTOR_URL": "http://127.0.0.1:1",
        "CONDUCTOR_API_TOKEN": TOKEN,
    }
    said = conduct("doctor", **nothing)
    assert said.exit_code == 125
    assert "conductor up" in said.stdout
    assert "folder_ok" in {
        one["code"] for one in json.loads(conduct("doctor", "--json", **nothing).stdout)["checks"]
    }


def test_a_wrong_setting_is_said_and_the_machine_is_looked_at_all_the_same(conduct: Type, api: Api) -> None:
    said = conduct("doctor", "--json", CONDUCTOR_POOL_SECONDS="3")
    found = {one["code"]: one for one in json.loads(said.stdout)["checks"]}
    assert said.exit_code == 1
    assert "CONDUCTOR_POLL_SECONDS" in found["settings_refused"]["sentence"]
    assert {"python_ok", "no_settings"} <= found.keys()


def test_settings_are_shown_with_their_places_and_never_their_values(api: Api, conduct: Type) -> None:
    (api.settings.home / "conductor.toml").write_text("poll_seconds = 0.7\n")
    secret = "a-secret-token-nobody-sees"
    told = looked(conduct, api, CONDUCTOR_API_TOKEN=secret)["settings_set"]["sentence"]
    assert f"poll_seconds in {api.settings.home}/conductor.toml" in told
    assert "CONDUCTOR_API_TOKEN" in told
    assert secret not in told


def test_a_token_that_others_can_read_and_one_of_another_home(api: Api, conduct: Type) -> None:
    assert "api_token_refused" in looked(conduct, api, CONDUCTOR_API_TOKEN="x" * 20)
    token = api.settings.home / "api_token"
    token.write_text(TOKEN)
    token.chmod(0o644)
    found = looked(conduct, api, CONDUCTOR_API_TOKEN="")
    assert found["token_open"]["command"] == f"chmod 600 '{token}'"
    assert "api_token_untried" in found


def test_an_api_of_another_database_is_found(api: Api, conduct: Type, empty_database_url: str) -> None:
    migrate(empty_database_url)
    api.submit()
    found = looked(conduct, api, CONDUCTOR_DATABASE_URL=empty_database_url)
    assert "api_other_database" in found
    assert "api_other_database" not in looked(conduct, api)


def role_of(engine: Engine, kind: str) -> sql.Identifier:
    [(owner,)] = engine.sql("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'events'")
    return sql.Identifier(str(owner).removesuffix("_owner") + f"_{kind}")


def break_by(engine: Engine, statement: str) -> None:
    names = {kind: role_of(engine, kind) for kind in ("owner", "service", "report")}
    with psycopg.connect(engine.url, autocommit=True) as admin:
        admin.execute(sql.SQL(statement).format(**names))


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("GRANT UPDATE ON jobs TO {service}", "role_may_write"),
        ("GRANT DELETE ON events TO {report}", "role_may_write"),
        ("REVOKE EXECUTE ON FUNCTION tell_clock FROM {service}", "functions_missing"),
        ("REVOKE SELECT ON nodes FROM {service}", "tables_unreadable"),
        ("ALTER TABLE events DISABLE TRIGGER events_append_only", "guards_off"),
        ("DROP TRIGGER events_append_only ON events", "guards_off"),
        ("DELETE FROM conductor_migrations WHERE number = 28", "schema_old"),
        ("INSERT INTO conductor_migrations VALUES (9999, 'later', '')", "schema_newer"),
        ("UPDATE conductor_migrations SET sha256 = '' WHERE number = 1", "schema_edited"),
    ],
)
def test_a_broken_database_is_named(broken: Engine, home: Path, statement: str, code: str) -> None:
    assert code not in {line.verdict.code for line in examine(facts_of(broken.url, home))}
    break_by(broken, statement)
    assert code in {line.verdict.code for line in examine(facts_of(broken.url, home))}


def test_settings_of_a_session_are_read_as_the_services_have_them(broken: Engine, home: Path) -> None:
    name = urlsplit(broken.url).path[1:]
    for setting in (
        "synchronous_commit = off",
        "statement_timeout = '1min'",
        "default_transaction_isolation = serializable",
    ):
        break_by(broken, f"ALTER DATABASE {name} SET {setting}")
    values = facts_of(broken.url, home).server.settings
    assert (values["synchronous_commit"], values["statement_timeout"]) == ("off", "60000")
    assert values["default_transaction_isolation"] == "serializable"


def test_tokens_by_which_jobs_may_be_submitted_are_counted(engine: Engine, home: Path) -> None:
    admin = Provenance(actor="admin", channel="test", correlation="c")

    async def story(engine: Engine) -> None:
        for name, role in (("alice", Role.SUBMITTER), ("eve", Role.ADMIN), ("bob", Role.VIEWER)):
            await engine.handler.handle(CreateToken(name=name, role=role, sha256="0" * 64), admin)
        await engine.handler.handle(RevokeToken(name="eve"), admin)

    engine.run(story)
    assert facts_of(engine.url, home).cluster.submitting_tokens == 1


def test_the_services_functions_are_those_that_a_fresh_schema_grants() -> None:
    assert set(CALLED_BY_THE_SERVICE) == OF_THE_SERVICE


def test_a_database_that_is_away_is_said_without_its_password(home: Path) -> None:
    facts = facts_of("postgresql://me:s3cret@127.0.0.1:1/x", home)
    lines = [str(line.verdict.values) for line in examine(facts)]
    assert facts.unknown["check server"][0] == "server_unreachable"
    assert "s3cret" not in "".join(lines)


def test_a_clock_that_is_off_is_found(broken: Engine, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.time
    monkeypatch.setattr("conductor.doctor.database.time.time", lambda: real() - 90)
    skew = facts_of(broken.url, home).server.skew_seconds
    assert -91 < skew < -89


def test_each_executor_tells_its_clock_and_its_release(engine: Engine, home: Path) -> None:
    async def story(engine: Engine) -> None:
        await engine.register()
        await Looker(engine, home).observer().observe()

    engine.run(story)
    with open_database(engine.url) as database:
        [node] = database.cluster().nodes
    assert node.skew_seconds is not None
    assert abs(node.skew_seconds) < 1
    assert node.release


def test_a_nodes_clock_is_compared_with_the_databases(engine: Engine) -> None:
    async def story(engine: Engine) -> None:
        await engine.register()

    engine.run(story)
    told = "SELECT tell_clock('node-1', %s, clock_timestamp() + interval '1 minute', '0.0')"
    assert engine.sql(told, 2) == [(False,)], "of an incarnation that is not the newest"
    assert engine.sql(told, 1) == [(True,)]
    with open_database(engine.url) as database:
        [node] = database.cluster().nodes
    assert round(node.skew_seconds or 0) == 60


class Deaf:
    """A way to the server that does not pass notifications on, as a pooler may be."""

    def __init__(self, url: str) -> None:
        known = conninfo_to_dict(url)
        host, port = str(known["host"]), int(known.get("port") or 5432)
        path = f"{host}/.s.PGSQL.{port}"
        self._far = (socket.AF_UNIX, path) if host.startswith("/") else (socket.AF_INET, (host, port))
        self._door = socket.create_server(("127.0.0.1", 0))
        plain = {"sslmode": "disable", "gssencmode": "disable"}
        near = {"host": "127.0.0.1", "port": self._door.getsockname()[1], **plain}
        options = {**known, **near}.items()
        self.url = "postgresql:///?" + "&".join(f"{name}={quote(str(value))}" for name, value in options)
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._door.accept()
                far = socket.socket(self._far[0])
                far.connect(self._far[1])
                for work in ((self._copy, near, far), (self._without_notifications, far, near)):
                    threading.Thread(target=work[0], args=work[1:], daemon=True).start()

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    @staticmethod
    def _without_notifications(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError), source, target, source.makefile("rb") as stream:
            while head := stream.read(5):
                body = stream.read(struct.unpack(">I", head[1:])[0] - 4)
                if head[:1] != b"A":
                    target.sendall(head + body)

    def close(self) -> None:
        self._door.close()


def test_a_connection_that_is_deaf_is_found_by_the_canary(engine: Engine) -> None:
    with open_database(engine.url) as database:
        assert database.canary().heard_seconds is not None
    deaf = Deaf(engine.url)
    try:
        with open_database(deaf.url) as database:
            assert database.canary(patience_seconds=0.3).heard_seconds is None
    finally:
        deaf.close()


def test_one_backend_for_each_connection_unless_somebody_stands_between(engine: Engine) -> None:
    with open_database(engine.url) as database:
        assert database.server().pids_seen == 1
        # What a transaction pooler does: the next statement goes wherever there is room.
        with psycopg.connect(engine.url, autocommit=True, row_factory=psycopg.rows.dict_row) as other:
            backends = iter([database._working, other, other])
            pooled = Database(engine.url, database._listening, _Pooled(backends))  # type: ignore[arg-type]
            assert pooled._backends() == 2


class _Pooled:
    def __init__(self, backends: Iterator[Any]) -> None:
        self._backends = backends

    def execute(self, *words: Any) -> Any:
        return next(self._backends).execute(*words)

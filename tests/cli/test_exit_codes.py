"""A monitor can tell a finding from a command that could not look."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from tests.cli.test_commands import typed_at
from tests.cli.test_evidence import NO_DATABASE, typist
from tests.fix_api import Api
from tests.fix_engine import Engine
from tests.postgres.test_replay import a_busy_day


@contextmanager
def shut(server_url: str, database_url: str) -> Iterator[None]:
    """The database lets nobody in and throws everybody out, as when it is gone."""
    name = urlsplit(database_url).path[1:]
    with psycopg.connect(server_url, autocommit=True) as admin:

        def allow(word: str) -> None:
            statement = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
            admin.execute(statement.format(sql.Identifier(name), sql.SQL(word)))

        allow("false")
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        try:
            yield
        finally:
            allow("true")


def test_an_audit_that_could_not_look_is_no_finding(api: Api, postgres_url: str) -> None:
    conduct = typed_at(api.url, api.settings.home)
    api.register()
    assert conduct("audit").exit_code == 0
    with shut(postgres_url, api.database_url):
        said = conduct("audit", "--quick")
        assert said.exit_code == 125
        assert "conductor: " in said.stderr
    assert conduct("audit", CONDUCTOR_URL="http://127.0.0.1:1").exit_code == 69
    api.sql("SELECT observe_node('node-1', 1, '{}', '[]', 1, sha256('another'))")
    assert conduct("audit").exit_code == 1
    assert conduct("audit", "--severity", "high").exit_code == 2


@pytest.mark.parametrize("words", [("verify",), ("verify", "--json"), ("rebuild", "--dry-run"), ("rebuild",)])
def test_a_replay_that_could_not_look_is_no_difference(
    tampered_engine: Engine, tmp_path: Path, words: tuple[str, ...]
) -> None:
    tampered_engine.run(a_busy_day)
    conduct = typist(tampered_engine, tmp_path)
    assert conduct("replay", *words).exit_code == 0
    away = conduct("replay", *words, **NO_DATABASE)
    assert (away.exit_code, away.stdout) == (125, "")
    tampered_engine.sql("UPDATE jobs SET comment = 'x' WHERE id = 1")
    mended = words == ("rebuild",)
    assert conduct("replay", *words).exit_code == (0 if mended else 1)


def test_a_fault_of_ours_looks_like_no_answer(
    tampered_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("a fault of ours")

    monkeypatch.setattr("projections.replay.verify", fail)
    said = typist(tampered_engine, tmp_path)("replay", "verify")
    assert (said.exit_code, "a fault of ours" in said.stderr) == (125, True)

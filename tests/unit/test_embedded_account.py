"""PostgreSQL never runs as root: whom root runs it as, on machines with more and with less."""

import os
import pwd
from pathlib import Path

import pytest

from conductor.embedded import EmbeddedPostgresError, account
from conductor.embedded.account import Account, account_for


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was said, on a machine where we are root and nobody else is known."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(account, "_make_system_user", lambda: None)
    monkeypatch.setattr(account, "_by_name", lambda _: None)
    return []


def test_root_uses_the_dedicated_user_and_makes_him_when_missing(
    said: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    users: dict[str, Account] = {}
    made = Account(name=account.SYSTEM_USER, uid=999, gid=998)
    monkeypatch.setattr(account, "_by_name", users.get)
    monkeypatch.setattr(account, "_make_system_user", lambda: users.update({made.name: made}))
    assert account_for(tmp_path / "data", said.append) == made
    assert made.to_drop_to == (999, 998)
    assert said == []


def test_without_useradd_root_falls_back_on_nobody_and_says_so(
    said: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nobody = Account(name="nobody", uid=65534, gid=65534)
    monkeypatch.setattr(account, "_by_name", {"nobody": nobody}.get)
    assert account_for(tmp_path / "data", said.append) == nobody
    assert "runs as `nobody`" in said[0]


def test_without_anybody_root_is_told_what_to_do(said: list[str], tmp_path: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match=r"refuses to run as root.*CONDUCTOR_DATABASE_URL"):
        account_for(tmp_path / "data", said.append)


def test_data_that_exists_is_served_by_whoever_owns_it(
    said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = pwd.getpwnam("nobody")

    class Data:
        def is_dir(self) -> bool:
            return True

        def stat(self) -> os.stat_result:
            return os.stat_result((0o40700, 0, 0, 0, nobody.pw_uid, nobody.pw_gid, 0, 0, 0, 0))

    monkeypatch.setattr(account, "_by_name", lambda name: pytest.fail(f"asked for {name}"))
    found = account_for(Data(), said.append)  # type: ignore[arg-type]
    assert (found.uid, found.gid) == (nobody.pw_uid, nobody.pw_gid)


def test_a_user_without_an_entry_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000)
    with pytest.raises(EmbeddedPostgresError, match=r"user 4000000 has no entry in /etc/passwd"):
        account_for(tmp_path / "data", lambda _: None)

"""As whom a job runs where the executor is root: it rests on who submitted, and nobody becomes root by default."""

import os
import pwd

import pytest

from conductor.accounts import UnknownAccount, account_for
from conductor.core.job_rights import parse_run_as

ACCOUNT = "nobody"


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


@pytest.mark.usefixtures("as_root")
def test_a_token_runs_jobs_as_the_accounts_that_the_setting_gives_it() -> None:
    allowed = parse_run_as(f"alice:{ACCOUNT};admin:*")
    for identity in ("alice", "admin"):
        account = account_for(identity, ACCOUNT, allowed)
        assert account is not None
        assert (account.user_name, account.uid) == (ACCOUNT, pwd.getpwnam(ACCOUNT).pw_uid)


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize("identity", ["bob", "Alice", "alice2", "ADMIN2"])
def test_a_token_that_is_not_named_runs_nothing_on_a_node_of_roots(identity: str) -> None:
    for text in ("", f"alice:{ACCOUNT};admin:*"):
        with pytest.raises(UnknownAccount, match="CONDUCTOR_RUN_AS"):
            account_for(identity, ACCOUNT, parse_run_as(text))


@pytest.mark.usefixtures("as_root")
def test_a_token_that_is_named_runs_nothing_as_another_account() -> None:
    with pytest.raises(UnknownAccount, match="may not run anything as root"):
        account_for("alice", "root", parse_run_as(f"alice:{ACCOUNT}"))
    with pytest.raises(UnknownAccount, match="root's account"):
        account_for("alice", "root", parse_run_as("alice:*"))


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize("identity", ["admin", "anonymous", "SCNS-Conductor of a cluster"])
def test_the_home_itself_runs_jobs_as_the_executor_does(identity: str) -> None:
    assert account_for(identity, ACCOUNT, {}) is None


def test_an_executor_that_is_not_root_has_no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert account_for("bob", "root", parse_run_as("bob:*")) is None

"""Settings come from three places in one order; what is wrong with one is said so that a person can mend it."""

import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conductor.home import Running, locked_home, publish
from conductor.settings import (
    Settings,
    SettingsError,
    api_url_of,
    child_environment,
    database_url_of,
    load_settings,
    read_or_make_token,
    read_token,
)

Load = Callable[..., Settings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Settings as read from an environment of its own, with both files under the test's folder."""

    def read(overrides: dict[str, object] | None = None, **environ: str) -> Settings:
        return load_settings(
            {"CONDUCTOR_HOME": str(tmp_path / "home"), **environ},
            site_file=tmp_path / "site.toml",
            **overrides or {},
        )

    (tmp_path / "home").mkdir(mode=0o700)
    return read


def test_the_environment_wins_over_the_home_file_and_that_over_the_site_file(
    load: Load, tmp_path: Path
) -> None:
    (tmp_path / "site.toml").write_text('lang = "zh"\npoll_seconds = 3\nnode_name = "site"')
    (tmp_path / "home/conductor.toml").write_text('poll_seconds = 2\nnode_name = "home"')
    settings = load(NODE_NAME="environment")
    assert (settings.lang, settings.poll_seconds, settings.node_name) == ("zh", 2.0, "environment")


def test_an_option_of_the_command_line_wins_over_everything_and_one_not_given_changes_nothing(
    load: Load,
) -> None:
    settings = load({"api_port": 0, "lang": None}, CONDUCTOR_API_PORT="9000", CONDUCTOR_LANG="zh")
    assert (settings.api_port, settings.lang) == (0, "zh")


def test_defaults_are_those_the_contract_names(load: Load, tmp_path: Path) -> None:
    settings = load()
    assert settings.spool == tmp_path / "home/spool"
    assert (settings.api_host, settings.api_port, settings.lease_seconds) == ("127.0.0.1", 8000, 30)
    assert (settings.reservation_seconds, settings.kill_grace_seconds, settings.poll_seconds) == (60, 10, 1)
    assert settings.total_cpus == len(os.sched_getaffinity(0))


def test_settings_cannot_be_changed_after_they_are_read(load: Load) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load().lang = "zh"  # type: ignore[misc]


@pytest.mark.parametrize(("locale", "lang"), [("zh_CN.UTF-8", "zh"), ("C.UTF-8", "en"), ("", "en")])
def test_the_language_follows_the_locale(load: Load, locale: str, lang: str) -> None:
    assert load(LANG=locale).lang == lang
    assert load(LANG=locale, CONDUCTOR_LANG="en").lang == "en"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("CONDUCTOR_POL_SECONDS", "CONDUCTOR_POLL_SECONDS"),
        ("CONDUCTOR_PORT", "CONDUCTOR_API_PORT"),
        ("CONDUCTOR_TOTAL_CPUS", "TOTAL_CPUS"),
    ],
)
def test_an_unknown_name_is_an_error_that_offers_the_nearest(load: Load, name: str, nearest: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} .*did you mean {nearest}"):
        load(**{name: "1"})


def test_an_unknown_key_of_a_file_is_an_error_that_names_the_file(load: Load, tmp_path: Path) -> None:
    (tmp_path / "home/conductor.toml").write_text("pol_seconds = 2")
    with pytest.raises(SettingsError, match=r"pol_seconds in .*home/conductor\.toml .*poll_seconds"):
        load()


@pytest.mark.parametrize(
    "foreign",
    [
        {
            "CONDUCTOR_JOB_ID": "7",
            "CONDUCTOR_ATTEMPT": "1",
            "CONDUCTOR_NODE": "n",
            "CONDUCTOR_CPU_IDS": "0-3",
        },
        {
            "CONDUCTOR_SERVICE_HOST": "10.0.0.7",
            "CONDUCTOR_SERVICE_PORT": "8000",
            "CONDUCTOR_SERVICE_PORT_HTTP": "80",
        },
        {"CONDUCTOR_PORT": "tcp://10.0.0.7:8000", "CONDUCTOR_PORT_8000_TCP_ADDR": "10.0.0.7"},
        {"CONDUCTOR_API_PORT": "tcp://10.0.0.7:8000", "CONDUCTOR_API_SERVICE_PORT": "8000"},
    ],
)
def test_names_set_by_a_job_or_by_kubernetes_are_no_errors(load: Load, foreign: dict[str, str]) -> None:
    assert load(**foreign) == load()


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("CONDUCTOR_POLL_SECONDS", "0", "greater than 0"),
        ("CONDUCTOR_POLL_SECONDS", "nan", "finite"),
        ("CONDUCTOR_API_PORT", "70000", "65535"),
        ("CONDUCTOR_LANG", "de", "'en' or 'zh'"),
        ("CONDUCTOR_DATABASE_URL", "mysql://localhost", "postgresql://"),
        ("CONDUCTOR_URL", "localhost:8000", "http"),
        ("CONDUCTOR_API_TOKEN", "short", "16"),
        ("TOTAL_CPUS", "0", "greater than or equal to 1"),
        ("NODE_NAME", "no such/name", "pattern"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name_and_place(
    load: Load, variable: str, value: str, says: str
) -> None:
    with pytest.raises(SettingsError) as refusal:
        load(**{variable: value})
    assert f"{variable} in the environment" in str(refusal.value)
    assert says in str(refusal.value)


def test_a_refusal_never_repeats_a_secret(load: Load) -> None:
    with pytest.raises(SettingsError) as refusal:
        load(CONDUCTOR_DATABASE_URL="mysql://me:geheim@host", CONDUCTOR_API_TOKEN="kurz geheim")
    assert "geheim" not in str(refusal.value)


def test_no_authentication_is_for_loopback_only(load: Load) -> None:
    assert load(CONDUCTOR_API_AUTH="off", CONDUCTOR_API_HOST="localhost").api_auth == "off"
    with pytest.raises(SettingsError, match="loopback only"):
        load(CONDUCTOR_API_AUTH="off", CONDUCTOR_API_HOST="0.0.0.0")  # noqa: S104


def test_a_trusted_proxy_protects_the_way_and_never_replaces_the_token(load: Load) -> None:
    everywhere = {"CONDUCTOR_API_HOST": "0.0.0.0", "CONDUCTOR_API_TRUSTED_PROXY": "true"}  # noqa: S104
    assert load(**everywhere).api_trusted_proxy
    assert not load().api_trusted_proxy
    with pytest.raises(SettingsError, match="loopback only"):
        load(CONDUCTOR_API_AUTH="off", **everywhere)


def test_a_child_reads_the_same_settings_from_its_environment(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONDUCTOR_LANG", "de")
    settings = load(CONDUCTOR_API_TOKEN="t" * 20, CONDUCTOR_POLL_ONLY="yes", TOTAL_CPUS="64", NODE_NAME="n1")
    assert load_settings(child_environment(settings), site_file=tmp_path / "none.toml") == settings


def test_the_token_is_made_once_for_its_owner_alone(load: Load) -> None:
    settings = load()
    assert read_token(settings) is None
    with ThreadPoolExecutor(8) as threads:
        tokens = set(threads.map(lambda _: read_or_make_token(settings), range(8)))
    assert len(tokens) == 1
    assert tokens == {read_token(settings)}
    assert stat.S_IMODE((settings.home / "api_token").stat().st_mode) == 0o600
    assert sorted(path.name for path in settings.home.iterdir()) == ["api_token"]


def test_a_token_that_others_can_read_is_refused(load: Load) -> None:
    settings = load()
    read_or_make_token(settings)
    (settings.home / "api_token").chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        read_token(settings)


@pytest.mark.parametrize("text", ["", "\n", "short\n", "two words are no token\n"])
def test_a_file_without_a_token_is_refused(load: Load, text: str) -> None:
    """A disk that was full, or a power cut: what is empty would let in everybody."""
    settings = load()
    read_or_make_token(settings)
    (settings.home / "api_token").write_text(text)
    for read in (read_token, read_or_make_token):
        with pytest.raises(SettingsError, match="holds no token"):
            read(settings)


def test_a_running_systems_addresses_are_believed_only_while_it_runs(load: Load) -> None:
    settings = load()
    with locked_home(settings.home):
        publish(settings.home, Running(database_url="postgresql:///here", api_url="http://127.0.0.1:4711"))
        assert database_url_of(settings) == "postgresql:///here"
        assert api_url_of(settings) == "http://127.0.0.1:4711"
    assert api_url_of(settings) == "http://127.0.0.1:8000"
    with pytest.raises(SettingsError, match="start `conductor up`"):
        database_url_of(settings)


@pytest.mark.parametrize(
    ("variable", "text", "said"),
    [
        ("CONDUCTOR_NODE_LABELS", "zone==a", "NAME=VALUE"),
        ("CONDUCTOR_NODE_LABELS", "zone=a,zone=b", "zone cannot be a and b"),
        ("CONDUCTOR_NODE_GRES", "gpu:four", "NAME:COUNT"),
        ("CONDUCTOR_NODE_MEMORY_MB", "0", "greater than or equal to 1"),
    ],
)
def test_what_a_node_offers_is_checked_where_it_was_set(
    load: Load, variable: str, text: str, said: str
) -> None:
    with pytest.raises(SettingsError, match=f"^{variable} in the environment: .*{said}"):
        load(**{variable: text})

"""`conductor doctor` on facts that no machine at hand has: every fault is named, and nothing else is."""

import re
import string
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conductor.core.sentences import filled
from conductor.doctor.catalogue import CATALOGUE
from conductor.doctor.checks import CHECKS, examine
from conductor.doctor.facts import (
    Api,
    Audit,
    Canary,
    Cluster,
    Environment,
    Facts,
    Folder,
    Grants,
    Home,
    Machine,
    NodeSeen,
    Schema,
    Server,
)
from conductor.doctor.judging_system import spoken
from conductor.doctor.machine import mount_of
from conductor.settings import Settings

DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "max_connections": "100"}
FOLDER = Folder(
    path="/my/.conductor", exists=True, owner_id=1000, mode=0o700, writable=True, free_bytes=1 << 40,
    free_inodes=None, device=1, file_system="ext4",
)  # fmt: skip
MACHINE = Machine(
    python=(3, 11, 0), kernel="Linux 6", boot_id="b", pidfds=True, child_list=True, usable_cpus=4, is_root=False,
    user_id=1000, open_files=-1, processes=-1, cgroup="/sys/fs/cgroup/x", cgroup_writable=True, memory_controller=True,
)  # fmt: skip
HOME = Home(
    home=FOLDER, spool=replace(FOLDER, path="/spool", device=2), token_mode=0o600, token_given=False, running=True,
    supervisor_held=True, supervisor_answers=True, wal_device=1,
)  # fmt: skip
SERVER = Server(
    version=180_004, settings=DURABLE, read_only=False, pids_seen=1, connections_free=90, skew_seconds=0.0,
    round_trip_seconds=0.001,
)  # fmt: skip
GRANTS = Grants(service="conductor_service", owner="conductor_owner", owner_may_log_in=False)
NODE = NodeSeen(name="node-1", state="UP", silent_seconds=None, skew_seconds=0.01, release="1.0")
CLUSTER = Cluster(
    position=9, newest_at=None, newest_seconds=3.0, leader="me", leader_silent_seconds=None, leader_since_seconds=60.0,
    nodes=[NODE], waiting=0, free_cpus=4,
)  # fmt: skip
API = Api(url="http://127.0.0.1:8000", loopback=True, status=200, positions=(9, 9, 9))


def facts(**changes: Any) -> Facts:
    """A system with nothing wrong, but for what is given; `settings` are those that differ."""
    chosen = Settings(home=Path("/my/.conductor"), total_cpus=4, node_name="node-1", lang="en",
                      **changes.pop("settings", {}))  # fmt: skip
    well: dict[str, Any] = {
        "release": "1.0",
        "environment": Environment(settings=chosen),
        "machine": MACHINE,
        "home": HOME,
        "server": SERVER,
        "schema": Schema(applied=28, shipped=28),
        "grants": GRANTS,
        "canary": Canary(heard_seconds=0.001, patience_seconds=3, queue_usage=0),
        "cluster": CLUSTER,
        "api": API,
        "audit": Audit(errors=0, warnings=0),
    }
    return Facts(**(well | changes))


def found(known: Facts) -> set[str]:
    """Codes of what is not as it should be."""
    return {line.verdict.code for line in examine(known) if line.level != "ok"}


def test_nothing_is_said_against_a_system_that_is_well() -> None:
    assert found(facts()) == set()


def with_settings(**values: str) -> Server:
    return replace(SERVER, settings=DURABLE | values)


def spool(**changes: Any) -> Home:
    return replace(HOME, spool=replace(HOME.spool, **changes))


def node(**changes: Any) -> Cluster:
    return replace(CLUSTER, nodes=[replace(NODE, **changes)])


BROKEN: dict[str, dict[str, Any]] = {
    "python_old": {"machine": replace(MACHINE, python=(3, 10, 9))},
    "kernel_no_proc": {"machine": replace(MACHINE, boot_id=None)},
    "kernel_no_pidfds": {"machine": replace(MACHINE, pidfds=False)},
    "kernel_no_child_list": {"machine": replace(MACHINE, child_list=False)},
    "cpus_more_than_machine": {"machine": replace(MACHINE, usable_cpus=2)},
    "cgroups_none": {"machine": replace(MACHINE, cgroup=None)},
    "cgroups_not_writable": {"machine": replace(MACHINE, cgroup_writable=False)},
    "cgroups_no_memory": {"machine": replace(MACHINE, memory_controller=False)},
    "open_files_few": {"machine": replace(MACHINE, open_files=1000)},
    "open_files_too_few": {"machine": replace(MACHINE, open_files=64)},
    "processes_few": {"machine": replace(MACHINE, processes=100)},
    "run_as_needs_root": {"settings": {"run_as": "admin:*"}},
    "jobs_run_as_root": {"machine": replace(MACHINE, is_root=True)},
    "tokens_run_as_root": {
        "machine": replace(MACHINE, is_root=True),
        "cluster": replace(CLUSTER, submitting_tokens=2),
    },
    "accounts_unknown": {
        "machine": replace(MACHINE, is_root=True, accounts_unknown=["nobody-here"]),
        "settings": {"run_as": "admin:nobody-here"},
    },
    "locale_not_utf8": {"environment": Environment(settings=facts().settings, encoding="ANSI_X3.4-1968")},
    "settings_refused": {"environment": Environment(settings=None, refusal="CONDUCTOR_X is no setting"),
                         "machine": replace(MACHINE, usable_cpus=65_536)},
    "grace_over_lease": {"settings": {"kill_grace_seconds": 40.0}},
    "poll_over_lease": {"settings": {"poll_seconds": 12.0}},
    "reservation_short": {"settings": {"reservation_seconds": 2.0}},
    "proxied": {"environment": Environment(settings=facts().settings, proxies=["http_proxy"], proxied=True)},
    "folder_of_another": {"home": spool(owner_id=0)},
    "folder_open": {"home": spool(mode=0o770)},
    "folder_not_writable": {"home": spool(writable=False)},
    "folder_cannot_be_made": {"home": spool(exists=False, writable=False)},
    "token_open": {"home": replace(HOME, token_mode=0o644)},
    "mount_read_only": {"home": spool(options=frozenset({"ro"}))},
    "mount_network": {"home": spool(file_system="nfs4")},
    "mount_noexec": {"home": spool(options=frozenset({"noexec"}))},
    "mount_shared_with_wal": {"home": replace(HOME, wal_device=2)},
    "space_low": {"home": spool(free_bytes=500 << 20)},
    "space_too_low": {"home": spool(free_bytes=1 << 20)},
    "inodes_low": {"home": spool(free_inodes=5_000)},
    "inodes_too_low": {"home": spool(free_inodes=5)},
    "supervisor_mute": {"home": replace(HOME, supervisor_answers=False)},
    "supervisor_away": {"home": replace(HOME, supervisor_held=False)},
    "server_old": {"server": replace(SERVER, version=140_010)},
    "server_new": {"server": replace(SERVER, version=190_000)},
    "server_read_only": {"server": replace(SERVER, read_only=True)},
    "schema_none": {"schema": Schema(applied=None, shipped=28)},
    "schema_old": {"schema": Schema(applied=22, shipped=28, missing=6)},
    "schema_newer": {"schema": Schema(applied=40, shipped=28)},
    "schema_edited": {"schema": Schema(applied=28, shipped=28, edited=["0001_log"])},
    "roles_missing": {"grants": replace(GRANTS, roles_missing=["conductor_service"])},
    "service_not_ours": {"grants": replace(GRANTS, may_become_service=False)},
    "owner_may_log_in": {"grants": replace(GRANTS, owner_may_log_in=True)},
    "role_is_superuser": {"grants": replace(GRANTS, superusers=["conductor_service"])},
    "role_may_write": {"grants": replace(GRANTS, report_may_write=["jobs"])},
    "functions_missing": {"grants": replace(GRANTS, functions_missing=["script(jobs)"])},
    "tables_unreadable": {"grants": replace(GRANTS, tables_unreadable=["jobs"])},
    "guards_off": {"grants": replace(GRANTS, guards_off=["events.events_append_only"])},
    "not_durable": {"server": with_settings(full_page_writes="off")},
    "statements_written": {"server": with_settings(log_min_error_statement="error")},
    "commits_asynchronous": {"server": with_settings(synchronous_commit="off")},
    "sessions_end": {"server": with_settings(statement_timeout="1000")},
    "isolation_other": {"server": with_settings(default_transaction_isolation="serializable")},
    "connections_too_few": {"server": with_settings(max_connections="10")},
    "connections_used_up": {"server": replace(SERVER, connections_free=1)},
    "pooler_between": {"server": replace(SERVER, pids_seen=2)},
    "notifications_lost": {"canary": Canary(heard_seconds=None, patience_seconds=3, queue_usage=0)},
    "notifications_slow": {"canary": Canary(heard_seconds=2.0, patience_seconds=3, queue_usage=0)},
    "notifications_pile_up": {"canary": Canary(heard_seconds=0.1, patience_seconds=3, queue_usage=0.8)},
    "clock_off": {"server": replace(SERVER, skew_seconds=-90.0)},
    "leader_never": {"cluster": replace(CLUSTER, leader=None)},
    "leader_gone": {"cluster": replace(CLUSTER, leader_silent_seconds=77.0)},
    "nodes_none": {"cluster": replace(CLUSTER, nodes=[], free_cpus=0)},
    "node_silent": {"cluster": node(silent_seconds=400.0)},
    "nodes_lost": {"cluster": replace(CLUSTER, nodes=[NODE, replace(NODE, name="n2", state="LOST")])},
    "node_clocks_untold": {"cluster": node(skew_seconds=None)},
    "node_clock_off": {"cluster": node(skew_seconds=-1.5)},
    "releases_differ": {"cluster": node(release="0.9")},
    "log_stands_still": {"cluster": replace(CLUSTER, newest_seconds=500.0, waiting=3)},
    "api_away": {"api": replace(API, refusal="nothing listens there", status=None)},
    "api_unreachable": {"api": replace(API, refusal="nothing"), "home": replace(HOME, running=False)},
    "api_token_refused": {"api": replace(API, status=401)},
    "api_token_untried": {"api": replace(API, status=None, token_unusable=True)},
    "api_no_token": {"api": replace(API, status=401, has_token=False)},
    "api_refused": {"api": replace(API, status=500, refused_because="broken")},
    "api_other_database": {"api": replace(API, positions=(9, 900, 9))},
    "api_plain": {"api": replace(API, url="http://far:8000", loopback=False)},
    "audit_warnings": {"audit": Audit(errors=0, warnings=2)},
    "audit_errors": {"audit": Audit(errors=1, warnings=0)},
}  # fmt: skip
AFTERWARDS = {"settings_refused": {"cpus_more_than_machine"}}


@pytest.mark.parametrize("code", BROKEN)
def test_each_fault_is_named_and_no_other(code: str) -> None:
    assert found(facts(**BROKEN[code])) - AFTERWARDS.get(code, set()) == {code}


def test_every_code_that_is_not_good_news_is_tried_here() -> None:
    others = {"notifications_unused", "pooler_polled", "not_looked", "no_settings", "no_database", "failed_to_look",
              "server_unreachable", "see_server", "see_schema", "see_api"}  # fmt: skip
    assert {code for code, entry in CATALOGUE.items() if entry.level != "ok"} == BROKEN.keys() | others


def test_listening_that_nobody_does_cannot_be_lost() -> None:
    lost = Canary(heard_seconds=None, patience_seconds=3, queue_usage=0)
    known = facts(settings={"poll_only": True}, canary=lost, server=replace(SERVER, pids_seen=2))
    assert found(known) == {"notifications_unused", "pooler_polled"}


def test_a_clock_is_not_blamed_for_a_slow_way() -> None:
    slow = replace(SERVER, skew_seconds=1.5, round_trip_seconds=2.0)
    assert found(facts(server=slow)) == set()


def test_what_cannot_be_looked_at_says_why_and_keeps_nothing_else_from_being_looked_at() -> None:
    away = dict.fromkeys(("server", "schema", "grants", "canary", "cluster", "api", "audit"))
    known = facts(**away, unknown={"check server": ("server_unreachable", {"why": "gone"})})
    lines = list(examine(known))
    assert {line.check.name for line in lines} == {check.name for check in CHECKS}
    codes = {line.check.name: line.verdict.code for line in lines}
    assert (codes["server"], codes["leader"], codes["home"]) == (
        "server_unreachable",
        "not_looked",
        "folder_ok",
    )


@pytest.mark.parametrize("code", CATALOGUE)
def test_both_languages_have_the_same_gaps_and_are_different_sentences(code: str) -> None:
    entry = CATALOGUE[code]
    gaps = [
        {name for _, name, _, _ in string.Formatter().parse(s) if name}
        for s in (entry.english, entry.chinese)
    ]
    assert gaps[0] == gaps[1]
    words = re.sub(r"{\w+}", "", entry.english)
    assert (
        not re.search("[a-z]{3}", words)
        or words.strip() in ("PostgreSQL", "Python")
        or (re.search(r"[\u4e00-\u9fff]", entry.chinese))
    )


@pytest.mark.parametrize("known", [facts(), *(facts(**change) for change in BROKEN.values())])
def test_every_gap_is_filled(known: Facts) -> None:
    for line in examine(known):
        entry = CATALOGUE[line.verdict.code]
        for one in (entry.english, entry.chinese, entry.command or ""):
            assert "{" not in filled(one, one, line.verdict.values, "en")


def test_the_document_has_every_code_with_its_level() -> None:
    text = (Path(__file__).parent.parent.parent / "docs/doctor.md").read_text("utf-8")
    rows = set(re.findall(r"^\| `(\w+)` \| (\w+) \|", text, re.MULTILINE))
    assert rows == {(code, entry.level.value) for code, entry in CATALOGUE.items() if entry.level != "ok"}


MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:50 / /data rw,noexec - nfs4 server:/data rw,vers=4
31 22 0:51 / /data/with\\040space rw - xfs /dev/sdb ro
"""


def test_a_folder_lies_on_the_mount_with_the_longest_path() -> None:
    assert mount_of(Path("/datafolder"), MOUNTS) == ("ext4", frozenset({"rw", "relatime"}))
    assert mount_of(Path("/data/x"), MOUNTS) == ("nfs4", frozenset({"rw", "noexec"}))
    assert mount_of(Path("/data/with space/x"), MOUNTS) == ("xfs", frozenset({"rw", "ro"}))


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0s"), (42, "42s"), (185, "3m 5s"), (7800, "2h 10m"), (442_800, "5d 3h"), (60, "1m")],
)
def test_ages_have_two_units(seconds: float, told: str) -> None:
    assert spoken(seconds) == told

"""Judgement of the database: its server, our schema, who may do what there, and its notifications. Pure."""

from collections.abc import Iterator

from conductor.database import OLDEST_SERVER
from conductor.doctor.facts import Facts, Grants
from conductor.doctor.verdict import Verdict, said

NEWEST_SERVER = 18
SLOW_SECONDS = 1.0
SKEW_SECONDS = 1.0
QUEUE_FULL = 0.5
# api, scheduler; each node's executor comes on top
PROCESSES_BESIDE_NODES = 2
LISTENING = 1  # connections of a process that are not of its pool
# What loses committed work or tears pages when the machine goes down.
DURABILITY = {"fsync": "on", "full_page_writes": "on"}
# By which statements, and the values in them, get into the server's log: what to set, and what does no harm either.
UNWRITTEN = {
    "log_min_error_statement": ("panic", "fatal"),
    "log_statement": ("none", "ddl"),
    "log_min_duration_statement": ("-1",),
}
# What ends sessions that are meant to stay, or statements that are meant to take their time.
ENDING = ("statement_timeout", "idle_session_timeout", "transaction_timeout")


def reachable(facts: Facts) -> Iterator[Verdict]:
    assert facts.server is not None
    version = f"{facts.server.version // 10_000}.{facts.server.version % 10_000}"
    major = facts.server.version // 10_000
    code = "server_old" if major < OLDEST_SERVER else "server_new" if major > NEWEST_SERVER else "server_ok"
    yield said(code, version=version)
    if facts.server.read_only:
        yield said("server_read_only")


def schema(facts: Facts) -> Iterator[Verdict]:
    found = facts.schema
    assert found is not None
    if found.applied is None:
        yield said("schema_none")
    elif found.applied > found.shipped:
        yield said("schema_newer", applied=found.applied, shipped=found.shipped)
    elif found.edited:
        yield said("schema_edited", names=list(found.edited))
    elif found.missing:
        yield said("schema_old", applied=found.applied, missing=found.missing)
    else:
        yield said("schema_ok", applied=found.applied)


def grants(facts: Facts) -> Iterator[Verdict]:
    found = facts.grants
    assert found is not None
    wrong = list(_wrong_grants(found))
    yield from wrong or [said("grants_ok", service=found.service)]


def _wrong_grants(found: Grants) -> Iterator[Verdict]:
    if found.roles_missing:
        yield said("roles_missing", roles=list(found.roles_missing))
        return
    if not found.may_become_service:
        yield said("service_not_ours", role=found.service)
    if found.owner_may_log_in:
        yield said("owner_may_log_in", role=found.owner)
    for role in found.superusers:
        yield said("role_is_superuser", role=role)
    report = found.service.removesuffix("_service") + "_report"
    for role, tables in ((found.service, found.service_may_write), (report, found.report_may_write)):
        if tables:
            yield said("role_may_write", role=role, tables=list(tables))
    if found.functions_missing:
        yield said("functions_missing", role=found.service, functions=list(found.functions_missing))
    if found.tables_unreadable:
        yield said("tables_unreadable", role=found.service, tables=list(found.tables_unreadable))
    if found.guards_off:
        yield said("guards_off", triggers=list(found.guards_off))


def statements(facts: Facts) -> Iterator[Verdict]:
    """Whether the server writes into its own log what was submitted."""
    assert facts.server is not None
    values = facts.server.settings
    written = [
        (name, wanted)
        for name, (wanted, *fine) in UNWRITTEN.items()
        if values.get(name, wanted) not in (wanted, *fine)
    ]
    for name, wanted in written:
        yield said("statements_written", name=name, value=values[name], wanted=wanted)
    if not written:
        yield said("statements_unwritten")


def durability(facts: Facts) -> Iterator[Verdict]:
    assert facts.server is not None
    values = facts.server.settings
    off = [name for name, wanted in DURABILITY.items() if values.get(name, wanted) != wanted]
    for name in off:
        yield said("not_durable", name=name)
    # `local` waits for this server's own disk, which is all that was promised.
    if values.get("synchronous_commit", "on") == "off":
        yield said("commits_asynchronous")
    elif not off:
        yield said("durable")


def sessions(facts: Facts) -> Iterator[Verdict]:
    assert facts.server is not None
    values = facts.server.settings
    ending = [f"{name} = {values[name]}" for name in ENDING if values.get(name, "0") != "0"]
    if ending:
        yield said("sessions_end", settings=ending)
    isolation = values.get("default_transaction_isolation", "read committed")
    if isolation != "read committed":
        yield said("isolation_other", isolation=isolation)
    if not ending and isolation == "read committed":
        yield said("sessions_ok")


def connections(facts: Facts) -> Iterator[Verdict]:
    assert facts.server is not None
    nodes = len(facts.cluster.nodes) if facts.cluster else 1
    each = facts.settings.database_pool_size + LISTENING
    wanted = (PROCESSES_BESIDE_NODES + max(1, nodes)) * each
    # Ours that are there already are among those that are not free: only the limit itself can be judged.
    limit = int(facts.server.settings.get("max_connections", "0"))
    named = {
        "wanted": wanted,
        "limit": limit,
        "free": facts.server.connections_free,
        "pool": each - LISTENING,
    }
    if limit and wanted > limit:
        yield said("connections_too_few", **named)
    elif facts.server.connections_free < each:
        yield said("connections_used_up", **named)
    else:
        yield said("connections_ok", **named)


def pooler(facts: Facts) -> Iterator[Verdict]:
    assert facts.server is not None
    if facts.server.pids_seen <= 1:
        yield said("pooler_none")
    else:
        yield said("pooler_polled" if facts.settings.poll_only else "pooler_between")


def notifications(facts: Facts) -> Iterator[Verdict]:
    found = facts.canary
    assert found is not None
    if facts.settings.poll_only:
        yield said("notifications_unused", poll=facts.settings.poll_seconds)
    elif found.heard_seconds is None:
        yield said("notifications_lost", patience=found.patience_seconds, poll=facts.settings.poll_seconds)
    elif found.heard_seconds > SLOW_SECONDS:
        yield said("notifications_slow", seconds=f"{found.heard_seconds:.1f}")
    else:
        yield said("notifications_ok", milliseconds=f"{found.heard_seconds * 1000:.1f}")
    if found.queue_usage > QUEUE_FULL:
        yield said("notifications_pile_up", percent=round(found.queue_usage * 100))


def clock(facts: Facts) -> Iterator[Verdict]:
    assert facts.server is not None
    skew = facts.server.skew_seconds
    # Half a round trip either way is as exact as it gets.
    sure = max(0.0, abs(skew) - facts.server.round_trip_seconds / 2)
    code = "clock_off" if sure > SKEW_SECONDS else "clock_ok"
    yield said(code, seconds=f"{skew:+.1f}" if code == "clock_off" else f"{skew:+.3f}")

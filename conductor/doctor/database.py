"""Facts of the database. Only looks, but for one notification on a channel of its own: the canary.

Promises: no connection outlives `Database`; nothing waits longer than a few seconds.
"""

import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from conductor.core.errors import ConductorError
from conductor.database import connect_error, load_queries
from conductor.doctor.facts import Canary, Cluster, Grants, NodeSeen, Schema, Server
from conductor.migrate import migrations

SQL = load_queries("conductor", "doctor/database.sql")

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 10
CANARY_SECONDS = 3.0

# What the service's role must be able to call, and the one table that it must not read.
CALLED_BY_THE_SERVICE = (
    *("commit_batch", "script", "take_leadership", "give_up_leadership", "renew_lease", "stop_accepting"),
    *("answer_output", "ask_for_output", "take_outputs", "wanted_outputs", "observe_node", "tell_clock"),
    *("position_at", "publish_metrics", "unsupervised"),
)
OUR_OWN_DOOR = "log_door"
GUARDS = ("events.events_append_only", "cluster.cluster_unchanging")

Connection = psycopg.Connection[dict[str, Any]]


class NotReached(ConductorError):
    """The server did not take a connection; the text has no password."""


class Database:
    """Two connections, as two services have them: one that listens and one that works."""

    def __init__(self, url: str, listening: Connection, working: Connection) -> None:
        self.url, self._listening, self._working = url, listening, working

    def server(self) -> Server:
        row = self._one("server")
        skew, round_trip = self._clock()
        return Server(
            **row,
            settings={one["name"]: one["setting"] for one in self._all("settings")},
            pids_seen=self._backends(),
            skew_seconds=skew,
            round_trip_seconds=round_trip,
        )

    def schema(self) -> Schema:
        shipped = {one.number: one for one in migrations()}
        newest = max(shipped)
        if not self._all("roles"):
            return Schema(applied=None, shipped=newest)
        applied = {int(row["number"]): str(row["sha256"]) for row in self._all("applied")}
        edited = [
            f"{number:04}_{one.name}"
            for number, one in shipped.items()
            if applied.get(number, one.sha256) != one.sha256
        ]
        return Schema(
            applied=max(applied, default=0),
            shipped=newest,
            missing=len(shipped.keys() - applied.keys()),
            edited=edited,
        )

    def grants(self) -> Grants:
        owner = str(self._one("roles")["pg_get_userbyid"])
        name = owner.removesuffix("_owner")
        service, report = f"{name}_service", f"{name}_report"
        known = {row["rolname"]: row for row in self._all("known_roles", roles=[owner, service, report])}
        missing = [role for role in (owner, service, report) if role not in known]
        about = Grants(service=service, owner=owner, owner_may_log_in=False, roles_missing=missing)
        if missing:
            return about
        of_service = {"owner": owner, "role": service}
        guards = [value for row in self._all("guards") for value in row.values()]
        return Grants(
            service=service,
            owner=owner,
            owner_may_log_in=bool(known[owner]["rolcanlogin"]),
            superusers=[role for role, row in known.items() if row["rolsuper"]],
            may_become_service=bool(self._one("may_become", role=service)["pg_has_role"]),
            service_may_write=self._names("may_write", **of_service),
            report_may_write=self._names("may_write", owner=owner, role=report),
            functions_missing=self._names("may_not_call", names=list(CALLED_BY_THE_SERVICE), **of_service),
            tables_unreadable=[n for n in self._names("may_not_read", **of_service) if n != OUR_OWN_DOOR],
            guards_off=[guard for guard in GUARDS if guard not in guards],
        )

    def canary(self, patience_seconds: float = CANARY_SECONDS) -> Canary:
        """Whether what one connection tells is heard by the other, and how soon."""
        channel = f"conductor_doctor_{secrets.token_hex(8)}"
        self._listening.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
        began = time.monotonic()
        self._one("notify", channel=channel)
        heard = list(self._listening.notifies(timeout=patience_seconds, stop_after=1))
        took = time.monotonic() - began
        self._listening.execute("UNLISTEN *")
        return Canary(
            heard_seconds=took if heard else None,
            patience_seconds=patience_seconds,
            queue_usage=float(self._one("queue_usage")["pg_notification_queue_usage"]),
        )

    def cluster(self) -> Cluster:
        return Cluster(**self._one("cluster"), nodes=[NodeSeen(**row) for row in self._all("nodes")])

    def head(self) -> int:
        return int(self._one("head")["coalesce"])

    def _backends(self) -> int:
        """How many backends one connection's statements ran in, while the other one holds on to the last."""
        seen = {self._one("backend")["pg_backend_pid"]}
        with self._listening.transaction():
            self._listening.execute(SQL["backend"])
            seen.add(self._one("backend")["pg_backend_pid"])
        return len(seen)

    def _clock(self) -> tuple[float, float]:
        """This machine's clock less the server's, by the quickest of a few answers."""
        tries = []
        for _ in range(3):
            sent, began = time.time(), time.monotonic()
            theirs = self._one("clock")["extract"]
            round_trip = time.monotonic() - began
            tries.append((round_trip, sent + round_trip / 2 - theirs))
        round_trip, skew = min(tries)
        return skew, round_trip

    def _one(self, query: str, **values: Any) -> dict[str, Any]:
        row = self._working.execute(SQL[query], values).fetchone()
        assert row is not None, query
        return row

    def _all(self, query: str, **values: Any) -> list[dict[str, Any]]:
        return self._working.execute(SQL[query], values).fetchall()

    def _names(self, query: str, **values: Any) -> list[str]:
        return [str(value) for row in self._all(query, **values) for value in row.values()]


@contextmanager
def open_database(url: str) -> Iterator[Database]:
    """Raises `NotReached` when it cannot be opened. Statements have a time limit, but what a session has by itself is
    looked at first."""
    with ExitStack() as held:
        try:
            listening, working = (
                held.enter_context(
                    psycopg.connect(
                        url, autocommit=True, connect_timeout=CONNECT_SECONDS, row_factory=dict_row
                    )
                )
                for _ in range(2)
            )
        except psycopg.Error as error:
            raise NotReached(connect_error(url, error)) from error
        yield Database(url, listening, working)

"""All parts on one machine, started in order, watched, and stopped in order.

Promises: when `running_system` gives a system, its API has answered that it is ready. The order of the end is
scheduler, executor, API, supervisor (only when it holds no job), PostgreSQL.

Refuses to know: terminals and signals.
"""

import http.client
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from urllib.parse import SplitResult, urlsplit

import psycopg

from conductor.core.errors import ConductorError
from conductor.core.said import Said, system_words
from conductor.embedded import EmbeddedPostgres, EmbeddedPostgresError
from conductor.home import Running, locked_home, publish, unpublish
from conductor.logfile import tail
from conductor.migrate import migrate
from conductor.settings import Settings, address_of, child_environment, read_or_make_token
from conductor.tls import own_context
from conductor.up.child import Child
from conductor.up.node import Supervisor
from projections.reshape import reshape

SERVICES = ("api", "scheduler", "executor")
STOP_ORDER = ("scheduler", "executor", "api")
READY_PATIENCE_SECONDS = 60.0
# A predecessor that was killed needs a moment until its API has let go of the port.
PORT_PATIENCE_SECONDS = 5.0
LOOK_EVERY_SECONDS = 0.05
# A server that cannot start (a full disk, say) is tried again at this pace.
SERVER_PAUSE_SECONDS = 5.0

Say = Callable[[str], None]


class UpError(ConductorError):
    """The system cannot be brought up; the text says why and what to do."""


class System:
    """A running system. Call `look` a few times a second; it keeps the parts running."""

    def __init__(self, settings: Settings, server: EmbeddedPostgres | None, say: Say) -> None:
        self.settings = settings
        self._server = server
        self._say = say
        self._server_at = 0.0
        logs = settings.home / "logs"
        logs.mkdir(mode=0o700, exist_ok=True)
        ours = child_environment(settings)
        self._children = {
            role: Child(role, _command_of(role), ours, logs / f"{role}.log") for role in SERVICES
        }
        self._supervisor = Supervisor(settings.spool)

    @property
    def api_url(self) -> str:
        """Where the API answers."""
        return address_of(self.settings)

    @property
    def pids(self) -> Mapping[str, int | None]:
        """The processes of the roles that are ours."""
        return {role: child.pid for role, child in self._children.items()}

    def look(self) -> None:
        """Start again what has died, and say so."""
        self._keep_the_server()
        lines = [self._supervisor.look(), *(child.look() for child in self._children.values())]
        for line in filter(None, lines):
            self._say(line)

    def wait_until_ready(self) -> None:
        """Return once the API says that it can work."""
        until = time.monotonic() + READY_PATIENCE_SECONDS
        while not self.is_ready():
            if time.monotonic() > until:
                raise UpError(Said("never_ready", url=self.api_url, words=self._last_words()))
            self.look()
            time.sleep(LOOK_EVERY_SECONDS)

    def is_ready(self) -> bool:
        """Whether the API says now that it can work."""
        return self.ask("GET", "/ready") == http.client.OK

    def ask(self, method: str, path: str) -> int | None:
        """One request to the API, for its status; None when nothing answers."""
        address = urlsplit(self.api_url)
        headers = {"Authorization": f"Bearer {read_or_make_token(self.settings)}"}
        with closing(_connection(address, self.settings)) as connection:
            try:
                connection.request(method, path, headers=headers)
                return connection.getresponse().status
            except (OSError, http.client.HTTPException):
                return None

    def running_job_ids(self) -> list[int]:
        """The jobs that have processes on this node."""
        query = "SELECT job_id FROM resource_allocations WHERE status = 'allocated' AND node_name = %s"
        try:
            with psycopg.connect(self.settings.database_url or "", connect_timeout=5) as connection:
                return [int(row[0]) for row in connection.execute(query, [self.settings.node_name])]
        except psycopg.Error:
            return []

    def stop(self, role: str) -> None:
        """End one of the services; it is not started again unless `look` is called."""
        self._children[role].stop()

    def stop_all(self) -> None:
        """End the services in order, and the supervisor when it has nothing to do. Jobs go on."""
        for role in STOP_ORDER:
            self.stop(role)
        # One that holds a job does not end, and need not be waited for.
        if not self.running_job_ids():
            self._supervisor.end_if_idle()

    def _keep_the_server(self) -> None:
        server = self._server
        if server is None or server.runs or time.monotonic() < self._server_at:
            return
        self._server_at = time.monotonic() + SERVER_PAUSE_SECONDS
        self._say("PostgreSQL ended; starting it again")
        try:
            server.stop()
            server.start()
        except EmbeddedPostgresError as error:
            self._say(f"PostgreSQL: {error}")

    def _last_words(self) -> str:
        logs = (tail(child.log) for child in self._children.values())
        return "".join(f"\n{words}" for words in logs if words)


@contextmanager
def running_system(settings: Settings, *, say: Say = lambda _: None) -> Iterator[System]:
    """A system that is ready, for the length of the block. Jobs that still run at its end go on."""
    with ExitStack() as held:
        held.enter_context(locked_home(settings.home))
        # What a predecessor that was killed left behind must not be taken for ours.
        unpublish(settings.home)
        server = None
        if settings.database_url is None:
            server = held.enter_context(EmbeddedPostgres(settings.home, say=say))
        database_url = settings.database_url or (server.url() if server else "")
        migrate(database_url, reshape)
        port = _checked_port(settings.api_host, settings.api_port)
        read_or_make_token(settings)
        settled = settings.model_copy(update={"database_url": database_url, "api_port": port})
        system = System(settled, server, say)
        held.callback(system.stop_all)
        system.wait_until_ready()
        # A URL that was given may hold a password, which stays where the user put it.
        publish(settings.home, Running(database_url=server.url() if server else None, api_url=system.api_url))
        held.callback(unpublish, settings.home)
        yield system


def _connection(address: SplitResult, settings: Settings) -> http.client.HTTPConnection:
    host = address.hostname or ""
    if settings.api_tls_cert is None:
        return http.client.HTTPConnection(host, address.port, timeout=5)
    context = own_context(settings.api_tls_cert)
    return http.client.HTTPSConnection(host, address.port, timeout=5, context=context)


def _command_of(role: str) -> list[str]:
    """A command line that names the role."""
    # -P: nothing in the current folder is taken for a module of ours.
    return [sys.executable, "-P", "-m", "conductor", role]


def _checked_port(host: str, port: int) -> int:
    """A port that can be listened on: the one asked for, or any free one for 0."""
    until = time.monotonic() + PORT_PATIENCE_SECONDS
    while True:
        try:
            return _try_port(host, port)
        except OSError as error:
            if time.monotonic() > until:
                why = system_words(error)
                raise UpError(Said("port_taken", host=host, port=port, why=why)) from error
        time.sleep(LOOK_EVERY_SECONDS)


def _try_port(host: str, port: int) -> int:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        return int(probe.getsockname()[1])

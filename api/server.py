"""The API as a process: uvicorn, which ends in order on SIGTERM and SIGINT.

Promises: an address that others can reach is refused unless something is said to protect the way to it; the token
never appears in a log.
"""

import gc
import signal
import socket
from urllib.parse import urlsplit

import structlog
import uvicorn
from starlette.applications import Starlette

from api.app import create_app
from api.guard.connections import BoundedProtocol
from api.guard.security import is_loopback
from conductor.core.said import Said, system_words
from conductor.crash_points import arm
from conductor.settings import Settings, SettingsError
from conductor.telemetry.log_lines import log_to
from conductor.telemetry.tracing import end_tracing, trace_to
from conductor.tls import server_context

logger = structlog.get_logger("api")

_DRAIN_SECONDS = 3  # whatever takes longer is told to come again


def serve(settings: Settings, database_url: str) -> int:
    """Serve until a signal says otherwise; the exit code."""
    refuse_exposure(settings)
    arm(settings.crash_at)
    log_to(settings, "api", database_url)
    trace_to(settings.otlp_endpoint, "api", settings.node_name)
    if settings.api_auth == "off":
        logger.warning(
            "auth.off", meaning="whoever reaches this machine's loopback may run anything as this user"
        )
    listening = listening_socket(settings.api_host.strip("[]"), settings.api_port)
    server = make_server(settings, database_url)
    host, port = listening.getsockname()[:2]
    logger.info("api.listening", host=host, port=port)
    _stop_on_signals(server)
    # What lives for ever is looked through no more; and rarely, because an array of ten thousand tasks makes half a
    # million objects that live until its answer: a third of the time that it took went into looking for garbage.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    server.run(sockets=[listening])
    end_tracing()
    return 0 if server.started else 1


def _stop_on_signals(server: uvicorn.Server) -> None:
    """Also for the moments before uvicorn listens to signals, and after, when it raises them once more."""

    def stop(_number: int, _frame: object) -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)


def listening_socket(host: str, port: int) -> socket.socket:
    """Bound before anything else is begun. Raises `SettingsError` when the address cannot be had."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise SettingsError(Said("address_taken", host=host, port=port, why=system_words(error))) from error
    # Inherited by accepted sockets. An answer is two writes, head and body; without this the second would wait
    # 40 ms for the first one's acknowledgement.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, app: Starlette) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Who follows the log or waits for a job is let go at once; uvicorn would wait for them."""
        self._app.state.engine.tail.close()
        self._app.state.engine.waits.close()
        await super().shutdown(sockets)


def make_server(settings: Settings, database_url: str) -> uvicorn.Server:
    app = create_app(settings, database_url)
    config = uvicorn.Config(
        app,
        host=settings.api_host.strip("[]"),
        port=settings.api_port,
        loop="asyncio",
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
        log_config=None,
    )
    config.load()
    if settings.api_tls_cert is not None and settings.api_tls_key is not None:
        config.ssl = server_context(settings.api_tls_cert, settings.api_tls_key)
    return _Server(config, app)


def refuse_exposure(settings: Settings) -> None:
    """Raises `SettingsError` for an address beyond loopback when nothing is said to protect the way to it."""
    encrypted = settings.url is not None and urlsplit(settings.url).scheme == "https"
    encrypted = encrypted or settings.api_tls_cert is not None
    if not (is_loopback(settings.api_host) or encrypted or settings.api_trusted_proxy):
        raise SettingsError(Said("exposed", host=settings.api_host))

"""The API as a process: uvicorn, which ends in order on SIGTERM and SIGINT.

Promises: an address that others can reach is refused unless something in front of it encrypts; the token never
appears in a log.
"""

from urllib.parse import urlsplit

import structlog
import uvicorn

from api.app import create_app
from api.security import is_loopback
from conductor.settings import Settings, SettingsError

logger = structlog.get_logger("api")

_DRAIN_SECONDS = 3  # long polls and followers end with the server; they come again


def serve(settings: Settings, database_url: str) -> int:
    """Serve until a signal says otherwise; the exit code."""
    refuse_exposure(settings)
    if settings.api_auth == "off":
        logger.warning("auth.off", meaning="whoever reaches this machine's loopback may run anything as this user")
    server = make_server(settings, database_url)
    server.run()
    return 0 if server.started else 1


def make_server(settings: Settings, database_url: str) -> uvicorn.Server:
    config = uvicorn.Config(
        create_app(settings, database_url),
        host=settings.api_host.strip("[]"),
        port=settings.api_port,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="on",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
        log_config=None,
    )
    return uvicorn.Server(config)


def refuse_exposure(settings: Settings) -> None:
    """Raises `SettingsError` for an address beyond loopback when nothing is said to encrypt the way to it."""
    encrypted = settings.url is not None and urlsplit(settings.url).scheme == "https"
    if not is_loopback(settings.api_host) and not encrypted and not getattr(settings, "api_exposed", False):
        raise SettingsError(
            f"CONDUCTOR_API_HOST={settings.api_host} can be reached by others and would carry tokens and "
            "scripts unencrypted; listen on 127.0.0.1, or put a TLS proxy in front and set CONDUCTOR_URL to "
            "its https:// address"
        )

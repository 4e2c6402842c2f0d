"""Finding the server that the settings name, and the token kept beside them."""

from typing import TYPE_CHECKING

from conductor.client.client import Client

if TYPE_CHECKING:
    from conductor.client.aio.client import AsyncClient
    from conductor.settings import Settings


def connect(settings: "Settings | None" = None, *, channel: str = "api") -> Client:
    """A client of the server that the settings name. Raises `SettingsError`."""
    settings, url, token = _found(settings)
    return Client(url, token, lang=settings.lang, channel=channel)


def connect_async(settings: "Settings | None" = None, *, channel: str = "api") -> "AsyncClient":
    """The same for programs with an event loop."""
    from conductor.client.aio.client import AsyncClient

    settings, url, token = _found(settings)
    return AsyncClient(url, token, lang=settings.lang, channel=channel)


def _found(settings: "Settings | None") -> "tuple[Settings, str, str | None]":
    from conductor.settings import api_url_of, load_settings, read_token

    settings = settings or load_settings()
    return settings, api_url_of(settings), read_token(settings)

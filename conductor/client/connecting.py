"""Finding the server that the settings name, the token kept beside them, and what proves that it is the right one."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from conductor.client.client import Client
from conductor.client.exchange import is_loopback

if TYPE_CHECKING:
    from ssl import SSLContext

    from conductor.client.aio.client import AsyncClient
    from conductor.settings import Settings


def connect(settings: "Settings | None" = None, *, channel: str = "api") -> Client:
    """A client of the server that the settings name. Raises `SettingsError` and `TlsError`."""
    settings, url, token = _found(settings)
    return Client(url, token, lang=settings.lang, channel=channel, verify=_verified_by(url, settings))


def connect_async(settings: "Settings | None" = None, *, channel: str = "api") -> "AsyncClient":
    """The same for programs with an event loop."""
    from conductor.client.aio.client import AsyncClient

    settings, url, token = _found(settings)
    return AsyncClient(url, token, lang=settings.lang, channel=channel, verify=_verified_by(url, settings))


def _found(settings: "Settings | None") -> "tuple[Settings, str, str | None]":
    from conductor.settings import api_url_of, load_settings, read_token

    settings = settings or load_settings()
    return settings, api_url_of(settings), read_token(settings)


def _verified_by(url: str, settings: "Settings") -> "SSLContext | None":
    """None where there is nothing to say: it is http://. The certificate of an API on this very home is known from its
    settings.
    """
    if urlsplit(url).scheme != "https":
        return None
    from conductor.tls import client_context, own_context

    if settings.tls_ca is None and settings.api_tls_cert is not None and is_loopback(url):
        return own_context(settings.api_tls_cert)
    return client_context(settings.tls_ca)

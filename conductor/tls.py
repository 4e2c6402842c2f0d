"""TLS, from both sides: 1.2 or newer, with the files that settings name.

Promises: a key that others can read is refused, and so is what is no certificate, each in one sentence. Refuses to
know what is sent.
"""

import re
import ssl
from pathlib import Path

from conductor.core.errors import ConductorError
from conductor.core.said import Said, system_words

_CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----[\x00-\x7f]*?-----END CERTIFICATE-----")


class TlsError(ConductorError):
    """A file of TLS cannot be used; the text says which and why."""


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """For a server that shows this certificate. Raises `TlsError`."""
    try:
        mode = key.stat().st_mode
    except OSError as error:
        raise TlsError(Said("key_unreadable", path=key, why=system_words(error))) from error
    if mode & 0o077:
        raise TlsError(Said("key_for_others", path=key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # An empty password: a key that is locked by one is refused, where OpenSSL would wait for a terminal.
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ssl.SSLError) as error:
        said = Said("no_certificate_and_key", certificate=certificate, key=key, why=_why(error))
        raise TlsError(said) from error
    return context


def client_context(trusted: Path | None) -> ssl.SSLContext:
    """For a client that trusts these certificates alone; None: the system's. Raises `TlsError`."""
    try:
        context = ssl.create_default_context(cafile=None if trusted is None else str(trusted))
    except (OSError, ssl.SSLError) as error:
        raise TlsError(Said("no_authorities", path=trusted, why=_why(error))) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def own_context(certificate: Path) -> ssl.SSLContext:
    """For a client on the server's own machine that has its certificate: this one, by whatever name it is called.

    Not the authorities that follow it in the file: whoever has another certificate of theirs is not the server. Raises
    `TlsError`.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        first = _CERTIFICATE.search(certificate.read_text("latin-1"))
        context.load_verify_locations(cadata=first[0] if first else "")
    except (OSError, ValueError) as error:
        why = _why(error) if isinstance(error, OSError) else str(error)
        raise TlsError(Said("no_certificate", path=certificate, why=why)) from error
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _why(error: OSError) -> str:
    return error.strerror or getattr(error, "reason", None) or type(error).__name__

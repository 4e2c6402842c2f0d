"""The API's own TLS: 1.2 or newer, for clients that trust its certificate; a key that others can read is refused."""

import socket
import ssl
import warnings
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import ValidationError

from api.server import make_server, refuse_exposure
from conductor.client import connect
from conductor.client.errors import Unreachable
from conductor.client.exchange import is_loopback
from conductor.settings import Settings, address_of
from conductor.tls import TlsError, own_context, server_context
from tests.fix_api import TOKEN, Api, api_settings, running_api

PASSWORD = b"locked"


def write_certificate(folder: Path, *, password: bytes | None = None) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "conductor test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    cert_path, key_path = folder / "api.crt", folder / "api.key"
    cert_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    key_path.write_bytes(key.private_bytes(pem, form, lock))
    key_path.chmod(0o600)
    return cert_path, key_path


def speaks(api: Api, version: ssl.TLSVersion) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the old version, which is the point
        context.minimum_version = context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    port = httpx.URL(api.url).port
    with socket.create_connection(("127.0.0.1", port)) as plain:
        try:
            with context.wrap_socket(plain):
                return True
        except (ssl.SSLError, ConnectionError):
            return False


def test_a_client_that_trusts_the_certificate_gets_in_and_no_other(home: Path, database_url: str) -> None:
    certificate, key = write_certificate(home)
    settings = api_settings(home, api_tls_cert=certificate, api_tls_key=key)
    with running_api(settings, database_url) as api:
        url = api.url.replace("http://", "https://")
        named = {"url": url, "api_token": TOKEN}
        with connect(Settings(home=home, tls_ca=certificate, **named)) as client:
            assert client.health().status
        with connect(settings.model_copy(update={"url": url})) as client:
            assert client.health().status, "on its own home the certificate is known"
        with connect(Settings(home=home, **named)) as client, pytest.raises(Unreachable, match="certificate"):
            client.health()
        assert speaks(api, ssl.TLSVersion.TLSv1_2)
        assert speaks(api, ssl.TLSVersion.TLSv1_3)
        assert not speaks(api, ssl.TLSVersion.TLSv1_1)
        assert server_context(certificate, key).minimum_version == ssl.TLSVersion.TLSv1_2
        with pytest.raises(httpx.TransportError):
            api.client.get("/health")  # not encrypted


def test_on_its_own_home_only_the_servers_own_certificate_is_trusted(home: Path, database_url: str) -> None:
    """Not another that the same authority signed, which somebody else on this machine may have."""
    (home / "other").mkdir()
    certificate, key = write_certificate(home)
    other, other_key = write_certificate(home / "other")
    chain = home / "chain.crt"
    chain.write_text(certificate.read_text() + other.read_text())  # the second as the authority
    settings = api_settings(home, api_tls_cert=other, api_tls_key=other_key)
    with running_api(settings, database_url) as api:
        url = api.url.replace("http://", "https://")
        client = connect(settings.model_copy(update={"url": url, "api_tls_cert": chain, "api_tls_key": key}))
        with client, pytest.raises(Unreachable, match="certificate"):
            client.health()
    with pytest.raises(TlsError, match="holds no certificate"):
        own_context(key)


def test_a_name_that_begins_like_loopback_is_not_loopback() -> None:
    assert [is_loopback(f"https://{host}/") for host in ("127.0.0.1", "localhost", "[::1]", "127.8.0.1")] == [
        True
    ] * 4
    assert not is_loopback("https://127.evil.example/")


def test_a_key_that_others_can_read_is_refused(home: Path) -> None:
    certificate, key = write_certificate(home)
    key.chmod(0o640)
    settings = api_settings(home, api_tls_cert=certificate, api_tls_key=key)
    with pytest.raises(TlsError, match="can be read by others"):
        make_server(settings, "postgresql://nowhere.invalid/x")


def test_what_is_no_key_is_refused_in_one_sentence(home: Path) -> None:
    certificate, key = write_certificate(home, password=PASSWORD)
    with pytest.raises(TlsError, match="without a password"):
        server_context(certificate, key)
    key.write_text("no key")
    with pytest.raises(TlsError, match="PEM"):
        server_context(certificate, key)
    with pytest.raises(TlsError, match="cannot read"):
        server_context(certificate, home / "nowhere")


def test_certificate_and_key_belong_together_and_open_an_address_to_others(home: Path) -> None:
    certificate, key = write_certificate(home)
    with pytest.raises(ValidationError, match="together"):
        Settings(home=home, api_tls_cert=certificate)
    open_to_all = Settings(
        home=home,
        api_host="0.0.0.0",  # noqa: S104 - never bound
        api_tls_cert=certificate,
        api_tls_key=key,
    )
    refuse_exposure(open_to_all)
    assert address_of(open_to_all) == "https://127.0.0.1:8000"

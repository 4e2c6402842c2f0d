"""Every setting, its default, and where it may be set. The only module that reads the environment.

Promises: environment over `$CONDUCTOR_HOME/conductor.toml` over `/etc/conductor/conductor.toml`; what is
wrong is said in one sentence that names the setting and the place it came from; a name nobody knows is an
error that offers the nearest known one. Settings never change after they are read.

Refuses to know: what the settings are for.
"""

import difflib
import os
import secrets
import site
import socket
import tomllib
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from conductor.core.errors import ConductorError
from conductor.core.said import Said, system_words
from conductor.home import create_private, find_running, make_home
from conductor.setting_names import UNPREFIXED, is_link_by_kubernetes, is_not_a_setting
from conductor.setting_values import (
    AbsolutePath,
    ApiToken,
    Count,
    CrashPoint,
    Gres,
    HostNames,
    HttpUrl,
    Labels,
    Limits,
    Port,
    PostgresUrl,
    RunAs,
    Seconds,
    is_token,
)

PREFIX = "CONDUCTOR_"
SITE_FILE = Path("/etc/conductor/conductor.toml")
HOME_FILE_NAME = "conductor.toml"
TOKEN_NAME = "api_token"  # noqa: S105 (the name of a file)


class SettingsError(ConductorError):
    """A setting is wrong or missing; the text says which, where it was found, and what to do."""


def default_home() -> Path:
    """Root runs Conductor for a machine, in /var/lib; anybody else for himself."""
    return Path("/var/lib/conductor") if os.geteuid() == 0 else Path.home() / ".conductor"


class Settings(BaseModel):
    """All of them, with their defaults. `load_settings` reads them from where users set them."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    home: AbsolutePath = Field(
        default_factory=default_home,
        description="The folder of this system: /var/lib/conductor for root, ~/.conductor for others.",
    )
    spool: AbsolutePath = Field(
        default_factory=lambda data: data["home"] / "spool",
        description="Scripts and outputs of jobs; default $CONDUCTOR_HOME/spool.",
    )
    output_keep_days: Annotated[int, Field(ge=0)] = Field(
        30, description="Days an ended job's output is kept; 0 is for ever."
    )
    database_url: PostgresUrl | None = Field(
        None, description="A PostgreSQL from 15 on; left out, `conductor up` runs its own."
    )
    database_pool_size: Annotated[int, Field(ge=1, le=1000)] = Field(
        4, description="Connections of one process."
    )
    api_host: str = Field("127.0.0.1", min_length=1, description="The address the API listens on.")
    api_port: Port = Field(8000, description="The port the API listens on; 0 takes a free one.")
    api_token: ApiToken | None = Field(
        None, description="The bearer token; left out, one is made and kept in the home."
    )
    api_auth: Literal["on", "off"] = Field(
        "on", description="`off` serves old clients without a token, on loopback only."
    )
    api_trusted_proxy: bool = Field(
        False,
        description="Says that others reach the API only through a proxy or a private network that protects the "
        "way; without it, an address beyond loopback is refused.",
    )
    api_hosts: HostNames = Field(
        "",
        description="Further names by which clients may call the API, `cluster.example.org,10.0.0.5`; a request for "
        "any other host is refused.",
    )
    api_tls_cert: AbsolutePath | None = Field(
        None, description="A certificate (PEM, with its chain): the API then speaks TLS, 1.2 or newer."
    )
    api_tls_key: AbsolutePath | None = Field(
        None, description="The key of that certificate; nobody but its owner may be able to read the file."
    )
    api_rate_limit: Count = Field(
        5000,
        description="Requests a second that one token may send, and twice as many at once; 0 is no limit.",
    )
    api_failure_limit: Count = Field(
        600,
        description="Wrong tokens a minute that one address may send, before it is told to wait; 0 is no limit.",
    )
    api_queue_limit: Count = Field(
        100_000,
        description="Jobs of one user that may wait at a time, except for administrators; 0 is no limit.",
    )
    url: HttpUrl | None = Field(None, description="Where clients find the API.")
    tls_ca: AbsolutePath | None = Field(
        None,
        description="Certificates (PEM) that clients trust instead of the system's, for an https:// address.",
    )
    poll_seconds: Seconds = Field(1.0, description="How often to look when no notification comes.")
    poll_only: bool = Field(
        False, description="Never listen for notifications (behind a transaction pooler)."
    )
    policy: Literal["first_fit", "strict_fifo", "backfill"] | None = Field(
        None,
        description="The order in which the queue is worked through at first: first_fit, strict_fifo or backfill; "
        "`conductor policy` changes it later.",
    )
    lease_seconds: Seconds = Field(30.0, description="How long a node is trusted without a word.")
    reservation_seconds: Seconds = Field(
        60.0, description="How long CPUs stay promised to a job that does not start."
    )
    kill_grace_seconds: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = Field(
        10.0, description="Time between SIGTERM and SIGKILL."
    )
    lang: Literal["en", "zh"] = Field(
        default_factory=lambda: _lang_of_locale(os.environ), description="Language of texts: en or zh."
    )
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="Log lines: json, console, or auto: console on a terminal, json elsewhere."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="What is logged.")
    otlp_endpoint: str | None = Field(None, description="Where traces go, with the extra `otel` installed.")
    run_as: RunAs = Field(
        "",
        description="Whose jobs an executor that is root runs as the account they name: identities and accounts, "
        "`admin:*;ops:alice,bob`; other jobs of `admin` run as the executor does, those of other tokens "
        "fail.",
    )
    limits: Limits = Field(
        "", description="What `ulimit` limits of every job, `nofile=65536,core=0`; -1 is unlimited."
    )
    output_limit_mb: Annotated[int, Field(ge=0)] = Field(
        10_240, description="MiB kept of each of a job's outputs; 0 is no limit."
    )
    job_prologue: AbsolutePath | None = Field(
        None, description="A site file that every job's shell sources first."
    )
    crash_at: CrashPoint | None = Field(
        None, description="For tests: where this process is to die (docs/development.md)."
    )
    node_name: Annotated[
        str, Field(min_length=1, max_length=255, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    ] = Field(
        default_factory=socket.gethostname,
        description="This node's name; default the host name.",
    )
    total_cpus: Annotated[int, Field(ge=1, le=65_536)] = Field(
        default_factory=lambda: len(os.sched_getaffinity(0)),
        description="CPUs this node offers; default those this process may use.",
    )

    node_memory_mb: Annotated[int, Field(ge=1, le=2**40)] | None = Field(
        None, description="MiB of memory this node offers; left out, all that the machine has."
    )
    node_labels: Labels = Field(
        "",
        description="Labels of this node that jobs may ask for, `zone=a,arch=arm64`; `arch` is there by itself.",
    )
    node_gres: Gres = Field(
        "",
        description="Generic resources of this node, names and counts: `gpu:4,fpga:1`. Nothing is guessed.",
    )

    @model_validator(mode="after")
    def _certificate_with_its_key(self) -> Self:
        if (self.api_tls_cert is None) != (self.api_tls_key is None):
            raise ValueError(
                "CONDUCTOR_API_TLS_CERT and CONDUCTOR_API_TLS_KEY are set together or not at all"
            )
        return self

    @model_validator(mode="after")
    def _without_a_token_only_on_loopback(self) -> Self:
        if self.api_auth == "off" and not _is_loopback(self.api_host):
            raise ValueError(
                f"CONDUCTOR_API_AUTH=off is for loopback only, and the API listens on {self.api_host}"
            )
        return self


def load_settings(
    environ: Mapping[str, str] | None = None, *, site_file: Path = SITE_FILE, **overrides: object
) -> Settings:
    """The settings of this process. `overrides` (options of a command line) win over everything."""
    environ = os.environ if environ is None else environ
    found = _from_environment(environ)
    at_site = _from_file(site_file)
    home = overrides.get("home") or _first(found, at_site, "home") or default_home()
    in_home = _from_file(Path(str(home)).expanduser() / HOME_FILE_NAME)
    if "home" in in_home:
        raise SettingsError(Said("home_in_home", place=in_home["home"].place))
    given = {
        name: _Found(value, Said("on_command_line")) for name, value in overrides.items() if value is not None
    }
    lang = {"lang": _Found(_lang_of_locale(environ), Said("by_locale"))}
    return _checked({**lang, **at_site, **in_home, **found, **given})


def language_in_sight() -> Literal["en", "zh"]:
    """For a sentence about settings that cannot be read."""
    return "zh" if (os.environ.get("CONDUCTOR_LANG") or _lang_of_locale(os.environ)) == "zh" else "en"


def api_url_of(settings: Settings) -> str:
    """Where a client finds the API: as set, else the system that runs on this home, else the default."""
    if settings.url is not None:
        return settings.url
    running = find_running(settings.home)
    if running is not None:
        return running.api_url
    return address_of(settings)


def address_of(settings: Settings) -> str:
    """Where the API that these settings start answers on this machine."""
    host = "127.0.0.1" if settings.api_host in ("0.0.0.0", "::") else settings.api_host  # noqa: S104 (compared, not bound)
    scheme = "http" if settings.api_tls_cert is None else "https"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.api_port}"


def database_url_of(settings: Settings) -> str:
    """What was set, else the embedded server that `conductor up` runs on this home."""
    if settings.database_url is not None:
        return settings.database_url
    running = find_running(settings.home)
    if running is None or running.database_url is None:
        raise SettingsError(Said("no_database", home=settings.home))
    return running.database_url


def read_token(settings: Settings) -> str | None:
    """The API's bearer token, if there is one yet."""
    if settings.api_token is not None:
        return settings.api_token.get_secret_value()
    path = settings.home / TOKEN_NAME
    try:
        if path.stat().st_mode & 0o077:
            raise SettingsError(Said("token_for_others", path=path))
        token = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(Said("token_unreadable", path=path, why=error)) from error
    if not is_token(token):  # an empty one would be what a request without a token sends
        raise SettingsError(Said("token_empty", path=path))
    return token


def read_or_make_token(settings: Settings) -> str:
    """The API's bearer token, made now when there is none. Two that make one at once end with the same."""
    token = read_token(settings)
    if token is not None:
        return token
    make_home(settings.home)
    made = secrets.token_urlsafe(32)
    try:
        create_private(settings.home / TOKEN_NAME, made + "\n")
    except FileExistsError:
        return read_token(settings) or made
    return made


def child_environment(settings: Settings) -> dict[str, str]:
    """The environment in which another process of ours reads these same settings, secrets included."""
    ours = {name: _as_text(value) for name, value in settings if value is not None}
    return _plain_environment() | {variable_of(name): value for name, value in ours.items()}


def _plain_environment() -> dict[str, str]:
    """What is in the environment besides settings."""
    theirs = {key: value for key, value in os.environ.items() if key not in UNPREFIXED.values()}
    project = str(Path(__file__).parent.parent)
    if project not in site.getsitepackages():
        # A process of ours runs this same code, also where it is not installed.
        theirs["PYTHONPATH"] = os.pathsep.join(filter(None, (project, theirs.get("PYTHONPATH"))))
    return {key: value for key, value in theirs.items() if not key.startswith(PREFIX)}


class _Found:
    """A value and the place it was found in, for the sentence that refuses it."""

    __slots__ = ("place", "value")

    def __init__(self, value: object, place: str) -> None:
        self.value = value
        self.place = place


def _from_environment(environ: Mapping[str, str]) -> dict[str, _Found]:
    known = {variable_of(name): name for name in Settings.model_fields}
    found: dict[str, _Found] = {}
    for variable, value in environ.items():
        if variable not in known:
            if variable.startswith(PREFIX) and not is_not_a_setting(variable, value):
                place = Said("in_environment", name=variable)
                raise SettingsError(Said("no_setting", place=place, nearest=_nearest(variable, known)))
        elif value and not is_link_by_kubernetes(variable, value):
            found[known[variable]] = _Found(value, Said("in_environment", name=variable))
    return found


def _from_file(path: Path) -> dict[str, _Found]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except PermissionError as error:
        raise SettingsError(Said("settings_not_yours", path=path, why=system_words(error))) from error
    except (OSError, ValueError) as error:
        raise SettingsError(Said("settings_unreadable", path=path, why=error)) from error
    for name in values:
        if name not in Settings.model_fields:
            place = Said("in_file", name=name, path=path)
            raise SettingsError(
                Said("no_setting", place=place, nearest=_nearest(name, Settings.model_fields))
            )
    return {name: _Found(value, Said("in_file", name=name, path=path)) for name, value in values.items()}


def _checked(found: Mapping[str, _Found]) -> Settings:
    try:
        return Settings(**{name: one.value for name, one in found.items()})
    except ValidationError as error:
        each = [_sentence(one, found) for one in error.errors()]
        raise SettingsError(Said("settings_wrong", each=each)) from None


def _sentence(error: Any, found: Mapping[str, _Found]) -> str:
    """One complaint of pydantic's as a sentence of ours. The value is left out: it may be a secret."""
    name = str(error["loc"][0]) if error["loc"] else ""
    said = str(error["msg"]).removeprefix("Value error, ")
    place = found[name].place if name in found else variable_of(name) if name else ""
    return Said("setting_wrong", place=place, said=f"{said[0].lower()}{said[1:]}") if place else said


def _nearest(name: str, known: Iterable[str]) -> str:
    # The prefix is left out of the comparison: it would make every name look like every other.
    by_bare_name = {one.removeprefix(PREFIX): one for one in known}
    near = difflib.get_close_matches(name.removeprefix(PREFIX), by_bare_name, n=1, cutoff=0.0)
    return by_bare_name[near[0]]


def _first(found: Mapping[str, _Found], site: Mapping[str, _Found], name: str) -> object:
    return found[name].value if name in found else site[name].value if name in site else None


def variable_of(name: str) -> str:
    """The environment variable that sets it."""
    return UNPREFIXED.get(name, PREFIX + name.upper())


def _as_text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(value).lower() if isinstance(value, bool) else str(value)


def _lang_of_locale(environ: Mapping[str, str]) -> Literal["en", "zh"]:
    named = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    return "zh" if named.lower().startswith("zh") else "en"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"

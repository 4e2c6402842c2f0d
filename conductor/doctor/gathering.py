"""Everything that can be found out from here, gathered; what cannot, with the reason.

Promises: never raises for what a system may have wrong with it; each part that fails costs only what rests on it.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psycopg

import conductor
from conductor.doctor.database import Database, NotReached, open_database
from conductor.doctor.environment import read_environment
from conductor.doctor.facts import Environment, Facts
from conductor.doctor.machine import read_home, read_machine
from conductor.doctor.server import read_api
from conductor.settings import Settings, SettingsError, database_url_of

Unknown = dict[str, tuple[str, dict[str, object]]]
OF_THE_DATABASE = ("server", "schema", "grants", "canary", "cluster")


def gather(environment: Environment | None = None) -> Facts:
    environment = environment or read_environment()
    settings = environment.settings
    if settings is None:
        names = ("home", *OF_THE_DATABASE, "api", "audit")
        unknown: Unknown = {name: ("no_settings", {}) for name in names}
        facts = Facts(release=conductor.__version__, environment=environment, unknown=unknown)
        return replace(facts, machine=read_machine(Settings()))
    unknown = {}
    found: dict[str, Any] = {"machine": read_machine(settings)}
    _look("home", lambda: read_home(settings), found, unknown)
    _look_into_the_database(settings, found, unknown)
    return Facts(release=conductor.__version__, environment=environment, unknown=unknown, **found)


def _look(name: str, look: Callable[[], Any], found: dict[str, Any], unknown: Unknown) -> None:
    try:
        found[name] = look()
    except (OSError, psycopg.Error) as error:
        unknown[name] = ("failed_to_look", {"why": " ".join(str(error).split())})


def _look_into_the_database(settings: Settings, found: dict[str, Any], unknown: Unknown) -> None:
    """And at the API, whose log is compared with the database's."""
    try:
        url = database_url_of(settings)
        with open_database(url) as database:
            _look_at_all(database, found, unknown)
            known = "cluster" in found
            _look_at_the_api(settings, lambda: _head(database) if known else None, found, unknown)
            return
    except SettingsError:
        unknown.update({name: ("no_database", {"home": settings.home}) for name in OF_THE_DATABASE})
    except NotReached as error:
        unknown.update({name: ("see_server", {}) for name in OF_THE_DATABASE})
        unknown["check server"] = ("server_unreachable", {"why": error})
    _look_at_the_api(settings, lambda: None, found, unknown)


def _head(database: Database) -> int | None:
    try:
        return database.head()
    except psycopg.Error:
        return None  # lost meanwhile: nothing to compare with


def _look_at_all(database: Database, found: dict[str, Any], unknown: Unknown) -> None:
    for name in ("server", "schema", "canary"):
        _look(name, getattr(database, name), found, unknown)
    schema = found.get("schema")
    if schema is None or schema.applied is None:
        unknown.update({name: ("see_schema", {}) for name in ("grants", "cluster")})
        return
    _look("grants", database.grants, found, unknown)
    if schema.applied < schema.shipped:
        unknown["cluster"] = ("see_schema", {})
    else:
        _look("cluster", database.cluster, found, unknown)


def _look_at_the_api(
    settings: Settings, head: Callable[[], int | None], found: dict[str, Any], unknown: Unknown
) -> None:
    found["api"], audit = read_api(settings, head)
    if audit is None:
        unknown["audit"] = ("see_api", {})
    else:
        found["audit"] = audit

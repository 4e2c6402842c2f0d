"""What the environment says: the settings with the place of each, the locale, and proxies on the way to the API.

Besides `conductor/settings.py` the only reader of the environment; no value of a setting leaves it.
"""

import locale
import os
import tomllib
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from conductor.doctor.facts import Environment
from conductor.doctor.judging_machine import is_loopback
from conductor.setting_names import UNPREFIXED
from conductor.settings import (
    HOME_FILE_NAME,
    PREFIX,
    SITE_FILE,
    Settings,
    SettingsError,
    api_url_of,
    load_settings,
)

PROXIES = ("http_proxy", "https_proxy", "all_proxy")


def read_environment(environ: Mapping[str, str] | None = None, *, site_file: Path = SITE_FILE) -> Environment:
    """Never raises: what is wrong with the settings is a fact."""
    environ = os.environ if environ is None else environ
    settings, refusal = None, None
    try:
        settings = load_settings(environ, site_file=site_file)
    except (SettingsError, OSError, RuntimeError) as error:  # a home that cannot be found at all is the last
        refusal = str(error)
    names = [name for name in environ if name.lower() in PROXIES and environ[name]]
    return Environment(
        settings=settings,
        refusal=refusal,
        places=_places(settings, environ, site_file) if settings else {},
        encoding=locale.getencoding(),
        proxies=sorted(names),
        proxied=settings is not None and bool(names) and _goes_through_one(api_url_of(settings)),
    )


def _places(settings: Settings, environ: Mapping[str, str], site_file: Path) -> dict[str, str]:
    """By setting, the place that won."""
    in_home = settings.home / HOME_FILE_NAME
    places = {}
    for file in (site_file, in_home):
        places.update({name: f"{name} in {file}" for name in _names_in(file)})
    for name in Settings.model_fields:
        variable = UNPREFIXED.get(name, PREFIX + name.upper())
        if environ.get(variable):
            places[name] = variable
    return dict(sorted(places.items()))


def _names_in(file: Path) -> list[str]:
    try:
        return [*tomllib.loads(file.read_text(encoding="utf-8"))]
    except (OSError, ValueError):
        return []  # refused, or not there


def _goes_through_one(url: str) -> bool:
    parts = urlsplit(url)
    if is_loopback(parts.hostname or ""):
        return False  # our client never uses one there
    found = urllib.request.getproxies_environment()
    used = found.get(parts.scheme) or found.get("all")
    return bool(used) and not urllib.request.proxy_bypass(parts.hostname or "")

"""The kinds of values that settings have, each with the check that guards it.

Promises: what is wrong is a `ValueError` that says how it must look, and never repeats the value: it may be a secret.
"""

import os
import re
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from conductor import crash_points
from conductor.core.job_rights import parse_limits, parse_run_as
from conductor.core.resource_texts import parsed_gres, parsed_labels

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9a-fA-F:.]+\]")


def host_names(text: str) -> frozenset[str]:
    """`cluster.example.org, 10.0.0.5`: names without ports, in lower case. Raises `ValueError`."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if any(not _HOST.fullmatch(name) for name in names):
        raise ValueError("must be names or addresses without ports, with commas between; [::1] in brackets")
    return frozenset(name.lower() for name in names)


def _labels(text: str) -> str:
    parsed_labels(text)
    return text


def _gres(text: str) -> str:
    parsed_gres(text)
    return text


def _run_as(text: str) -> str:
    parse_run_as(text)
    return text


def _limits(text: str) -> str:
    parse_limits(text)
    return text


def _hosts(text: str) -> str:
    host_names(text)
    return text


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 (links stay as named)


def _postgres_url(url: str) -> str:
    if urlsplit(url).scheme not in ("postgresql", "postgres"):
        raise ValueError("must begin with postgresql://")
    return url


def _http_url(url: str) -> str:
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
        raise ValueError("must begin with http:// or https:// and name a host")
    return url.rstrip("/")


def is_token(text: str) -> bool:
    """Whether it can be guessed by nobody who is not given it, and sent in a header."""
    return re.fullmatch(r"[\x21-\x7e]{16,}", text) is not None


def _fits_a_header(token: SecretStr) -> SecretStr:
    if not is_token(token.get_secret_value()):
        raise ValueError("must be at least 16 visible ASCII characters, without spaces")
    return token


Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Port = Annotated[int, Field(ge=0, le=65_535)]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
Labels = Annotated[str, AfterValidator(_labels)]
Gres = Annotated[str, AfterValidator(_gres)]
RunAs = Annotated[str, AfterValidator(_run_as)]
Limits = Annotated[str, AfterValidator(_limits)]
HostNames = Annotated[str, AfterValidator(_hosts)]
CrashPoint = Annotated[str, AfterValidator(crash_points.checked)]
PostgresUrl = Annotated[str, AfterValidator(_postgres_url)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
ApiToken = Annotated[SecretStr, AfterValidator(_fits_a_header)]

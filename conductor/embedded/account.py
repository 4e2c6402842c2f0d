"""The user who runs the server.

Promises: PostgreSQL never runs as root. For anybody else it runs as himself; for root, as a dedicated system
user that is made when it is missing, or as whoever owns the data that is there already.

Refuses to know: folders and programs.
"""

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from conductor.core.errors import ConductorError

SYSTEM_USER = "conductor-postgres"
LAST_RESORT = "nobody"

Say = Callable[[str], None]


class EmbeddedPostgresError(ConductorError):
    """The embedded server cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user of this machine."""

    name: str
    uid: int
    gid: int

    @property
    def is_this_one(self) -> bool:
        """Whether this process already is that user."""
        return self.uid == os.geteuid()

    @property
    def to_drop_to(self) -> tuple[int, int] | None:
        """What a process of ours must become, if anything."""
        return None if self.is_this_one else (self.uid, self.gid)


def account_for(data: Path, say: Say) -> Account:
    """Who runs, or will run, the server on this data folder."""
    if os.geteuid() != 0:
        return _of_uid(os.geteuid())
    if data.is_dir() and data.stat().st_uid != 0:
        return _of_uid(data.stat().st_uid)
    return _system_user(say)


def _of_uid(uid: int) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise EmbeddedPostgresError(
            f"user {uid} has no entry in /etc/passwd, and PostgreSQL refuses to run for a user without one; "
            "add one, run as another user, or set CONDUCTOR_DATABASE_URL"
        ) from None
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)


def _system_user(say: Say) -> Account:
    known = _by_name(SYSTEM_USER)
    if known is None:
        _make_system_user()
        known = _by_name(SYSTEM_USER)
    if known is None:
        say(f"cannot make a system user `{SYSTEM_USER}` here; the database runs as `{LAST_RESORT}`")
        known = _by_name(LAST_RESORT)
    if known is None or known.uid == 0:
        raise EmbeddedPostgresError(
            "PostgreSQL refuses to run as root, and this machine has neither `useradd` nor a user "
            f"`{SYSTEM_USER}`; make that user, run as an ordinary user, or set CONDUCTOR_DATABASE_URL"
        )
    return known


def _by_name(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)


def _make_system_user() -> None:
    # /usr/sbin is not on every root's PATH.
    useradd = shutil.which("useradd") or shutil.which("useradd", path="/usr/sbin:/sbin")
    if useradd is None:
        return
    options = [
        "--system",
        "--user-group",
        "--no-create-home",
        "--home-dir",
        "/nonexistent",
        "--shell",
        "/bin/false",
    ]
    # Two that start at once may both try; the one that comes second finds the user made.
    subprocess.run(
        [useradd, *options, SYSTEM_USER], capture_output=True, check=False, stdin=subprocess.DEVNULL
    )

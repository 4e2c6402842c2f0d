"""Where the server's data, configuration and socket live.

Promises: in the home when the server's user can reach it, else in a folder of ours under /var/lib; data that
exists is found again wherever it is. A folder that we did not make keeps its mode. The socket lies in a
folder that only the server's user (and root) can enter, on a path short enough for a socket; a folder someone
else made there is refused.

Refuses to know: how the server is configured and run.
"""

import hashlib
import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from conductor.embedded.account import Account, EmbeddedPostgresError, Say

OUTSIDE = Path("/var/lib/conductor-postgres")
SHORT = Path("/tmp")  # noqa: S108 (only a folder of our own in it, whose owner and mode are checked)
PORT = 5432  # a part of the socket's name, and nothing else: the server listens on no network
SOCKET_NAME = f".s.PGSQL.{PORT}"
LONGEST_SOCKET_PATH_BYTES = 107
# Beyond these a list of folders in the configuration, or a host in a URL, would need quoting somewhere.
PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")


@dataclass(frozen=True, slots=True)
class Place:
    """The folder of one embedded server."""

    folder: Path

    @property
    def data(self) -> Path:
        """PostgreSQL's own folder; belongs to the server's user."""
        return self.folder / "data"

    @property
    def draft_data(self) -> Path:
        """Where a new data folder is made before it is given its name."""
        return self.folder / "data.new"

    @property
    def config(self) -> Path:
        """The configuration; belongs to the user of this process, so that the server cannot change it."""
        return self.folder / "config"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.folder / "postgres.log"


def find_place(home: Path) -> Place | None:
    """Where data of this home is kept already."""
    for place in _candidates(home):
        if (place.data / "PG_VERSION").exists():
            return place
    return None


def choose_place(home: Path, account: Account, say: Say) -> Place:
    """Where the data of this home is, or will be. Makes the folders."""
    inside, outside = _candidates(home)
    place = find_place(home) or (inside if account.is_this_one or _reaches(account, home) else outside)
    if place == outside:
        say(f"{home} cannot be reached by user `{account.name}`; the database is kept in {place.folder}")
        outside_folder()
    _make(place.folder, 0o700 if account.is_this_one else 0o711)
    _make(place.config, 0o700 if account.is_this_one else 0o755)
    if not account.is_this_one and not _reaches(account, place.folder):
        raise EmbeddedPostgresError(
            f"the database in {place.folder} belongs to user `{account.name}`, who cannot reach it any more; "
            f"let others pass the folders above it again (chmod o+x), or set CONDUCTOR_DATABASE_URL"
        )
    return place


def outside_folder() -> Path:
    """The folder under /var/lib in which root keeps what another user must reach."""
    _make(OUTSIDE, 0o711)
    found = OUTSIDE.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise EmbeddedPostgresError(f"{OUTSIDE} is not a folder that root alone may write; remove it")
    return OUTSIDE


def make_private(folder: Path, account: Account) -> None:
    """A new folder that belongs to the server's user alone; one that is there must already be so."""
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        os.chown(folder, account.uid, account.gid)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != account.uid or found.st_mode & 0o077:
        raise EmbeddedPostgresError(
            f"{folder} is there already and is not a private folder of user `{account.name}`; "
            "someone else made it: remove it, or set CONDUCTOR_HOME to another folder"
        )


def make_socket_folder(place: Place, home: Path, account: Account) -> Path:
    """Where clients find the server: beside its data when that path is short and plain, else in /tmp."""
    beside = place.folder / "socket"
    name = f"conductor-{account.uid}-{_mark(home)}"
    folder = beside if _fits_a_socket(beside) else SHORT / name
    make_private(folder, account)
    return folder


def _candidates(home: Path) -> tuple[Place, Place]:
    return Place(home / "postgres"), Place(OUTSIDE / _mark(home))


def _mark(home: Path) -> str:
    return hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:12]


def _fits_a_socket(folder: Path) -> bool:
    path = os.fspath(folder / SOCKET_NAME)
    return len(os.fsencode(path)) <= LONGEST_SOCKET_PATH_BYTES and PLAIN_PATH.fullmatch(path) is not None


def _reaches(account: Account, folder: Path) -> bool:
    """Whether the user may pass every folder on the way, by owner and mode alone: a group may be left."""
    return all(_passes(account, one.stat()) for one in (folder.resolve(), *folder.resolve().parents))


def _passes(account: Account, found: os.stat_result) -> bool:
    return bool(found.st_mode & (0o100 if found.st_uid == account.uid else 0o001))


def _make(folder: Path, mode: int) -> None:
    try:
        folder.mkdir(mode=mode)
        folder.chmod(mode)  # ours, just made: whatever the umask took is given back
    except FileExistsError:
        pass
    except OSError as error:
        raise EmbeddedPostgresError(f"cannot make the folder {folder}: {error.strerror}") from error

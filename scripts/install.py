"""Make the virtual environment of a clone: the packages of a lock file, and a link to the clone itself.

    install.py PROJECT ENVIRONMENT run|test STAMP [BUNDLE]

Promises: one installation at a time; the stamp is written last: an interrupted one is done again; only what
the lock file names is installed, hashes checked. The clone is linked by a path file, not built: this needs no
build tool and writes nothing into it, and a changed line is in force at once. With a bundle (`scripts/bundled.py`)
nothing is asked of any network.

Standard library only: it runs before anything is installed.
"""

import fcntl
import os
import subprocess
import sys
import venv
from pathlib import Path

LOCK_FILES = {"run": "requirements.lock", "test": "requirements-dev.lock"}
COMMAND = """#!/bin/sh
exec "$(dirname -- "$(readlink -f -- "$0")")/python" -P -m conductor "$@"
"""


def main(project: Path, environment: Path, purpose: str, stamp: str, bundle: str = "") -> int:
    """Install, unless another process has just done it."""
    try:
        environment.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(f"{environment}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        return _refuse(
            f"cannot install into {environment}: {error.strerror}",
            f"无法安装到 {environment}：{error.strerror}",
        )
    fcntl.flock(lock, fcntl.LOCK_EX)
    mark = environment / f".installed-{purpose}"
    if mark.is_file() and mark.read_text() == stamp and (environment / "bin/python").exists():
        return 0
    print(f"Conductor: installing into {environment} (once) / 正在安装（仅此一次）……", file=sys.stderr)
    return _install(project, environment, purpose, stamp, bundle)


def _install(project: Path, environment: Path, purpose: str, stamp: str, bundle: str) -> int:
    source = []
    lock_files = {kind: project / name for kind, name in LOCK_FILES.items()}
    if bundle:
        sys.dont_write_bytecode = True  # nothing is written into the clone
        sys.path.insert(0, str(project))
        from scripts.bundled import BundleRefused, check, this_machine

        try:
            wheels = check(Path(bundle), lock_files, purpose, this_machine())
        except BundleRefused as error:
            return _refuse(error.english, error.chinese)
        source = ["--no-index", "--find-links", str(wheels)]
    venv.EnvBuilder(clear=True, symlinks=True, with_pip=True).create(environment)
    if not _download(environment / "bin/python", lock_files[purpose], source):
        return _refuse("the installation failed; see above", "安装失败，原因见上")
    _link(project, environment)
    for done in {purpose, "run"}:
        (environment / f".installed-{done}").write_text(stamp)
    return 0


def _download(python: Path, lock_file: Path, source: list[str]) -> bool:
    options = ["-qq", "--disable-pip-version-check", "--no-input", "--no-deps", "--require-hashes", *source]
    pip = [str(python), "-I", "-m", "pip", "install", *options, "-r", str(lock_file)]
    # A user's own `PIP_USER=1` cannot work in a virtual environment.
    environ = {**os.environ, "PIP_USER": "0"}
    return subprocess.run(pip, env=environ, stdin=subprocess.DEVNULL, check=False).returncode == 0


def _link(project: Path, environment: Path) -> None:
    (packages,) = environment.glob("lib/python3*/site-packages")
    (packages / "conductor-project.pth").write_bytes(os.fsencode(project) + b"\n")
    command = environment / "bin/conductor"
    command.write_text(COMMAND)
    command.chmod(0o755)


def _refuse(english: str, chinese: str) -> int:
    print(f"Conductor: {english}.\nConductor：{chinese}。", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]))

"""Make a bundle (`scripts/bundled.py` says what that is): the wheels that a lock file names, for another machine.

Promises: every wheel has a hash of the lock file; a folder that is there under its name is whole. Nothing is built but
this project's own wheel, and that in a copy: the clone stays as it is.
"""

import argparse
import json
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import Any

from scripts.bundled import FORMAT, MANIFEST, WHEELS, sha256_of

LOCK_FILES = {"run": "requirements.lock", "test": "requirements-dev.lock"}
OWN_SOURCES = ("conductor", "api", "projections", "migrations", "pyproject.toml", "README.md", "LICENSE")
PLATFORMS = ("aarch64", "x86_64")
# The oldest glibc that wheels are named after. pip takes manylinux2014 for 2.17 and so on by itself.
OLDEST_MINOR = {"aarch64": 17, "x86_64": 5}
DEFAULT_GLIBC = "2.28"  # RHEL 8, openEuler 20.03, Debian 10
PIP = [sys.executable, "-I", "-m", "pip", "-qq", "--disable-pip-version-check", "--no-input"]


def main(project: Path, words: list[str]) -> int:
    wanted = _options().parse_args(words)
    version = _version(project)
    folder = Path(wanted.output or f"conductor-{version}-{wanted.platform}").absolute()
    if folder.exists():
        print(f"bundle: {folder} is there already; remove it, or name another --output", file=sys.stderr)
        return 1
    pythons = list(dict.fromkeys(wanted.python or ["{}.{}".format(*sys.version_info[:2])]))
    folder.parent.mkdir(parents=True, exist_ok=True)
    purpose = "test" if wanted.test else "run"
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as draft_name:
        draft = Path(draft_name)
        wheels = draft / WHEELS
        wheels.mkdir()
        for python in pythons:
            print(f"bundle: wheels for Python {python} on {wanted.platform} ...", flush=True)
            if not _download(project / LOCK_FILES[purpose], wheels, python, wanted.platform, wanted.glibc):
                return 1
        if not _own_wheel(project, wheels):
            return 1
        manifest = {
            "format": FORMAT,
            "version": version,
            "platform": wanted.platform,
            "pythons": pythons,
            "glibc": wanted.glibc,
            "purpose": purpose,
            "lock_sha256": sha256_of(project / LOCK_FILES[purpose]),
            "files": {path.name: _told(path) for path in sorted(wheels.iterdir())},
        }
        _write(draft, manifest)
        draft.chmod(0o755)
        draft.rename(folder)
        draft.mkdir()  # for whoever removes the temporary folder
    _sum_up(folder, manifest)
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bundle", description="A folder of wheels to install from where there is no internet."
    )
    machine = platform.machine()
    parser.add_argument("--platform", choices=PLATFORMS, default=machine if machine in PLATFORMS else None)
    parser.add_argument(
        "--python", action="append", type=_python, metavar="3.11", help="may be given several times"
    )
    parser.add_argument(
        "--glibc", type=_glibc, default=DEFAULT_GLIBC, help=f"the oldest there ({DEFAULT_GLIBC})"
    )
    parser.add_argument("--test", action="store_true", help="also what the tests need")
    parser.add_argument("--output", metavar="DIR", help="default: conductor-VERSION-PLATFORM, here")
    return parser


def _python(text: str) -> str:
    match = re.fullmatch(r"3\.(\d+)", text)
    if not match or int(match[1]) < 11:
        raise argparse.ArgumentTypeError(f"{text!r} must look like 3.11, or newer")
    return text


def _glibc(text: str) -> str:
    if not re.fullmatch(r"2\.\d+", text):
        raise argparse.ArgumentTypeError(f"{text!r} must look like {DEFAULT_GLIBC}")
    return text


def platform_tags(machine: str, glibc: str) -> list[str]:
    """From the newest that may be there to the oldest; pip takes the first that a package has."""
    newest = int(glibc.partition(".")[2])
    return [f"manylinux_2_{minor}_{machine}" for minor in range(newest, OLDEST_MINOR[machine] - 1, -1)]


def _download(lock_file: Path, wheels: Path, python: str, machine: str, glibc: str) -> bool:
    tags = [word for tag in platform_tags(machine, glibc) for word in ("--platform", tag)]
    options = ["--no-deps", "--require-hashes", "--only-binary=:all:", "--implementation", "cp"]
    return _pip("download", *options, "--python-version", python, *tags, "-d", wheels, "-r", lock_file)


def _own_wheel(project: Path, wheels: Path) -> bool:
    """For those who install without a clone. Built from a copy, for building leaves things behind."""
    with tempfile.TemporaryDirectory() as copy:
        for name in OWN_SOURCES:
            source = project / name
            if source.is_dir():
                shutil.copytree(source, Path(copy) / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, copy)
        return _pip("wheel", "--no-deps", "-w", wheels, copy)


def _pip(*words: object) -> bool:
    done = subprocess.run([*PIP, *map(str, words)], stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        print("bundle: not made; see above what pip says", file=sys.stderr)
    return done.returncode == 0


def _told(wheel: Path) -> dict[str, Any]:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [one for one in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", one)]
        about = Parser().parsestr(archive.read(name).decode("utf-8"))
    classifiers = [one for one in about.get_all("Classifier", []) if one.startswith("License ::")]
    names = [
        about.get("License-Expression"),
        *(one.rpartition(" :: ")[2] for one in classifiers),
        about.get("License"),
    ]
    known = next((one for one in names if one and one != "UNKNOWN"), "see the package")
    return {
        "name": about["Name"],
        "version": about["Version"],
        "license": known.strip().splitlines()[0][:80],
        "bytes": wheel.stat().st_size,
        "sha256": sha256_of(wheel),
    }


def _write(folder: Path, manifest: dict[str, Any]) -> None:
    files = manifest["files"]
    sums = "".join(f"{told['sha256']}  {WHEELS}/{name}\n" for name, told in files.items())
    licences = sorted({f"{told['name']} {told['version']}: {told['license']}\n" for told in files.values()})
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
    (folder / "SHA256SUMS").write_text(sums)
    (folder / "LICENSES.txt").write_text("".join(licences))


def _version(project: Path) -> str:
    match = re.search(
        r'^__version__ = "([^"]+)"', (project / "conductor/__init__.py").read_text("utf-8"), re.MULTILINE
    )
    assert match is not None
    return match[1]


def _sum_up(folder: Path, manifest: dict[str, Any]) -> None:
    mebibytes = sum(told["bytes"] for told in manifest["files"].values()) >> 20
    print(f"bundle: {len(manifest['files'])} wheels, {mebibytes} MiB, in {folder}")
    print("Copy it and the clone to the other machine; there: scripts/run --offline DIR")
    print("把它和克隆一起复制到目标机器，然后执行：scripts/run --offline DIR")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))

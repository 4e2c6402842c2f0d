"""A folder of wheels for machines without internet: what is in it, and whether it can be installed here.

    FOLDER/bundle.json     what it was made for, and every file's size and SHA-256
    FOLDER/SHA256SUMS      the same for `sha256sum -c`
    FOLDER/LICENSES.txt    whose work it is
    FOLDER/wheels/         what a lock file names, and this project's own wheel

Promises: a folder that is for another machine, another Python or another release, that lacks a file or whose files
were changed, is refused with a sentence in both languages before anything is installed. Standard library only: it runs
before anything is installed.
"""

import hashlib
import json
import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMAT = 1
MANIFEST, WHEELS = "bundle.json", "wheels"
PURPOSES = ("run", "test")  # what is for the later is for the earlier, too


class BundleRefused(Exception):
    """Cannot be installed here; in English and in Chinese."""

    def __init__(self, english: str, chinese: str) -> None:
        super().__init__(english)
        self.english, self.chinese = english, chinese


@dataclass(frozen=True)
class Here:
    """What a machine offers. `glibc` None: its C library is another one."""

    machine: str
    python: str
    glibc: tuple[int, int] | None


def this_machine() -> Here:
    version = "{}.{}".format(*sys.version_info[:2])
    try:
        said = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        said = ""
    numbers = said.removeprefix("glibc ").split(".")[:2]
    glibc = (int(numbers[0]), int(numbers[1])) if said.startswith("glibc ") and len(numbers) == 2 else None
    return Here(platform.machine(), version, glibc)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check(folder: Path, lock_files: Mapping[str, Path], purpose: str, here: Here) -> Path:
    """The folder of wheels, when all is as it should be. Raises `BundleRefused`."""
    manifest = read_manifest(folder)
    _check_machine(manifest, here)
    _check_purpose(manifest, purpose)
    kind = manifest["purpose"]
    if manifest["lock_sha256"] != sha256_of(lock_files[kind]):
        raise BundleRefused(
            f"the bundle {folder} is of release {manifest['version']} with other packages than "
            f"{lock_files[kind].name} of this clone names; make it from this very clone with scripts/bundle",
            f"离线包 {folder} 属于版本 {manifest['version']}，其软件包与本克隆的 {lock_files[kind].name} 不一致；"
            "请用同一份克隆的 scripts/bundle 重新制作",
        )
    _check_files(folder / WHEELS, manifest["files"])
    return folder / WHEELS


def read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        if manifest["format"] != FORMAT or not isinstance(manifest["files"], dict):
            raise ValueError("another format")
        names = ("version", "platform", "pythons", "glibc", "purpose", "lock_sha256")
        return {"files": manifest["files"], **{name: manifest[name] for name in names}}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleRefused(
            f"{folder} is no bundle that this release can read ({error}); make one with scripts/bundle",
            f"{folder} 不是本版本可读取的离线包（{error}）；请用 scripts/bundle 制作",
        ) from None


def _check_machine(manifest: Mapping[str, Any], here: Here) -> None:
    if manifest["platform"] != here.machine:
        raise BundleRefused(
            f"the bundle is for {manifest['platform']}, and this machine is {here.machine}; "
            f"make one with: scripts/bundle --platform {here.machine}",
            f"离线包用于 {manifest['platform']}，而本机是 {here.machine}；"
            f"请这样制作：scripts/bundle --platform {here.machine}",
        )
    if here.python not in manifest["pythons"]:
        made = ", ".join(manifest["pythons"])
        raise BundleRefused(
            f"the bundle is for Python {made}, and here is Python {here.python}; install one of those, "
            f"or make one with: scripts/bundle --platform {here.machine} --python {here.python}",
            f"离线包用于 Python {made}，而此处是 Python {here.python}；请安装其中之一，"
            f"或这样制作：scripts/bundle --platform {here.machine} --python {here.python}",
        )
    wanted = tuple(map(int, manifest["glibc"].split(".")))
    if here.glibc is None or here.glibc < wanted:
        found = "none" if here.glibc is None else "{}.{}".format(*here.glibc)
        raise BundleRefused(
            f"the bundle needs glibc {manifest['glibc']} or newer, and here is {found}; "
            f"make one with a lower --glibc, if the packages have wheels for it",
            f"离线包需要 glibc {manifest['glibc']} 或更新版本，而此处是 {found}；"
            "若软件包有相应的 wheel，请以更低的 --glibc 制作",
        )


def _check_purpose(manifest: Mapping[str, Any], purpose: str) -> None:
    if PURPOSES.index(purpose) > PURPOSES.index(manifest["purpose"]):
        raise BundleRefused(
            "the bundle has not what the tests need; make one with: scripts/bundle --test",
            "离线包不含测试所需的软件包；请这样制作：scripts/bundle --test",
        )


def _check_files(wheels: Path, files: Mapping[str, Mapping[str, Any]]) -> None:
    there = {path.name for path in wheels.iterdir()} if wheels.is_dir() else set()
    for name, told in files.items():
        if name not in there:
            raise BundleRefused(
                f"{name} is missing in {wheels}; copy the bundle again, whole",
                f"{wheels} 中缺少 {name}；请重新完整复制离线包",
            )
        if sha256_of(wheels / name) != told["sha256"]:
            raise BundleRefused(
                f"{wheels / name} is not the file that was bundled (another SHA-256); copy the bundle again, and find "
                "out who changed it",
                f"{wheels / name} 与打包时不同（SHA-256 不符）；请重新复制离线包，并查明是谁改动的",
            )
    for name in sorted(there - files.keys()):
        raise BundleRefused(
            f"{wheels / name} does not belong to the bundle; take it away",
            f"{wheels / name} 不属于离线包；请移除",
        )

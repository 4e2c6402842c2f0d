"""The key that checkpoints are signed with: `checkpoint.key` in the home, and `checkpoint.pub` beside it.

Promises: the private key is made once, whole or not at all, for its owner alone; it is refused when anybody else
could have read it, the public one when anybody else could have replaced it.
"""

import os
import stat
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from conductor.checkpoint import LARGEST, CheckpointError, read_small
from conductor.home import create_private, make_home, write_private

KEY_NAME = "checkpoint.key"
PUBLIC_KEY_NAME = "checkpoint.pub"


class KeyMissing(CheckpointError):
    """There is no key in the home yet, so it cannot be said whose note this is."""


def signing_key(home: Path) -> Ed25519PrivateKey:
    """The home's key, made when there is none. Raises `CheckpointError`, `HomeError`."""
    make_home(home)
    path = home / KEY_NAME
    if not path.is_symlink() and not path.exists():
        try:
            create_private(path, _private_pem(Ed25519PrivateKey.generate()))
        except FileExistsError:
            pass  # another process was faster: its key is the key
        except OSError as error:
            raise CheckpointError("file_unwritable", path=path, why=error.strerror) from error
    key = _read_private_key(path)
    _publish(home / PUBLIC_KEY_NAME, key)
    return key


def home_public_key(home: Path) -> str:
    """The public key that the home's own notes are signed with, as hex.

    Raises `KeyMissing`, or `CheckpointError` when others could have put another key in its place.
    """
    path = home / PUBLIC_KEY_NAME
    try:
        found, folder = path.stat(), home.stat()
    except FileNotFoundError:
        raise KeyMissing("key_missing", path=path) from None
    except OSError as error:
        raise CheckpointError("file_unreadable", path=path, why=error.strerror) from error
    others = stat.S_IWGRP | stat.S_IWOTH
    ours = {found.st_uid, folder.st_uid} <= {0, os.geteuid()}
    open_folder = folder.st_mode & others and not folder.st_mode & stat.S_ISVTX
    if found.st_mode & others or open_folder or not ours:
        raise CheckpointError("key_open", path=path, home=home)
    return read_public_key(path)


def read_public_key(path: Path) -> str:
    """The Ed25519 public key in a PEM file, as hex. Raises `CheckpointError`."""
    try:
        key = serialization.load_pem_public_key(read_small(path))
    except ValueError as error:
        raise CheckpointError("key_not_public", path=path) from error
    if not isinstance(key, Ed25519PublicKey):
        raise CheckpointError("key_of_another_kind", path=path)
    return _public_hex(key)


def _read_private_key(path: Path) -> Ed25519PrivateKey:
    """Looked at through one descriptor, so that what is checked is what is read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise CheckpointError("file_unreadable", path=path, why=error.strerror) from error
    try:
        _check_owner(path, os.fstat(descriptor))
        content = os.read(descriptor, LARGEST)
    finally:
        os.close(descriptor)
    try:
        key = serialization.load_pem_private_key(content, password=None)
    except (ValueError, TypeError) as error:
        raise CheckpointError("key_not_private", path=path) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise CheckpointError("key_of_another_kind", path=path)
    return key


def _check_owner(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise CheckpointError("file_not_plain", path=path)
    if found.st_uid != os.geteuid():
        raise CheckpointError("key_of_another_user", path=path, owner=found.st_uid, user=os.geteuid())
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise CheckpointError(
            "key_readable", path=path, mode=f"{stat.S_IMODE(found.st_mode):o}", public=PUBLIC_KEY_NAME
        )


def _publish(path: Path, key: Ed25519PrivateKey) -> None:
    """The public half beside the key. One that is there already must be that half."""
    if path.exists():
        if read_public_key(path) != _public_hex(key.public_key()):
            raise CheckpointError("key_not_the_half", path=path, key=KEY_NAME)
        return
    pem = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    try:
        write_private(path, pem.decode("ascii"), mode=0o644)
    except OSError as error:
        raise CheckpointError("file_unwritable", path=path, why=error.strerror) from error


def _private_pem(key: Ed25519PrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode("ascii")


def _public_hex(key: Ed25519PublicKey) -> str:
    return key.public_bytes_raw().hex()

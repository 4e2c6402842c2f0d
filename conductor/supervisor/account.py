"""Acting as a job's user for as long as it takes to open something, and what that user may reach.

Files that a job's user may name are opened with that user's own rights, so that no link or folder of theirs
leads this process anywhere they could not go themselves. The saved user stays root, so nobody can signal or
trace it meanwhile.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from conductor.supervisor.protocol import RunAs


class AccountRefused(Exception):
    """The job cannot run under this account; the text says why and what to do."""


def checked_account(account: RunAs | None) -> RunAs | None:
    """None when nothing has to change. Raises AccountRefused."""
    if account is None:
        return None
    if os.geteuid() == 0:
        return account
    if account["uid"] == os.geteuid():
        return None
    raise AccountRefused(
        f"The job should run as {account['user_name']}, but this node's supervisor is not root and runs "
        "jobs as its own user only; start it as root or submit without a user."
    )


@contextmanager
def acting_as(account: RunAs | None) -> Iterator[None]:
    """No threads here: the process is that user until the block ends."""
    if account is None:
        yield
        return
    groups, group = os.getgroups(), os.getegid()
    try:
        os.setgroups(account["groups"])
        os.setegid(account["gid"])
        os.seteuid(account["uid"])
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


def require_passage(account: RunAs, folder: str) -> None:
    """The script is read by its user, under its own path."""
    try:
        with acting_as(account):
            os.stat(f"{folder}/.")
    except OSError as error:
        raise AccountRefused(
            f"The user {account['user_name']} cannot pass through to {folder} ({error.strerror}); "
            "allow passing (not listing) on it and every folder above with: chmod o+x"
        ) from error


def open_work_dir(account: RunAs, path: str) -> int:
    """A descriptor of the work folder that this user could enter. Raises OSError."""
    with acting_as(account):
        folder = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        if os.access(".", os.X_OK, dir_fd=folder, effective_ids=True):
            return folder
        os.close(folder)
        raise PermissionError(13, "permission denied", path)


def personal_environment(account: RunAs) -> dict[str, str]:
    name = account["user_name"]
    return {"HOME": account["home"], "USER": name, "LOGNAME": name}

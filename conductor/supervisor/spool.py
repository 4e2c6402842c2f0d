"""The spool folder: who may hold it, and the few files a job has in it.

    supervisor.lock  supervisor.sock  journal
    scripts/job_{id}.sh  output/job_{id}.out  output/job_{id}.err  work/job_{id}/

Everything inside is opened by directory descriptor without following links. A folder made here is private;
one that was there before is taken only when nobody else could have put anything into it, and is never
changed.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import suppress
from typing import NamedTuple

from conductor.supervisor.account import acting_as
from conductor.supervisor.protocol import RunAs, Stream

SOCKET_NAME = "supervisor.sock"
_FOLDERS = ("scripts", "output", "work")
_DIRECTORY_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OUTPUT_FLAGS = (
    os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
)
_SCRIPT_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_DEV_NULL = os.makedev(1, 3)


class SpoolRefused(Exception):
    """This folder cannot be used as a spool; the text says why and what to do."""


class SpoolHeld(Exception):
    """Another supervisor holds the spool."""


class OutputRefused(Exception):
    """A job's output cannot go where it should; the text names the path and what to do."""


class Output(NamedTuple):
    """An open output file. Both streams may have the same descriptor."""

    stream: Stream
    path: str
    descriptor: int
    in_spool: bool


class Spool:
    __slots__ = ("_output", "_scripts", "_spare_work", "_work", "folder", "lock", "path")

    def __init__(self, path: str, lock: int | None = None) -> None:
        """`lock` was taken by the program that this process was until it became a newer one."""
        self.path = os.path.abspath(path)
        self.folder = _own_folder(self.path)
        self.lock = _lock(self.path, self.folder) if lock is None else lock
        self._scripts, self._output, self._work = (
            _own_subfolder(self.path, self.folder, name) for name in _FOLDERS
        )
        self._spare_work: set[str] = set()  # names of empty folders

    def deleted(self) -> bool:
        return os.fstat(self.folder).st_nlink == 0

    @property
    def unique_name(self) -> str:
        return unique_name(self.folder)

    @property
    def socket_path(self) -> str:
        """By descriptor: a socket's address holds 107 bytes, a spool's path may be longer."""
        return f"/proc/self/fd/{self.folder}/{SOCKET_NAME}"

    def sign(self) -> None:
        """Whoever is refused the spool is told this process's number."""
        os.ftruncate(self.lock, 0)
        os.pwrite(self.lock, str(os.getpid()).encode("ascii"), 0)

    def script_path(self, job_id: int) -> str:
        return f"{self.path}/scripts/job_{job_id}.sh"

    def remove_script(self, job_id: int) -> None:
        """An earlier attempt's file must not be there while the next one waits at its gate."""
        with suppress(FileNotFoundError):
            os.unlink(f"job_{job_id}.sh", dir_fd=self._scripts)

    def write_script(self, job_id: int, script: str, account: RunAs | None) -> None:
        """Its user may read it, and nobody else."""
        descriptor = os.open(f"job_{job_id}.sh", _SCRIPT_FLAGS, 0o700, dir_fd=self._scripts)
        try:
            data = memoryview(script.encode("utf-8"))
            while data:
                data = data[os.write(descriptor, data) :]
            if account is not None:
                os.fchown(descriptor, account["uid"], account["gid"])
        finally:
            os.close(descriptor)

    def make_work_folder(self, job_id: int, account: RunAs | None) -> str:
        """Its own from an earlier attempt, or an empty one that another job has left, or a new one.

        Users do not hand folders to one another.
        """
        name = f"job_{job_id}"
        if account is not None:
            self._spare_work.discard(name)
            with suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=self._work)
            os.chown(name, account["uid"], account["gid"], dir_fd=self._work, follow_symlinks=False)
        elif name in self._spare_work:
            self._spare_work.remove(name)
        elif self._spare_work:
            with suppress(
                OSError
            ):  # one already has something in it, from an earlier attempt: that one stays
                os.rename(self._spare_work.pop(), name, src_dir_fd=self._work, dst_dir_fd=self._work)
                os.chmod(name, 0o700, dir_fd=self._work)
        with suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=self._work)
        return f"{self.path}/work/{name}"

    def leave_work_folder(self, job_id: int, account: RunAs | None) -> None:
        """Most jobs leave nothing in it; such a folder is handed on, not deleted.

        On ext4 every creation passes over the inodes deleted nearby in the last minutes, one by one: among
        many of those, creating a file was seen to take 160 microseconds instead of 8.
        """
        name = f"job_{job_id}"
        if account is not None:
            with suppress(OSError):  # something is in it
                os.rmdir(name, dir_fd=self._work)
            return
        with suppress(OSError):  # gone, or no descriptor left: then it is not handed on
            folder = os.open(name, _DIRECTORY_FLAGS, dir_fd=self._work)
            try:
                if not os.listdir(folder):
                    self._spare_work.add(name)
            finally:
                os.close(folder)

    def open_outputs(
        self,
        job_id: int,
        stdout_path: str | None,
        stderr_path: str | None,
        account: RunAs | None,
        *,
        join: bool,
    ) -> tuple[Output, Output]:
        """Append mode, never a pipe; the same descriptor twice when both go to one file."""
        stdout = self._open_output("stdout", f"job_{job_id}.out", stdout_path, account)
        if join or (stdout_path is not None and stdout_path == stderr_path):
            return stdout, stdout
        try:
            return stdout, self._open_output("stderr", f"job_{job_id}.err", stderr_path, account)
        except BaseException:
            os.close(stdout.descriptor)
            raise

    def _open_output(self, stream: Stream, name: str, path: str | None, account: RunAs | None) -> Output:
        if path is None:
            path = f"{self.path}/output/{name}"
            descriptor = _regular(os.open(name, _OUTPUT_FLAGS, 0o600, dir_fd=self._output), path)
            if account is not None:
                os.fchown(descriptor, account["uid"], account["gid"])
            return Output(stream, path, descriptor, in_spool=True)
        try:
            with acting_as(account):
                descriptor = os.open(path, _OUTPUT_FLAGS, 0o666 if account is None else 0o600)
            return Output(stream, path, _regular(descriptor, path), in_spool=False)
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
                raise
            raise OutputRefused(_why_no_output(path, error)) from error


def unique_name(folder: int) -> str:
    """Of a folder on this machine, as long as it is there."""
    status = os.fstat(folder)
    return f"{status.st_dev:x}-{status.st_ino:x}"


def open_folder(path: str) -> int:
    """A descriptor of an existing spool, for a client's way to the socket."""
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _why_no_output(path: str, error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return f"The output file {path} is a symbolic link; name the file itself."
    if error.errno == errno.ENXIO:
        return f"The output file {path} is a named pipe; output goes to files only."
    if error.errno == errno.ENOENT:
        return f"The folder of the output file {path} does not exist on this node; create it."
    return f"The output file {path} cannot be opened ({error.strerror}); name a file this user may write."


def _regular(descriptor: int, path: str) -> int:
    """Opened without waiting, so that no pipe or terminal holds the supervisor up; plain files pass."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) and status.st_rdev != _DEV_NULL:
        os.close(descriptor)
        raise OutputRefused(f"The output file {path} is not a regular file; output goes to files only.")
    fcntl.fcntl(descriptor, fcntl.F_SETFL, os.O_APPEND)
    return descriptor


def new_folder_mode() -> int:
    """Root's jobs may run as others, who must pass through to their script and work folder."""
    return 0o711 if os.geteuid() == 0 else 0o700


def _own_folder(path: str) -> int:
    try:
        os.mkdir(path, new_folder_mode())
    except FileExistsError:
        pass
    except FileNotFoundError as error:
        raise SpoolRefused(
            f"The folder that should hold the spool {path} does not exist; create it."
        ) from error
    return _checked(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), path)


def _own_subfolder(path: str, folder: int, name: str) -> int:
    with suppress(FileExistsError):
        os.mkdir(name, new_folder_mode(), dir_fd=folder)
    return _checked(os.open(name, _DIRECTORY_FLAGS, dir_fd=folder), f"{path}/{name}")


def _checked(descriptor: int, path: str) -> int:
    status = os.fstat(descriptor)
    if status.st_uid != os.geteuid():
        raise SpoolRefused(
            f"The spool folder {path} belongs to user {status.st_uid}, this process runs as user "
            f"{os.geteuid()}; choose another folder with CONDUCTOR_SPOOL."
        )
    if status.st_mode & 0o022:
        raise SpoolRefused(
            f"Others may write to the spool folder {path}; take that away with: chmod go-w {path}"
        )
    return descriptor


def _lock(path: str, folder: int) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open("supervisor.lock", flags, 0o600, dir_fd=folder)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(descriptor, 64).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise SpoolHeld(
            f"Another supervisor (process {holder}) holds the spool {path}; this one ends."
        ) from error
    return descriptor

"""Judgement of this machine, its settings and its folders. Pure: facts in, verdicts out; good news too."""

from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from conductor.doctor.facts import Facts, Folder
from conductor.doctor.verdict import Verdict, said
from conductor.settings import TOKEN_NAME

OLDEST_PYTHON = (3, 11)
FEW_OPEN_FILES, TOO_FEW_OPEN_FILES = 1024, 256
FEW_PROCESSES = 1024
LOW_BYTES, TOO_LOW_BYTES = 1 << 30, 100 << 20
LOW_INODES, TOO_LOW_INODES = 10_000, 1_000
NETWORK_FILE_SYSTEMS = frozenset(
    {
        *(
            "nfs",
            "nfs4",
            "cifs",
            "smb3",
            "smbfs",
            "afs",
            "9p",
            "ceph",
            "glusterfs",
            "lustre",
            "gpfs",
            "beegfs",
        ),
        *(
            "fuse.sshfs",
            "fuse.glusterfs",
            "fuse.ceph",
            "fuse.beegfs",
            "fuse.juicefs",
            "fuse.s3fs",
            "orangefs",
        ),
    }
)


def python(facts: Facts) -> Iterator[Verdict]:
    assert facts.machine is not None
    version = ".".join(map(str, facts.machine.python))
    old = facts.machine.python[:2] < OLDEST_PYTHON
    yield said("python_old" if old else "python_ok", version=version)


def kernel(facts: Facts) -> Iterator[Verdict]:
    machine = facts.machine
    assert machine is not None
    if machine.boot_id is None:
        yield said("kernel_no_proc")
    elif not machine.pidfds:
        yield said("kernel_no_pidfds", kernel=machine.kernel)
    else:
        yield said("kernel_ok", kernel=machine.kernel)
    if not machine.child_list:
        yield said("kernel_no_child_list", kernel=machine.kernel)


def language(facts: Facts) -> Iterator[Verdict]:
    utf8 = facts.environment.encoding.lower().replace("-", "") == "utf8"
    yield said("locale_ok" if utf8 else "locale_not_utf8", encoding=facts.environment.encoding)


def limits(facts: Facts) -> Iterator[Verdict]:
    machine = facts.machine
    assert machine is not None
    files, processes = machine.open_files, machine.processes
    if 0 <= files < TOO_FEW_OPEN_FILES:
        yield said("open_files_too_few", files=files)
    elif 0 <= files < FEW_OPEN_FILES:
        yield said("open_files_few", files=files)
    if 0 <= processes < FEW_PROCESSES:
        yield said("processes_few", processes=processes)
    if not (0 <= files < FEW_OPEN_FILES or 0 <= processes < FEW_PROCESSES):
        yield said("limits_ok", files=_number(files), processes=_number(processes))


def _number(limit: int) -> str:
    return "-1" if limit < 0 else f"{limit:,}"


def cpus(facts: Facts) -> Iterator[Verdict]:
    assert facts.machine is not None
    offered, usable = facts.settings.total_cpus, facts.machine.usable_cpus
    yield said("cpus_more_than_machine" if offered > usable else "cpus_ok", offered=offered, usable=usable)


def cgroups(facts: Facts) -> Iterator[Verdict]:
    machine = facts.machine
    assert machine is not None
    if machine.cgroup is None:
        yield said("cgroups_none")
    elif not machine.cgroup_writable:
        yield said("cgroups_not_writable", path=machine.cgroup)
    elif not machine.memory_controller:
        yield said("cgroups_no_memory", path=machine.cgroup)
    else:
        yield said("cgroups_ok", path=machine.cgroup)


def accounts(facts: Facts) -> Iterator[Verdict]:
    machine = facts.machine
    assert machine is not None
    run_as = facts.settings.run_as
    if run_as and not machine.is_root:
        yield said("run_as_needs_root")
    elif machine.is_root and not run_as:
        tokens = facts.cluster.submitting_tokens if facts.cluster else 0
        yield said("tokens_run_as_root", count=tokens) if tokens else said("jobs_run_as_root")
    if machine.accounts_unknown:
        yield said("accounts_unknown", accounts=list(machine.accounts_unknown))
    elif not run_as and not machine.is_root:
        yield said("accounts_own")
    elif run_as and machine.is_root:
        yield said("accounts_ok")


def settings(facts: Facts) -> Iterator[Verdict]:
    environment = facts.environment
    if environment.settings is None:
        yield said("settings_refused", what=environment.refusal)
        return
    contradictions = list(_contradictions(facts))
    yield from contradictions
    if contradictions:
        return
    if environment.places:
        yield said("settings_set", places=[*environment.places.values()])
    else:
        yield said("settings_default")


def _contradictions(facts: Facts) -> Iterator[Verdict]:
    chosen = facts.settings
    if chosen.kill_grace_seconds >= chosen.lease_seconds:
        yield said("grace_over_lease", grace=chosen.kill_grace_seconds, lease=chosen.lease_seconds)
    if chosen.poll_seconds >= chosen.lease_seconds / 3:
        yield said("poll_over_lease", poll=chosen.poll_seconds, lease=chosen.lease_seconds)
    if chosen.reservation_seconds <= 3 * chosen.poll_seconds:
        yield said("reservation_short", reservation=chosen.reservation_seconds, poll=chosen.poll_seconds)


def proxies(facts: Facts) -> Iterator[Verdict]:
    environment = facts.environment
    names = list(environment.proxies)
    if environment.proxied:
        url = facts.api.url if facts.api else "the API"
        yield said("proxied", names=names, url=url, host=urlsplit(url).hostname or url)
    else:
        yield said("proxies_unused" if names else "proxies_none", names=names)


def home(facts: Facts) -> Iterator[Verdict]:
    assert facts.home is not None
    yield from _folder(facts, facts.home.home, "CONDUCTOR_HOME")


def spool(facts: Facts) -> Iterator[Verdict]:
    assert facts.home is not None
    yield from _folder(facts, facts.home.spool, "CONDUCTOR_SPOOL")


def _folder(facts: Facts, folder: Folder, setting: str) -> Iterator[Verdict]:
    user_id = facts.machine.user_id if facts.machine else folder.owner_id
    named = {"path": folder.path, "setting": setting}
    if not folder.exists:
        yield said("folder_not_yet" if folder.writable else "folder_cannot_be_made", **named)
    elif folder.owner_id != user_id:
        yield said("folder_of_another", owner=folder.owner_id, user=user_id, **named)
    elif folder.mode & 0o022:
        yield said("folder_open", mode=f"{folder.mode & 0o7777:04o}", **named)
    elif not folder.writable:
        yield said("folder_not_writable", mode=f"{folder.mode & 0o7777:04o}", **named)
    else:
        yield said("folder_ok", mode=f"{folder.mode & 0o7777:04o}", **named)


def space(facts: Facts) -> Iterator[Verdict]:
    assert facts.home is not None
    found = facts.home
    folders = [found.home] if found.home.device == found.spool.device else [found.home, found.spool]
    for folder in folders:
        mebibytes = folder.free_bytes >> 20
        inodes = folder.free_inodes
        if folder.free_bytes < TOO_LOW_BYTES:
            yield said("space_too_low", path=folder.path, mebibytes=mebibytes)
        elif folder.free_bytes < LOW_BYTES:
            yield said("space_low", path=folder.path, mebibytes=mebibytes)
        elif inodes is not None and inodes < TOO_LOW_INODES:
            yield said("inodes_too_low", path=folder.path, inodes=inodes)
        elif inodes is not None and inodes < LOW_INODES:
            yield said("inodes_low", path=folder.path, inodes=inodes)
        else:
            yield said("space_ok", path=folder.path, mebibytes=f"{mebibytes:,}")


def token(facts: Facts) -> Iterator[Verdict]:
    assert facts.home is not None
    found = facts.home
    path = f"{found.home.path}/{TOKEN_NAME}"
    if found.token_given:
        yield said("token_given")
    elif found.token_mode is None:
        yield said("token_not_yet", path=path)
    elif found.token_mode & 0o077:
        yield said("token_open", path=path, mode=f"{found.token_mode & 0o7777:04o}")
    else:
        yield said("token_ok", path=path)


def mount(facts: Facts) -> Iterator[Verdict]:
    assert facts.home is not None
    folder = facts.home.spool
    named = {"path": folder.path, "file_system": folder.file_system or "?"}
    remarks = []
    if "ro" in folder.options:
        remarks.append(said("mount_read_only", **named))
    if folder.file_system in NETWORK_FILE_SYSTEMS:
        remarks.append(said("mount_network", **named))
    if "noexec" in folder.options:
        remarks.append(said("mount_noexec", **named))
    if facts.home.wal_device is not None and facts.home.wal_device == folder.device:
        remarks.append(said("mount_shared_with_wal", **named))
    yield from remarks or [said("mount_ok", **named)]


def supervisor(facts: Facts) -> Iterator[Verdict]:
    assert facts.home is not None
    found = facts.home
    path = found.spool.path
    if found.supervisor_held:
        yield said("supervisor_ok" if found.supervisor_answers else "supervisor_mute", path=path)
    else:
        yield said("supervisor_away" if found.running else "supervisor_not_yet", path=path)


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"

"""The server's configuration.

Promises: no network, only a socket; only the server's own user and root get in (`peer`, and the folder's
mode); commits are durable. A site's own `site.conf` beside it is read last.

Refuses to know: where files lie; it only gives their texts.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from conductor.embedded.account import Account, EmbeddedPostgresError

SUPERUSER = "postgres"
MEGABYTE = 1024 * 1024


def config_text(socket_folder: Path, extra: Mapping[str, str], site_file: Path) -> str:
    """`postgresql.conf`; what a site wrote is read last."""
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(socket_folder),
        "unix_socket_permissions": "0700",
        "max_connections": "100",
        "shared_buffers": f"{_shared_buffers_mb()}MB",
        "dynamic_shared_memory_type": "posix" if Path("/dev/shm").is_dir() else "mmap",  # noqa: S108 (asked, not used)
        "fsync": "on",
        "synchronous_commit": "on",
        # Short statements all day: compiling them costs more than it brings.
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "lc_messages": "C",
        "log_line_prefix": "%m [%p] %q%u@%d ",
        "log_min_messages": "warning",
        # Statements may carry what users submitted; the log is no place for it.
        "log_min_error_statement": "panic",
        "log_checkpoints": "off",
        **extra,
    }
    lines = [f"{_checked_name(name)} = {_quoted(value)}" for name, value in settings.items()]
    if site_file.exists():
        lines.append(f"include = {_quoted(str(site_file))}")
    return "\n".join([*lines, ""])


def hba_text() -> str:
    """`pg_hba.conf`: whoever the map below lets in, through the socket."""
    return "local all all peer map=conductor\n"


def ident_text(account: Account) -> str:
    """`pg_ident.conf`: two users of this machine may be any role."""
    return "".join(f'conductor "{name}" all\n' for name in dict.fromkeys((account.name, "root")))


def _shared_buffers_mb() -> int:
    """An eighth of the memory, between what a laptop spares and what one machine's queue can use."""
    memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MEGABYTE
    return max(64, min(1024, memory_mb // 8))


def _checked_name(name: str) -> str:
    if not re.fullmatch(r"[a-z_][a-z0-9_.]*", name):
        raise EmbeddedPostgresError(f"{name!r} is no name of a PostgreSQL setting")
    return name


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"

"""Who works on the database himself: an operator, by the machine's own account."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conductor.core.events import Provenance


def operator() -> "Provenance":
    """This process's user and host, as the log will name them."""
    import os
    import pwd
    import socket

    from conductor.core.events import Provenance

    try:
        user = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        user = str(os.geteuid())
    return Provenance(actor=f"{user}@{socket.gethostname()}", channel="cli")

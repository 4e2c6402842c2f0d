"""A PostgreSQL of our own, for one machine, from the programs in a wheel.

    programs   where the wheel keeps them, and a copy that another user may run
    account    the user who runs the server: this one, or a dedicated one when this one is root
    place      where data, configuration and socket live
    config     its configuration, authentication included
    leftover   what an earlier server left behind, alive or not
    server     start, wait, stop

Nothing outside needs more than `EmbeddedPostgres` and the error it raises.
"""

from conductor.embedded.account import EmbeddedPostgresError
from conductor.embedded.server import EmbeddedPostgres

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError"]

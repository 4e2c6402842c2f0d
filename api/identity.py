"""Who asks: whose token came with a request, and what that one may ask of the handler."""

from dataclasses import dataclass, field

from conductor.core.identifiers import NodeName
from conductor.core.rights import Rights
from conductor.core.roles import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whose token came: `name` goes into the log, `user_name` owns the jobs that name nobody else, and `node_name`
    is the one node that an executor's token is for.
    """

    name: str
    user_name: str
    role: Role
    node_name: NodeName | None = None
    rights: Rights | None = field(init=False)  # None: everything, an administrator's

    def __post_init__(self) -> None:
        limited = Rights(role=self.role, user_name=self.user_name, node_name=self.node_name)
        object.__setattr__(self, "rights", None if self.role is Role.ADMIN else limited)

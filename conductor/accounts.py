"""Which account of this machine a job runs as.

Only an executor that is root can choose. Then a job whose submitter may use the account it names runs as that
account, with its groups; every other job of the home's own token runs as the executor does, and one that came with
any other token is refused: no token runs anything as root because a setting forgot it. Root's own account is nobody's
unless it is named in the setting by name.
"""

import os
import pwd
from collections.abc import Mapping

from conductor.core.job_rights import ANYBODY
from conductor.core.tokens import is_tokens_name
from conductor.supervisor_client import RunAs


class UnknownAccount(Exception):
    """There is no such account here, or not for whoever submitted; the text says what to do."""


def account_for(submitted_by: str, user_name: str, allowed: Mapping[str, frozenset[str]]) -> RunAs | None:
    """The account to run as, or None for the executor's own. Raises `UnknownAccount`."""
    usable = allowed.get(submitted_by, frozenset())
    if os.geteuid() != 0:
        return None
    if not (user_name in usable or ANYBODY in usable):
        if is_tokens_name(submitted_by):
            raise UnknownAccount(
                f"the token {submitted_by} may not run anything as {user_name} on this node, whose executor is root; "
                f"name it there: CONDUCTOR_RUN_AS={submitted_by}:{user_name}"
            )
        return None
    try:
        entry = pwd.getpwnam(user_name)
    except KeyError:
        raise UnknownAccount(
            f"there is no account {user_name} on this machine; make it, or submit as another user"
        ) from None
    if entry.pw_uid == 0 and user_name not in usable:
        raise UnknownAccount(f"{user_name} is root's account, which CONDUCTOR_RUN_AS does not name")
    groups = os.getgrouplist(user_name, entry.pw_gid)
    return RunAs(
        user_name=user_name, uid=entry.pw_uid, gid=entry.pw_gid, groups=tuple(groups), home=entry.pw_dir
    )

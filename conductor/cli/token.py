"""`conductor token`: what clients identify themselves with, and in which role."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from conductor.cli.options import Json, Reason, Wide

if TYPE_CHECKING:
    from datetime import datetime

    from conductor.cli.screen import Screen

Name = Annotated[str, typer.Argument(metavar="NAME", hidden=True)]
RoleName = Annotated[
    str, typer.Option("--role", metavar="ROLE", help="viewer, submitter, operator, executor or admin.")
]
User = Annotated[
    str | None, typer.Option("--user", metavar="NAME", help="Whose jobs it submits; default its own name.")
]
Node = Annotated[str | None, typer.Option("--node", metavar="NAME", help="The one node of an executor.")]
Expires = Annotated[
    str | None,
    typer.Option("--expires", metavar="DAYS|TIME", help="Not valid from then on: 90, or 2027-01-31T18:00."),
]
_LONGEST_DAYS = 36_500


def create(
    name: Name,
    role: RoleName,
    user: User = None,
    node: Node = None,
    expires: Expires = None,
    as_json: Json = False,
) -> None:
    """Make a token and print its secret, which is shown this once.

    Example: conductor token create alice --role submitter --expires 90
    """
    from conductor.cli.screen import Screen
    from conductor.client import connect

    screen = Screen.open()
    _check_role(role, screen)
    expires_at = _expiry(expires, screen)
    with connect(channel="cli") as client:
        made = client.tokens.create(
            name, role=role, user_name=user, node_name=node, expires_at=expires_at
        ).raw
    if as_json:
        screen.json(made)
        return
    # The secret alone on standard output, so that it can be caught: TOKEN=$(conductor token create ...)
    screen.warn("token_created", name=made["name"], role=made["role"], user=made["user_name"])
    print(made["token"])
    screen.warn("token_once", name=made["name"])


def tokens(as_json: Json = False, wide: Wide = False) -> None:
    """List the tokens; their secrets nobody knows.

    Example: conductor token list
    """
    from conductor.cli.screen import Screen
    from conductor.cli.tables import FIXED, FLEXIBLE, MOMENT
    from conductor.client import connect

    screen = Screen.open()
    with connect(channel="cli") as client:
        found = client.tokens.list().raw
    if as_json:
        screen.json(found)
        return
    if not found["tokens"]:
        screen.say("token_none")
        return
    columns = [
        ("token_name", FLEXIBLE), ("token_role", FIXED), ("state", FIXED), ("token_for", FLEXIBLE),
        ("token_by", FLEXIBLE), ("token_expires", MOMENT),
    ]  # fmt: skip
    screen.table(columns, [_row(one) for one in found["tokens"]], wide=wide)


def revoke(name: Name, reason: Reason = None) -> None:
    """Let nobody in with this token any more.

    Example: conductor token revoke alice --reason "the laptop was lost"
    """
    from conductor.cli.screen import Screen
    from conductor.client import connect

    screen = Screen.open()
    with connect(channel="cli") as client:
        done = client.tokens.revoke(name, reason=reason).raw
    screen.say("token_revoked", name=done["name"])


def show() -> int:
    """Print the token of this home: an administrator's.

    Example: curl -H "Authorization: Bearer $(conductor token show)" http://127.0.0.1:8000/api/v1/jobs
    """
    from conductor.cli.screen import Screen
    from conductor.settings import load_settings, read_token

    settings = load_settings()
    token = read_token(settings)
    if token is None:
        Screen.open().warn("no_token", home=settings.home)
        return 1
    print(token)
    return 0


def _check_role(role: str, screen: "Screen") -> None:
    from conductor.cli.exits import WrongUsage
    from conductor.core.roles import Role

    if role not in list(Role):
        raise WrongUsage(screen.text("token_bad_role", given=role, known=", ".join(Role)))


def _expiry(given: str | None, screen: "Screen") -> "datetime | None":
    """So many days from now, or a time; local, unless it has an offset. Raises `WrongUsage`."""
    from datetime import datetime, timedelta

    from conductor.cli.exits import WrongUsage
    from conductor.cli.times import parse_instant

    if given is None:
        return None
    now = datetime.now().astimezone()
    word = given.strip().lower().removesuffix("d")
    if word.isascii() and word.isdecimal() and 0 < int(word) <= _LONGEST_DAYS:
        return now + timedelta(days=int(word))
    instant = parse_instant(given, now)
    if instant is None:
        raise WrongUsage(screen.text("token_bad_expiry", given=given))
    return instant


def _row(one: dict[str, Any]) -> tuple[str | None, ...]:
    from datetime import datetime

    from conductor.cli.times import local

    expires = local(datetime.fromisoformat(one["expires_at"])) if one["expires_at"] else None
    whose = one["node_name"] or one["user_name"]
    return one["name"], one["role"], one["state"], whose, one["created_by"], expires

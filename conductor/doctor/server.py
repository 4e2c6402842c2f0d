"""Facts of the API, as any client has them: is it there, does it take our token, what does its audit say."""

from collections.abc import Callable
from urllib.parse import urlsplit

from conductor.client import Client
from conductor.client.errors import ClientError, Refused, UnexpectedAnswer
from conductor.doctor.facts import Api, Audit
from conductor.doctor.judging_machine import is_loopback
from conductor.settings import Settings, SettingsError, api_url_of, read_token

PATIENCE_SECONDS = 10.0


def read_api(settings: Settings, head: Callable[[], int | None]) -> tuple[Api, Audit | None]:
    """`head` reads the position of the log that the settings name, before and after the API tells its own."""
    url = api_url_of(settings)
    loopback = is_loopback(urlsplit(url).hostname or "")
    token, unusable = None, False
    try:
        token = read_token(settings)
    except SettingsError:
        unusable = True
    with Client(url, token, lang=settings.lang, channel="cli", timeout_seconds=PATIENCE_SECONDS) as client:
        before = head()
        try:
            health = client.health()
        except UnexpectedAnswer:
            return Api(url=url, loopback=loopback, refusal="no Conductor"), None
        except ClientError as error:
            return Api(url=url, loopback=loopback, refusal=str(getattr(error, "cause", error))), None
        theirs = health.database.position
        positions = (before, theirs, head())
        status, because, audit = (None, None, None) if unusable else _ask(client)
    api = Api(
        url=url,
        loopback=loopback,
        status=status,
        refused_because=because,
        has_token=token is not None,
        token_unusable=unusable,
        positions=positions,
    )
    return api, audit


def _ask(client: Client) -> tuple[int | None, str | None, Audit | None]:
    try:
        found = client.audit(replay=False).findings
    except Refused as error:
        return error.status, str(error), None
    except ClientError as error:
        return None, str(error), None
    count = {level: sum(one.severity == level for one in found) for level in ("error", "warning")}
    return 200, None, Audit(errors=count["error"], warnings=count["warning"])

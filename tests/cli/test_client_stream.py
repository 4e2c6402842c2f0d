"""The clients on the real stream of events, and changes bound to a version."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from conductor.client import Refused
from tests.both_clients import KINDS, tell
from tests.fix_api import TOKEN, Api


@pytest.mark.parametrize("kind", KINDS)
def test_events_come_as_they_are_recorded_and_a_version_guards_a_change(kind: str, api: Api) -> None:
    api.register()
    held, started = api.submit(), api.submit()

    async def story(client: Any) -> None:
        version = (await client.job(held)).version
        await client.hold(held, expected_version=version)
        with pytest.raises(Refused) as caught:
            await client.unhold(held, expected_version=version)
        assert caught.value.code == "version_conflict"
        head = (await client.events(limit=1)).head.position
        async with aclosing(client.follow_events(after=head, node_name="node-1")) as events:
            coming = asyncio.ensure_future(anext(events))
            await asyncio.to_thread(api.start, started)
            assert (await coming).type == "ResourcesReserved"
        with pytest.raises(Refused) as caught:
            await anext(client.follow_events(after=5000))
        assert caught.value.code == "history_forked"

    tell(kind, story, api.url, TOKEN)

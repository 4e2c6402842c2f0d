"""`conductor jobs --watch`, on a terminal of its own: what it shows stays true, whatever becomes of the server."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from rich.cells import cell_len

from tests.cli.test_run import PATIENCE_SECONDS, Terminal, started
from tests.fix_api import Api, running_api

_CONTROL = re.compile(r"\x1b\[[?\d;]*[A-Za-z]|\x1b[=>]")


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


def watching(api: Api, terminals: list[Terminal], *words: str, **more: Any) -> Terminal:
    terminal = Terminal(api, "jobs", "--watch", *words, **more)
    terminals.append(terminal)
    return terminal


@pytest.mark.parametrize("key", ["q", "\x03"])
def test_it_shows_what_changes_and_leaves_the_terminal_as_it_was(
    api: Api, terminals: list[Terminal], key: str
) -> None:
    api.register()
    first = api.submit(name="流体模拟" * 30)
    terminal = watching(api, terminals)
    terminal.wait_for("PENDING")
    api.submit(name="second")
    api.start(first)
    terminal.wait_for("(?s)second.*RUNNING")
    terminal.type(key)
    assert terminal.process.wait(PATIENCE_SECONDS) == 0
    terminal.wait_for(r"\x1b\[\?1049l")
    assert "\x1b[?1049h" in terminal.shown
    assert "Traceback" not in terminal.shown


def test_its_lines_fit_the_screen_and_tell_that_there_are_more(api: Api, terminals: list[Terminal]) -> None:
    for number in range(20):
        api.submit(name=f"模拟{number}" * 20)
    terminal = watching(api, terminals, columns=60, lines=10)
    terminal.wait_for("More jobs than lines")
    page = terminal.shown.rsplit("\x1b[H", 1)[-1]
    lines = _CONTROL.sub("", page).replace("\r", "").split("\n")
    assert len(lines) <= 10
    assert max(map(cell_len, lines)) <= 60


def test_a_server_that_goes_and_comes_back_is_no_end(api: Api, terminals: list[Terminal], home: Any) -> None:
    api.submit(name="before")
    with running_api(api.settings.model_copy(update={"api_port": 0}), api.database_url) as second:
        terminal = watching(second, terminals)
        port = int(second.url.rsplit(":", 1)[-1])
        terminal.wait_for("before")
    terminal.wait_for("The server does not answer")
    api.submit(name="after")
    with running_api(api.settings.model_copy(update={"api_port": port}), api.database_url):
        terminal.wait_for("after")
        terminal.type("q")
        assert terminal.process.wait(PATIENCE_SECONDS) == 0


def test_a_refusal_ends_it_with_a_sentence(api: Api, terminals: list[Terminal]) -> None:
    terminal = watching(api, terminals, changed={"CONDUCTOR_API_TOKEN": "another-token-than-the-servers"})
    terminal.wait_for("the server refused the token")
    assert terminal.process.wait(PATIENCE_SECONDS) == 1


def test_without_a_terminal_it_is_refused(api: Api) -> None:
    with started(api, "jobs", "--watch") as process:
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert (out, process.returncode) == (b"", 2)
    assert b"--watch needs a terminal" in err

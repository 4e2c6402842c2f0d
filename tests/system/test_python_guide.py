"""The examples of docs/python.md do what they say: run as printed, in order, against a real system."""

import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from tests.fix_api import TOKEN, api_settings, running_api
from tests.fix_system import System

ROOT = Path(__file__).parent.parent.parent
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROMISED = re.compile(r"^\s*print\(.*\)  # (.*)$", re.MULTILINE)


def test_every_example_prints_what_it_says(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = BLOCK.findall((ROOT / "docs" / "python.md").read_text("utf-8"))
    assert len(blocks) > 10
    node = system.node(cpus=4)
    names: dict[str, Any] = {"token": TOKEN}
    with running_api(api_settings(node.home), system.engine.url) as api:
        monkeypatch.setenv("CONDUCTOR_URL", api.url)
        monkeypatch.setenv("CONDUCTOR_API_TOKEN", TOKEN)
        for block in blocks:
            said = StringIO()
            with redirect_stdout(said):
                exec(compile(block, "docs/python.md", "exec"), names)  # noqa: S102 (our own text)
            lines = iter(said.getvalue().splitlines())
            for promised in PROMISED.findall(block):
                assert promised in lines, f"{block}\nsaid:\n{said.getvalue()}"

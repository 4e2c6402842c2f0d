"""Whatever is wrong with our standard streams, a person reads a sentence, never a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fix_api import TOKEN, Api

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def ran(api: Api, line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A shell's line, where `conductor` is ours."""
    known = {
        "PATH": os.environ["PATH"],
        "HOME": str(api.settings.home),
        "CONDUCTOR_HOME": str(api.settings.home),
        "CONDUCTOR_URL": api.url,
        "CONDUCTOR_API_TOKEN": TOKEN,
        "CONDUCTOR_LANG": "en",
    }
    typed = f'conductor() {{ "{sys.executable}" -m conductor "$@"; }}; {line}'
    return subprocess.run(
        ["/bin/bash", "-c", typed],
        env={**known, **environment},
        cwd=Path(__file__).parents[2],
        check=False,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )


def test_output_that_finds_no_room_is_told(api: Api) -> None:
    api.submit()
    for language, why in (("en", "no space left on device"), ("zh", "设备空间不足")):
        said = ran(api, "conductor jobs --all > /dev/full", CONDUCTOR_LANG=language)
        assert (said.returncode, said.stderr.count("\n")) == (1, 1), said.stderr
        assert said.stderr.startswith("conductor")
        assert why in said.stderr
    assert ran(api, "conductor audit > /dev/full").returncode == 125, "1 would be a finding"


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_closed_streams_are_no_accident(api: Api, closed: str) -> None:
    api.submit()
    said = ran(api, f"conductor jobs --all {closed}")
    assert (said.returncode, said.stderr) == (0, "")


def test_an_encoding_without_our_characters_gets_english_and_escapes(api: Api) -> None:
    api.submit(name="模拟")
    said = ran(api, "conductor jobs --all", CONDUCTOR_LANG="zh", **ASCII)
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.split()[:2] == ["ID", "NAME"]
    assert r"\u6a21\u62df" in said.stdout
    listed = ran(api, "conductor jobs --all --json", **ASCII).stdout
    assert listed.isascii()
    assert json.loads(listed)["jobs"][0]["name"] == "模拟"

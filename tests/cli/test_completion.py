"""What a shell offers after Tab: fast, silent, and true."""

import subprocess
from pathlib import Path

import pytest

from tests.cli.test_commands import Type, typed_at
from tests.cli.test_run import ROOT, command_of, environment_of
from tests.fix_api import Api


def offered(api: Api, line: str, **changed: str) -> list[str]:
    words = line.split(" ")
    asked = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1), "_CONDUCTOR_COMPLETE": "complete_bash"}
    ended = subprocess.run(
        command_of(), env=environment_of(api, **asked, **changed), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.stderr == ""
    return ended.stdout.split()


def test_words_options_states_jobs_nodes_and_policies_are_offered(api: Api) -> None:
    api.register("node-1")
    api.submit()
    assert offered(api, "conductor sub") == ["submit"]
    assert offered(api, "conductor replay re") == ["rebuild"]
    assert offered(api, "conductor submit --depen") == ["--dependency"]
    assert offered(api, "conductor jobs -s RUNNING,PE") == ["RUNNING,PENDING"]
    assert offered(api, "conductor jobs -s fai") == ["failed"]
    assert offered(api, "conductor cancel ") == ["1"]
    assert offered(api, "conductor drain n") == ["node-1"]
    assert offered(api, "conductor policy order=s") == ["order=strict_fifo"]


def test_without_a_server_nothing_is_offered_and_nothing_said(api: Api) -> None:
    assert offered(api, "conductor drain ", CONDUCTOR_URL="http://127.0.0.1:9") == []
    assert offered(api, "conductor cancel ", CONDUCTOR_API_TOKEN="another-token-than-the-servers") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_is_taught_by_lines_that_ask_us(api: Api, shell: str, tmp_path: Path) -> None:
    conduct = typed_at(api.url, api.settings.home)
    said = conduct("completion", shell)
    assert (said.exit_code, f"_CONDUCTOR_COMPLETE=complete_{shell}" in said.stdout) == (0, True)


def test_bash_reads_its_lines_and_completes_by_them(api: Api, tmp_path: Path) -> None:
    lines = typed_at(api.url, api.settings.home)("completion", "bash").stdout
    program = tmp_path / "conductor"
    program.write_text(f'#!/bin/sh\nexec {" ".join(command_of())} "$@"\n')
    program.chmod(0o755)
    script = (
        f"{lines}\nCOMP_WORDS=(conductor unh); COMP_CWORD=1; _conductor_completion {program}\n"
        'echo "${COMPREPLY[@]}"\n'
    )
    ended = subprocess.run(
        ["bash", "-c", script], env=environment_of(api), cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ended.stdout == "unhold\n"


def test_another_shell_is_refused(api: Api) -> None:
    conduct: Type = typed_at(api.url, api.settings.home)
    said = conduct("completion", "tcsh")
    assert (said.exit_code, "bash, zsh, fish" in said.stderr) == (2, True)

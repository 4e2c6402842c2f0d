"""The commands of the documents, typed as printed into a shell on a running system: each does what it says, and those
that cannot be run here are listed with the reason.
"""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.printed_shell import ROOT, PrintedShell, printed_commands, printed_shell

GUIDES = sorted(ROOT.glob("docs/*.md"))
ELSEWHERE = "wants another machine, Docker or systemd"

# What cannot be typed here: document -> how the commands begin -> why not.
NOT_TYPED: Mapping[str, Mapping[str, str]] = {
    "README.md": {
        "psql -c": "an administrator's psql on a server of one's own",
        "export CONDUCTOR_DATABASE_URL": "names a server of one's own",
        "scripts/run migrate": "on that server; tests/postgres/test_migrate.py",
        "scripts/run api": "on that server; tests/faults",
        "scripts/run scheduler": "on that server; tests/faults",
        "NODE_NAME=": "on that server; tests/faults",
        "docker": ELSEWHERE,
        "scripts/test": "this is it",
        "scripts/bench": "measures",
        "scripts/chaos": "takes minutes",
        ".ci/run": "calls this",
    },
    "docs/import-scns.md": {"conductor import-scns": "another database; tests/cli/test_import_scns.py"},
    "docs/compose.md": {"docker": ELSEWHERE, "token=$(docker": ELSEWHERE, "curl": "with that token"},
    "docs/development.md": {"scripts/": "this is it", ".ci/run": "calls this"},
    "docs/leak.md": {"kill": "the processes of a system of one's own; tests/faults"},
    "docs/log-hash.md": {"openssl": "wants files made by hand; tests/unit/test_checkpoint.py"},
    "docs/operating.md": {
        "useradd": ELSEWHERE,
        "install": ELSEWHERE,
        "systemctl": ELSEWHERE,
        "0 6 * * *": "for cron",
        "pg_dump": "the database server's own program",
    },
    "docs/command-line.md": {
        "source <(conductor completion zsh)": "for another shell; tests/cli/test_completion.py"
    },
    "docs/offline.md": {
        "scripts/": "wants an index of packages; tests/process/test_offline.py",
        "conductor/bin": "wants a bundle",
        "python3 -m venv": "wants a bundle",
    },
    "docs/python.md": {"pip": "wants an index of packages"},
}
# Those that end with another code than 0: document -> how the command begins -> the code.
OTHER_CODES: Mapping[str, Mapping[str, int]] = {
    "docs/audit.md": {"conductor repair": 1},  # nothing of the kind is wrong here
    "docs/why.md": {"conductor why 42 --as-of": 1},  # there was no job yet
}

# What happened before: job 42 is an array of 100 tasks, and the log has over 4,711 events.
PAST = (
    "for name in sweep next nightly job train task; do printf '#!/bin/bash\\ntrue\\n' >$name.sh; done",
    'for _ in $(seq 41); do echo \'{"script": "echo hello\\\\n"}\'; done >jobs.ndjson',
    "TOKEN=$(conductor token show)",
    (
        "curl -fsS http://127.0.0.1:8000/api/v1/jobs/submit/batch --data-binary @jobs.ndjson"
        ' -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/x-ndjson"'
    ),
    "conductor submit --wait --array 0-99 --wrap 'echo hello'",
    "conductor submit --hold --array 1-2400 --wrap true && conductor cancel 142",
    "conductor checkpoint --output tuesday.json && cp $CONDUCTOR_HOME/checkpoint.pub .",
    "mkdir -p ~/.config/fish/completions",
    "unset TOKEN",
)


@pytest.mark.slow
def test_the_commands_of_the_guides_do_what_they_say(tmp_path: Path) -> None:
    with printed_shell(tmp_path, tmp_path / "home") as shell:
        shell.up()
        for command in PAST:
            code, said = shell.type(command)
            assert code == 0, said
        wrong = [fault for guide in GUIDES for fault in faults_of(shell, guide.relative_to(ROOT).as_posix())]
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
def test_the_commands_of_the_readme_lead_from_nothing_to_a_proof(tmp_path: Path) -> None:
    """From an empty home, in its order: the numbers that it prints are those that come."""
    with printed_shell(tmp_path, tmp_path / "home") as shell:
        code, said = shell.type("scripts/run run examples/hello.sh")
        assert (code, "hello" in said.lower()) == (0, True), said
        shell.up("scripts/run")
        own = ("scripts/run run examples/hello.sh", "scripts/run\n")
        assert not (wrong := faults_of(shell, "README.md", own)), "\n".join(wrong)
        assert shell.type("conductor replay verify")[0] == 0


def faults_of(shell: PrintedShell, name: str, own: tuple[str, ...] = ()) -> list[str]:
    """What did not go as it should. `own`: how commands begin that the test itself typed."""
    left_out, codes = NOT_TYPED.get(name, {}), OTHER_CODES.get(name, {})
    used: set[str] = set()
    wrong = []
    for command in printed_commands(ROOT / name):
        begins = {begin for begin in (*left_out, *codes) if command.startswith(begin)}
        used |= begins
        if begins & set(left_out) or (own and command.startswith(own)):
            continue
        code, said = shell.type(command)
        expected = max((codes[begin] for begin in begins), default=0)
        if code != expected or "urn:conductor:problem" in said or "Traceback" in said:
            wrong.append(f"{name}: {command}ended with {code}:\n{said}")
    unused = sorted({*left_out, *codes} - used)
    return wrong + [f"{name}: no command begins with {begin} any more" for begin in unused]

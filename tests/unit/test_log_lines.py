"""Log lines: every one is in the catalogue, all have one shape, and no secret ever stands in one."""

import ast
import io
import json
import logging
import re
import sys
import warnings
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from conductor.settings import Settings
from conductor.telemetry import log_lines
from conductor.telemetry.committed import LINE_OF_EVENT
from conductor.telemetry.log_catalogue import LINES
from conductor.telemetry.log_lines import HIDDEN, concerning, log_to
from conductor.telemetry.metric_catalogue import METRICS
from tests.source import modules, place, tree

LEVELS = {"debug", "info", "warning", "error", "exception"}
# Names that no call of a logger has as it stands: told from events, or by a program that has no third-party code.
NOT_CALLED = {*LINE_OF_EVENT.values(), "job.unscheduled", "supervisor.said"}
TOKEN = "tkn-0123456789abcdef"
DATABASE = "postgresql://conductor:p%40ssw0rd-of-ours@db01/conductor"


class Kept:
    """What was logged."""

    def __init__(self, file: io.StringIO) -> None:
        self.file = file

    @property
    def text(self) -> str:
        return self.file.getvalue()

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    """Logging of this process, in memory; as it was before, afterwards."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level, sys.excepthook)
    file = io.StringIO()
    settings = Settings(home=tmp_path, api_token=SecretStr(TOKEN), node_name="n1")
    log_to(settings, "api", DATABASE, file=file)
    yield Kept(file)
    root.handlers[:], sys.excepthook = before[0], before[2]
    root.setLevel(before[1])
    logging.captureWarnings(False)
    log_lines._ON[0] = False
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()


def logged() -> Iterator[tuple[str, str, str, set[str | None]]]:
    """Every call of a logger with a name: where, level, name, fields (None: some that are not written out)."""
    for path in modules().values():
        for node in ast.walk(tree(path)):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=logger, attr=level), args=[ast.Constant(value=str(name)), *_]
                ) if level in LEVELS and "logger" in ast.unparse(logger):
                    yield f"{place(path)}:{node.lineno}", level, name, {one.arg for one in node.keywords}


def test_every_line_of_the_source_is_in_the_catalogue_with_its_level_and_fields() -> None:
    wrong = []
    for where, level, name, fields in logged():
        line = LINES.get(name)
        if line is None:
            wrong.append(f"{where}: {name} is in no catalogue")
        elif line.level != level.replace("exception", "error"):
            wrong.append(f"{where}: {name} is {level} here and {line.level} in the catalogue")
        elif not fields - {None} <= set(line.fields):
            wrong.append(f"{where}: {name} has {fields - set(line.fields)} besides")
    assert wrong == []


def test_the_catalogue_has_no_line_that_nobody_writes() -> None:
    named = {name for _, _, name, _ in logged()} | NOT_CALLED
    relayed = {"library.said", "process.died"}
    assert set(LINES) - named - relayed == set()


def test_the_original_systems_lines_lead_to_names_and_metrics_that_there_are() -> None:
    text = (
        (Path(__file__).parents[2] / "docs/logs.md")
        .read_text("utf-8")
        .partition("From the original system's")[2]
    )
    rows = re.findall(r"^\| (.+) \| (.+) \| (.+) \|$", text, re.MULTILINE)[2:]
    assert len(rows) >= 20
    for theirs, ours, chinese in rows:
        names = re.findall(r"`([a-z]+\.[a-z_]+)`", ours)
        assert set(names) <= set(LINES), ours
        assert set(re.findall(r"conductor_\w+", ours)) <= set(METRICS), ours
        assert names or ours.startswith(("no line:", "none:")), ours
        assert theirs.startswith("`") == ("Redis" not in theirs)
        assert re.search(r"[\u4e00-\u9fff]", chinese)


def test_every_name_has_the_same_form_and_a_meaning_in_both_languages() -> None:
    chinese = re.compile(r"[\u4e00-\u9fff]")
    for name, line in LINES.items():
        assert re.fullmatch(r"[a-z]+\.[a-z_]+", name)
        assert line.en.endswith("."), name
        assert not chinese.search(line.en), name
        assert chinese.search(line.zh), name
        assert line.zh.endswith("。"), name


def test_a_line_is_json_with_a_time_that_has_its_offset(kept: Kept) -> None:
    concerning(correlation="c1")
    structlog.get_logger("x").info("job.started", job=1, attempt=2, position=7)
    [line] = kept.lines()
    assert datetime.fromisoformat(line.pop("timestamp")).utcoffset() is not None
    assert line == {
        "level": "info",
        "event": "job.started",
        "process": "api",
        "correlation": "c1",
        "job": 1,
        "attempt": 2,
        "position": 7,
    }


def test_a_person_at_a_terminal_gets_another_form_and_less_when_less_is_asked_for(
    tmp_path: Path, kept: Kept
) -> None:
    file = io.StringIO()
    log_to(Settings(home=tmp_path, log_format="console", log_level="warning"), "api", file=file)
    structlog.get_logger("x").info("job.started", job=1)
    structlog.get_logger("x").warning("executor.database_away", error="gone")
    assert "job.started" not in file.getvalue()
    assert re.search(r"\[warning +\] executor\.database_away +", file.getvalue())
    assert "error=gone" in file.getvalue()


@pytest.mark.parametrize(
    "fields",
    [
        {"error": f"cannot reach {DATABASE}"},
        {"error": "connection to postgresql://u:other-p4ss@h:1/d failed"},
        {"why": f"header was Authorization: Bearer {TOKEN}"},
        {"why": "Bearer abcdefghijklmnop was refused"},
        {"why": f"this is {TOKEN}, said plainly"},
        {"why": "p@ssw0rd-of-ours"},
        {"why": "password=hunter22 host=db"},
        {"token": "abcdefghijklmnop"},
        {"environment": {"KEY": "hunter22"}},
        {"script": "export KEY=hunter22"},
        {"more": {"deep": [{"password": "hunter22"}]}},
        {"error": ValueError("token=hunter22")},
    ],
)
def test_a_secret_stands_in_no_line(kept: Kept, fields: dict[str, Any]) -> None:
    structlog.get_logger("x").warning("executor.database_away", **fields)
    secrets = (TOKEN, "p@ssw0rd", "p%40ss", "other-p4ss", "hunter22", "abcdefghijklmnop")
    assert not [secret for secret in secrets if secret in kept.text]
    assert HIDDEN in kept.text


def test_what_libraries_say_comes_through_the_same_door_without_secrets(kept: Kept) -> None:
    logging.getLogger("psycopg.pool").warning("error connecting to %s", DATABASE)
    logging.getLogger("uvicorn.error").info("not worth a line")
    try:
        raise ValueError(f"with {TOKEN}")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    first, second, third = kept.lines()
    assert (first["event"], first["level"], first["logger"]) == ("library.said", "warning", "psycopg.pool")
    assert (second["level"], "ValueError" in second["exception"]) == ("error", True)
    assert "DeprecationWarning" in third["message"]
    assert TOKEN not in kept.text
    assert "ssw0rd" not in kept.text


def test_an_error_that_nothing_caught_is_one_line(kept: Kept) -> None:
    try:
        raise RuntimeError("out of the blue")
    except RuntimeError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    [line] = kept.lines()
    assert (line["event"], line["level"]) == ("process.died", "error")
    assert "out of the blue" in line["exception"]

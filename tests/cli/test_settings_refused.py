"""Settings that cannot be used: said in the reader's language, though it is itself a setting."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from conductor.cli.app import app

WRONG = {
    "an unknown one": (
        {"CONDUCTOR_FROB": "1"},
        "CONDUCTOR_FROB in the environment is no setting",
        "环境变量 CONDUCTOR_FROB 不是设置项",
    ),
    "no number": (
        {"CONDUCTOR_API_PORT": "abc"},
        "CONDUCTOR_API_PORT in the environment: ",
        "环境变量 CONDUCTOR_API_PORT：",
    ),
    "no database": ({}, "no database: no embedded PostgreSQL runs on ", "没有数据库："),
    "an open door": (
        {"CONDUCTOR_API_HOST": "192.0.2.1", "CONDUCTOR_DATABASE_URL": "postgresql://127.0.0.1:1/none"},
        "CONDUCTOR_API_HOST=192.0.2.1 can be reached by others",
        "他人可访问 CONDUCTOR_API_HOST=192.0.2.1",
    ),
}


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("chinese", [False, True])
def test_what_is_wrong_is_said_in_the_readers_language(what: str, chinese: bool, tmp_path: Path) -> None:
    environment, *said = WRONG[what]
    lang = {"CONDUCTOR_LANG": "zh"} if chinese else {"LC_ALL": "C.UTF-8", "CONDUCTOR_LANG": ""}
    settings = {**environment, **lang, "CONDUCTOR_HOME": str(tmp_path)}
    ended = CliRunner().invoke(app, ["api"], prog_name="conductor", env=settings)
    assert (ended.exit_code, ended.stderr.count("\n")) == (1, 1)
    assert said[chinese] in ended.stderr

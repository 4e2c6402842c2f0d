"""`conductor whatif`, typed: on a trace, and on a server's own log."""

import json
import re
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from conductor.cli import charts
from conductor.cli.charts import Piece, cpu_ticks, pieces
from conductor.core.measures import Measures
from tests.cli.test_commands import Type, typed_at
from tests.fix_api import Api
from tests.given import START

ROOT = Path(__file__).parent.parent.parent
TRACE = ROOT / "tests" / "data" / "nasa-ipsc-1993-first-600.swf"
QUICK = ("whatif", "--swf", TRACE, "--load", 4)


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Where no server runs and there is no database."""
    monkeypatch.chdir(tmp_path)
    return typed_at("http://127.0.0.1:9", tmp_path)


def test_a_trace_needs_no_server_and_prints_what_came_of_it_in_eighty_columns(alone: Type) -> None:
    said = alone(*QUICK, "--policy", "backfill,guard_seconds=none", "--nodes", "1x128", "--limits", "exact")
    assert said.exit_code == 0, said.output
    assert "backfill, guard_seconds=none" in said.stdout
    assert "1x128 (at most 128 CPUs)" in said.stdout
    lines = [line.split("  ")[0] for line in said.stdout.splitlines()]
    assert {
        "jobs that ran",
        "wait, median (p50)",
        "wait, 95th percentile",
        "bounded slowdown, mean",
        "utilization",
        "makespan",
    } <= set(lines)
    assert "runs under 10 s counted as 10 s" in said.stdout
    assert max(cell_len(line) for line in said.stdout.splitlines()) <= 80
    chinese = alone(*QUICK, CONDUCTOR_LANG="zh")
    assert "有界减速比，平均" in chinese.stdout
    assert max(cell_len(line) for line in chinese.stdout.splitlines()) <= 80


def test_its_json_says_all_of_it_and_the_same_every_time(alone: Type) -> None:
    quick = (*QUICK, "--json", "--policy")
    first, second = (json.loads(alone(*quick, "guard_seconds=none").stdout) for _ in range(2))
    assert first == second
    assert first.keys() == {
        "source", "from", "policy", "nodes", "jobs", "simulated", "real", "refused", "cancelled", "timed_out",
        "never_started", "left_out", "slowdown_threshold_seconds", "passes", "digest",
    }  # fmt: skip
    assert first["simulated"].keys() == set(Measures.__slots__)
    assert (first["jobs"], first["policy"]["order"], first["nodes"], first["real"]) == (
        600,
        "first_fit",
        "1x128",
        None,
    )
    other = json.loads(alone(*quick, "strict_fifo").stdout)
    assert other["digest"] != first["digest"]
    assert other["simulated"]["wait_mean_seconds"] > first["simulated"]["wait_mean_seconds"]
    narrow = json.loads(alone(*QUICK, "--json", "--nodes", "4x32").stdout)
    assert narrow["refused"] > 0
    assert narrow["refused"] + narrow["simulated"]["jobs"] == 600


@pytest.mark.long
def test_the_example_in_the_documents_is_what_comes_out(alone: Type) -> None:
    written = (ROOT / "docs" / "whatif.md").read_text("utf-8")
    [command] = re.findall(r"^    conductor (whatif --swf tests/data/.*)$", written, re.MULTILINE)
    [block] = [
        body
        for body in re.findall(r"^```\n(.*?)^```$", written, re.MULTILINE | re.DOTALL)
        if "Jobs of" in body
    ]
    said = alone(*command.replace("tests/", f"{ROOT}/tests/").split()).stdout
    table = re.compile(r"^MEASURE.*?(?=^$|\Z)", re.MULTILINE | re.DOTALL)
    assert table.findall(said) == table.findall(block) != []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--policy", "lifo"), "order is one of first_fit, strict_fifo, backfill"),
        (("--policy", "guard_seconds=never"), "guard_seconds is a number"),
        (("--policy", "backfill,color=red"), "There is no policy value color"),
        (("--nodes", "64"), "'64' is no number of nodes"),
        (("--limits", "short"), "there are asked, exact and none"),
        (("--load", "0"), "a number from 0.001"),
        (("--from", "17"), "give --from and --to as times"),
        (("--from", "whenever"), "neither a position of the log nor a time"),
        (("--chart", "use.pdf"), "must end in .svg or .png"),
    ],
    ids=str,
)
def test_wrong_usage_is_told_in_one_sentence(alone: Type, words: Sequence[str], sentence: str) -> None:
    said = alone("whatif", "--swf", TRACE, *words)
    assert (said.exit_code, said.stdout) == (2, "")
    assert sentence in said.stderr
    assert len(said.stderr.splitlines()) == 1


def test_a_trace_that_cannot_be_read_is_named(alone: Type, tmp_path: Path) -> None:
    assert "cannot read missing.swf: No such file" in alone("whatif", "--swf", "missing.swf").stderr
    (tmp_path / "words.swf").write_text("no numbers\n")
    assert "line 1" in alone("whatif", "--swf", "words.swf").stderr


def a_day(api: Api) -> None:
    """Two CPUs: one job runs from position 3 to 6 on both, the other from then on, waiting meanwhile."""
    api.register(cpus=2)
    first, second = (api.submit(cpus=2, user_name=name, time_limit="10") for name in ("ann", "bob"))
    api.end(api.start(first))
    api.end(api.start(second))
    api.submit(cpus=1, hold=True)


def test_the_log_is_simulated_beside_what_really_happened(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    a_day(api)
    monkeypatch.setenv("CONDUCTOR_DATABASE_URL", api.database_url)
    conduct = typed_at(api.url, api.settings.home)
    before = api.count_events()
    told = json.loads(conduct("whatif", "--json").stdout)
    assert told["source"] == {"kind": "log", "place": f"1-{before}"}
    assert (told["jobs"], told["nodes"], told["policy"]["order"]) == (2, None, "first_fit")
    assert (told["simulated"]["jobs"], told["real"]["jobs"]) == (2, 2)
    assert told["simulated"]["cpu_hours"] == pytest.approx(told["real"]["cpu_hours"])
    assert told["simulated"]["wait_max_seconds"] <= told["real"]["wait_max_seconds"]
    assert told["left_out"] == {
        "never_ran": 1,
        "still_running": 0,
        "requeued": 0,
        "imported": 0,
        "carried_over": 0,
    }
    said = conduct("whatif", "--policy", "strict_fifo,node_choice=pack", "--nodes", "2x2").stdout
    assert "strict_fifo, node_choice=pack" in said
    assert "Left out: 1 job that has not run yet" in said
    assert ["MEASURE", "SIMULATED", "REALLY"] in [line.split() for line in said.splitlines()]
    part = json.loads(conduct("whatif", "--from", 2, "--to", 9, "--json").stdout)
    assert (part["jobs"], part["left_out"]["carried_over"], part["simulated"]["jobs"]) == (2, 1, 1)
    assert api.count_events() == before


def test_what_only_a_trace_has_is_refused_for_the_log_and_a_piece_must_not_be_empty(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONDUCTOR_DATABASE_URL", api.database_url)
    conduct = typed_at(api.url, api.settings.home)
    assert "No job ran that could be measured." in conduct("whatif").stdout
    a_day(api)
    assert "--swf FILE" in conduct("whatif", "--load", 2).stderr
    assert "earlier --from" in conduct("whatif", "--from", 5, "--to", 5).stderr
    assert conduct("whatif", "--to", 1).exit_code == 0


def test_without_the_library_a_chart_is_refused_before_anything_is_computed(
    alone: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(charts, "find_spec", lambda _: None)
    said = alone(*QUICK, "--chart", "use.svg")
    assert (said.exit_code, said.stdout) == (2, "")
    assert f"{sys.executable} -m pip install 'matplotlib>=3.9'" in " ".join(said.stderr.split())


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_a_chart_is_drawn_with_its_words_and_units(
    alone: Type, tmp_path: Path, suffix: str, language: str
) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / f"use.{suffix}"
    said = alone(*QUICK, "--chart", path, CONDUCTOR_LANG=language)
    assert said.exit_code == 0, said.output
    drawn = path.read_bytes()
    if suffix == "png":
        assert drawn.startswith(b"\x89PNG")
    else:
        words = set(re.findall(r"<text [^>]*>([^<]*)</text>", drawn.decode()))
        asked = {"en": {"CPUs in use", "jobs waiting"}, "zh": {"使用中的 CPU", "等待的作业"}}[language]
        assert asked <= words
        assert any("--load 4 --limits asked" in word for word in words)
        assert {"0", "32", "64", "96", "128"} <= words
    alone(*QUICK, "--chart", tmp_path / f"again.{suffix}", CONDUCTOR_LANG=language)
    assert (tmp_path / f"again.{suffix}").read_bytes() == drawn


def test_a_chart_that_cannot_be_written_is_told(alone: Type) -> None:
    pytest.importorskip("matplotlib")
    assert "cannot write missing/use.svg" in alone(*QUICK, "--chart", "missing/use.svg").stderr
    said = alone(*QUICK, "--to", "1980-01-01", "--chart", "use.svg")
    assert (said.exit_code, said.stderr) == (0, "Nothing is drawn, for nothing ran.\n")


def steps(*values: float) -> list[tuple[datetime, float]]:
    return [(START + timedelta(seconds=second), value) for second, value in enumerate(values)]


@pytest.mark.parametrize(
    ("cpus", "ticks"),
    [(128, (0, 32, 64, 96, 128)), (4, (0, 1, 2, 3, 4)), (250, (0, 50, 100, 150, 200, 250)), (127, ())],
)
def test_cpus_are_marked_in_steps_that_suit_the_machine(cpus: int, ticks: tuple[int, ...]) -> None:
    assert cpu_ticks(cpus) == ticks


def test_few_steps_are_drawn_as_they_are() -> None:
    assert pieces(steps(1, 2), START + timedelta(seconds=9)) == (
        Piece(begins_at=START, mean=1, least=1, most=1),
        Piece(begins_at=START + timedelta(seconds=1), mean=2, least=2, most=2),
    )
    assert pieces([], START) == ()


def test_many_steps_are_drawn_as_means_between_the_least_and_the_most() -> None:
    found = pieces(steps(0, 8, 2, 2), START + timedelta(seconds=4), most_steps=3, count=2)
    assert [(one.mean, one.least, one.most) for one in found] == [(4, 0, 8), (2, 2, 2)]


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 20), st.integers(0, 9)), min_size=2, max_size=40),
    st.integers(1, 12),
)
def test_the_area_under_what_is_drawn_is_the_area_that_was(drawn: list[tuple[int, int]], count: int) -> None:
    values, seconds = [], 0
    for length, value in drawn:
        values.append((START + timedelta(seconds=seconds), float(value)))
        seconds += length
    end = START + timedelta(seconds=seconds)
    found = pieces(values, end, most_steps=1, count=count)
    assert len(found) == count
    assert sum(one.mean for one in found) * seconds / count == pytest.approx(
        sum(n * v for n, v in drawn), rel=1e-6, abs=1e-3
    ), "pieces begin at whole microseconds"
    assert all(one.least - 1e-9 <= one.mean <= one.most + 1e-9 for one in found)
    assert max(one.most for one in found) == max(value for _, value in drawn)


def test_several_policies_stand_side_by_side_in_one_form(alone: Type) -> None:
    words = ("--policy", "first_fit", "--policy", "backfill,guard_seconds=none", "--limits", "exact")
    for language in ("en", "zh"):
        said = alone(*QUICK, *words, CONDUCTOR_LANG=language)
        assert said.exit_code == 0, said.output
        assert max(map(cell_len, said.stdout.splitlines())) <= 80
    said = alone(*QUICK, *words)
    assert ["MEASURE", "POLICY", "1", "POLICY", "2"] in [
        line.split()[:5] for line in said.stdout.splitlines()
    ]
    assert "Policy 2: backfill, guard_seconds=none" in said.stdout
    waits = [re.split("  +", line)[1:] for line in said.stdout.splitlines() if line.startswith("wait, ")]
    assert all(len({"." in one for one in row}) == 1 for row in waits)
    told = json.loads(alone(*QUICK, *words, "--json").stdout)["simulations"]
    assert [one["policy"]["order"] for one in told] == ["first_fit", "backfill"]
    refused = alone(*QUICK, *words, "--chart", "use.svg")
    assert (refused.exit_code, "give one --policy" in refused.stderr) == (2, True)

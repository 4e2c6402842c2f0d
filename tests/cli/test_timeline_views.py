"""A job's life in words: every step in both languages, who did it, and no line too wide."""

import string
from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args

import pytest
from rich.cells import cell_len

from conductor.cli.screen import Screen
from conductor.cli.tables import wrapped
from conductor.cli.texts import Language
from conductor.cli.timeline_texts import PARTS, STEPS
from conductor.cli.timeline_views import FIRST, LAST, sentence_of, show_timeline, who
from conductor.core.timeline import Step, What, timeline
from tests.core.test_timeline import ALICE, Story, reserved, running, submitted

LANGUAGES: tuple[Language, ...] = get_args(Language)


def screen(language: Language = "en", *, terminal: bool = False) -> Screen:
    return Screen(language=language, out_is_terminal=terminal, err_is_terminal=False)


def cancelled() -> Story:
    story = running().then("CancelRequested", ALICE, reason="wrong input", requeue=False)
    return story.then("ResourcesReleased", after=0.3, cause="job-42@4", reason="cancelled", exit_signal=15)


def words(story: Story, language: Language = "en") -> list[str]:
    return [sentence_of(step, language) for step in timeline(story.events)]


def test_a_cancelled_job_reads_as_a_story() -> None:
    assert words(cancelled()) == [
        "submitted by alice through the API: solver, 4 CPUs",
        "2 CPUs (0-1) promised on node-2 for 60 s by scheduler@a term 3",
        "started as PID 4711 on node-2",
        "cancelled by alice through the API: wrong input",
        "SIGTERM to group 4711 on node-2, group empty 0.3 s later, killed by SIGTERM",
    ]
    assert words(cancelled(), "zh") == [
        "由 alice 通过 API 提交：solver，4 个 CPU",
        "由 scheduler@a term 3 在 node-2 上预留 2 个 CPU（0-1），时限 60 秒",
        "在 node-2 上启动，PID 4711",
        "由 alice 通过 API 取消：wrong input",
        "向 node-2 上的进程组 4711 发送 SIGTERM，0.3 秒后进程组已空，被 SIGTERM 杀死",
    ]


@pytest.mark.parametrize(
    ("story", "said"),
    [
        (reserved().then("ResourcesReleased", after=61, reason="expired"),
         "reservation expired after 60 s, nobody started it; back in the queue"),
        (running().then("ResourcesReleased", reason="finished", exit_code=0, cpu_seconds=0.02, memory_peak_mb=5),
         "ended after 0.5 s, exit code 0, 0.02 s of CPU, 5 MB at most"),
        (running().then("ResourcesReleased", reason="finished"), "ended after 0.5 s, how is not known"),
        (running(time_limit_seconds=2).then("ResourcesReleased", after=2.5, reason="timed_out", exit_signal=9),
         ("time limit of 2 s reached: SIGTERM to group 4711 on node-2, group empty 2.5 s after its start, "
         "killed by SIGKILL")),
        (reserved().then("ResourcesReleased", reason="launch_failed", detail="no such folder"),
         "could not be started on node-2: no such folder"),
        (submitted().then("JobCancelled", {"actor": "bob", "channel": "cli"}, reason=None),
         "cancelled by bob through the command line while it waited"),
        (running().then("CleanupBlocked", pids=[5, 6], detail=None),
         "cannot be killed on node-2: PID 5, 6; its CPUs stay in use"),
        (submitted().then("JobTeleported", where="moon"), "JobTeleported where=moon"),
    ],
)  # fmt: skip
def test_ends_are_told_with_what_is_known(story: Story, said: str) -> None:
    assert words(story)[-1] == said


def test_who_is_a_person_and_his_way_or_a_service_by_itself() -> None:
    assert who("alice", "api", "en") == "alice through the API"
    assert who("scheduler@a", "scheduler@a term 3", "en") == "scheduler@a term 3"
    assert who("alice", "pigeon", "en") == "alice through pigeon"
    assert who(None, "", "en") == "nobody known"


def test_a_process_that_somebody_else_told_of_says_so() -> None:
    foreign = reserved().then("ResourcesAllocated", ALICE, process={"pid": 1})
    assert words(foreign)[-1] == "started as PID 1 on node-2, told by alice through the API"


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def test_every_step_has_a_sentence_in_both_languages_with_the_same_placeholders() -> None:
    assert STEPS.keys() == set(get_args(What))
    for english, chinese in (*STEPS.values(), *PARTS.values()):
        assert placeholders(english) == placeholders(chinese)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("what", get_args(What))
def test_every_step_can_be_said_whatever_is_missing(what: What, language: Language) -> None:
    bare = replace(submitted().last(), what=what, details={}, actor=None, channel=None)
    assert sentence_of(bare, language)


def shown(
    capsys: pytest.CaptureFixture[str], story: Story, language: Language = "en", **kind: Any
) -> list[str]:
    show_timeline(42, timeline(story.events), screen(language, **kind))
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_line_is_wider_than_80_columns_and_none_moves_a_cursor(
    capsys: pytest.CaptureFixture[str], language: Language
) -> None:
    long = "\x1b[2Jwords and 文字 " * 20 + " " * 200 + "x" * 200
    lines = shown(capsys, submitted().then("JobHeld", ALICE, reason=long), language)
    assert max(map(cell_len, lines)) <= 80
    assert "\x1b" not in "".join(lines)
    assert "".join(lines).count("x") >= 200


def test_colours_only_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert "\x1b[2m" in "\n".join(shown(capsys, cancelled(), terminal=True))
    assert "\x1b" not in "\n".join(shown(capsys, cancelled()))


def test_attempts_days_and_causes_elsewhere_are_marked(capsys: pytest.CaptureFixture[str]) -> None:
    story = submitted().then("JobReprioritized", ALICE, priority=3)
    story.then("ResourcesReserved", cause="job-42@1", node_name="node-2", cpu_ids=[0])
    story.then("ResourcesReleased", after=90_000, cause="node-node-2@9", reason="node_lost")
    story.then("JobRequeued", cause="job-42@4", attempt=2, automatic=True)
    lines = shown(capsys, story)
    assert lines[0].startswith("Timeline (←")
    assert [line for line in lines if line.strip() in ("Attempt 2", "2026-01-01", "2026-01-02")] == [
        "  2026-01-01",
        "  2026-01-02",
        "  Attempt 2",
    ]
    assert [line.rsplit("← ")[-1] for line in lines[1:] if "←" in line] == ["10", "node-node-2@9"]


def test_a_long_life_is_shortened_in_the_middle_with_the_command_that_shows_all(
    capsys: pytest.CaptureFixture[str],
) -> None:
    story = submitted()
    for number in range(FIRST + LAST + 99):
        story.then("JobReprioritized", ALICE, priority=number)
    lines = shown(capsys, story)
    assert len(lines) == 2 + FIRST + 1 + LAST
    assert (
        lines[2 + FIRST]
        == "  ... 100 steps left out; `conductor events --stream job-42 --limit 136` lists all"
    )
    just_fits = Story(events=story.events[: FIRST + LAST + 1])
    assert len(shown(capsys, just_fits)) == 2 + FIRST + LAST + 1


def test_a_sentence_breaks_at_blanks_and_between_wide_characters_but_before_no_closing_one() -> None:
    assert wrapped("one two three", 8) == ["one two", "three"]
    assert wrapped("中文字，中文", 6) == ["中文", "字，中", "文"]
    assert wrapped("x" * 10, 4) == ["xxxx", "xxxx", "xx"]
    assert wrapped("", 4) == [""]


def test_a_step_that_came_before_its_cause_by_the_clock_shows_it(capsys: pytest.CaptureFixture[str]) -> None:
    steps: list[Step] = list(timeline(cancelled().events))
    early = replace(steps[1], at=steps[0].at - timedelta(seconds=1), delay_seconds=-1.0)
    show_timeline(42, [steps[0], early], screen())
    assert "-1.000s" in capsys.readouterr().out


def test_a_cause_that_is_a_task_of_an_array_has_its_name_beside_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    story = running().then("ResourcesReleased", cause="job-7@4", reason="cancelled", exit_signal=15)
    show_timeline(42, timeline(story.events), screen(), {"job-7": "6_1"})
    shown = capsys.readouterr().out
    assert "← job-7@4 (6_1)" in " ".join(shown.split())

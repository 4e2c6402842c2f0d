"""The lines of a script are read as sbatch reads them, and none is dropped in silence."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from conductor.core.sbatch import (
    _FIELDS,
    MARK,
    MOST_CHARACTERS,
    MOST_OPTIONS,
    Directives,
    FaultCode,
    RemarkCode,
    directives_of,
    export_list,
    memory_mb,
)
from conductor.core.sbatch_options import LETTERS, OPTIONS, Fate, Takes, option_named


def read(*lines: str) -> Directives:
    return directives_of("\n".join(["#!/bin/bash", *(f"{MARK} {line}" for line in lines), "true", ""]))


def values(found: Directives) -> dict[str, Any]:
    assert found.faults == ()
    return {field: one.value for field, one in found.fields.items()}


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("--job-name=hello", {"name": "hello"}),
        ("--job-name hello", {"name": "hello"}),
        ("--job-name   'two  words'  # why", {"name": "two  words"}),
        ('-J "a # b"', {"name": "a # b"}),
        ("-J a\\ b", {"name": "a b"}),
        ("-J 'it'\\''s'", {"name": "it's"}),
        ("-J a#b", {"name": "a"}),
        ('-J ""', {"name": ""}),
        ("--job=abbreviated", {"name": "abbreviated"}),
        ("-n 4", {"ntasks_per_node": 4}),
        ("-n4", {"ntasks_per_node": 4}),
        ("--ntasks=2 --cpus-per-task=3", {"ntasks_per_node": 2, "cpus_per_task": 3}),
        ("-n 2 --ntasks-per-node=4", {"ntasks_per_node": 2}),
        ("--ntasks-per-node 4", {"ntasks_per_node": 4}),
        ("-c 2 -J x -t 5   # three", {"cpus_per_task": 2, "name": "x", "time_limit": "5"}),
        ("--array=1-5%2 -d afterok:7", {"array": "1-5%2", "dependency": "afterok:7"}),
        ("-a1-5", {"array": "1-5"}),
        ("-N 1", {}),
        ("-N1-4", {}),
        ("--mem=500", {"memory_mb": 500}),
        ("--mem=2G", {"memory_mb": 2048}),
        ("--mem 1500K", {"memory_mb": 2}),
        ("--mem=1T", {"memory_mb": 1024 * 1024}),
        ("-t 1-02:03:04", {"time_limit": "1-02:03:04"}),
        ("--time=UNLIMITED", {}),
        ("-b 2030-01-31T08:00:00+08:00", {"begin_time": "2030-01-31T08:00:00+08:00"}),
        ("-o out-%j.txt -e err-%j.txt", {"stdout_path": "out-%j.txt", "stderr_path": "err-%j.txt"}),
        ("-D /data", {"work_dir": "/data"}),
        ("--export=NONE", {"environment": {}}),
        ("--export=A=1,B='x y'", {"environment": {"A": "1", "B": "x y"}}),
        ("--export=\"A='1,2',B=3\"", {"environment": {"A": "1,2", "B": "3"}}),
        ("--export=A=1,NONE,B=2", {"environment": {"B": "2"}}),
        ("-H", {"hold": True}),
        ("-Hn3", {"hold": True, "ntasks_per_node": 3}),
        ("--requeue", {"requeue": True}),
        ("--requeue --no-requeue", {"requeue": False}),
        ("--priority=7 --nice=3", {"priority": 7, "nice": 3}),
        ("--nice", {"nice": 100}),
        ("--nice=-5", {"nice": -5}),
        ("-A physics --comment='two words'", {"account": "physics", "comment": "two words"}),
        ("--open-mode=append", {}),
        ("", {}),
        ("# nothing but a comment", {}),
    ],
)
def test_a_line_fills_fields(line: str, fields: dict[str, Any]) -> None:
    found = read(line)
    assert values(found) == fields
    assert {one.line for one in found.fields.values()} <= {2}
    assert found.remarks == ()


@pytest.mark.parametrize(
    ("line", "option", "code"),
    [
        ("--frobnicate=3", "--frobnicate", FaultCode.UNKNOWN),
        ("--n=3", "--n", FaultCode.UNKNOWN),  # the beginning of several
        ("-z", "-z", FaultCode.UNKNOWN),
        ("-\u202e", "-?", FaultCode.UNKNOWN),
        ("--time", "--time", FaultCode.VALUE_MISSING),
        ("-t # 5", "-t", FaultCode.VALUE_MISSING),
        ("--hold=yes", "--hold", FaultCode.VALUE_UNWANTED),
        ("hetjob", "", FaultCode.STRAY_WORD),
        ("-n 4 5", "", FaultCode.STRAY_WORD),
        ("--", "", FaultCode.STRAY_WORD),
        ("-", "", FaultCode.STRAY_WORD),
        ("--nice 5", "", FaultCode.STRAY_WORD),
        ("-J 'open", "", FaultCode.OPEN_QUOTE),
        ("-J open\\", "", FaultCode.OPEN_QUOTE),
        ("-n four", "--ntasks", FaultCode.NOT_A_COUNT),
        ("-n=4", "--ntasks", FaultCode.NOT_A_COUNT),
        ("-n -4", "--ntasks", FaultCode.NOT_A_COUNT),
        ("-c 9999999999", "--cpus-per-task", FaultCode.NOT_A_COUNT),
        ("-c \u0664", "--cpus-per-task", FaultCode.NOT_A_COUNT),
        ("--mem=lots", "--mem", FaultCode.NOT_AN_AMOUNT),
        ("--mem=1.5G", "--mem", FaultCode.NOT_AN_AMOUNT),
        ("-N 2", "--nodes", FaultCode.SEVERAL_NODES),
        ("-N 2-4", "--nodes", FaultCode.SEVERAL_NODES),
        ("-N many", "--nodes", FaultCode.NOT_A_COUNT),
        ("--open-mode=truncate", "--open-mode", FaultCode.TRUNCATED),
        ("--open-mode=x", "--open-mode", FaultCode.NOT_A_MODE),
        ("--export=1X=2", "--export", FaultCode.BAD_EXPORT),
        ("-n 4 --ntasks-per-node=2", "--ntasks", FaultCode.MORE_TASKS),
        ("--exclusive=user", "--exclusive", FaultCode.EXCLUSIVE_KIND),
    ],
)
def test_a_line_that_cannot_be_honoured_is_a_fault_of_that_line(
    line: str, option: str, code: FaultCode
) -> None:
    [fault] = read("-c 1", line).faults
    assert (fault.line, fault.option, fault.code) == (3, option, code)


@pytest.mark.parametrize("option", OPTIONS.values(), ids=lambda option: option.name)
def test_every_option_is_honoured_remarked_or_refused_by_either_name(option: Any) -> None:
    written = f"--{option.name}=x" if option.takes is Takes.VALUE else f"--{option.name}"
    short = [f"-{option.letter}" + (" x" if option.takes is Takes.VALUE else "")] if option.letter else []
    for line in [written, *short]:
        found = read(line)
        assert options_in(found) == {f"--{option.name}"}, line
        if option.fate is Fate.REFUSED:
            assert [fault.code for fault in found.faults] == [FaultCode.UNSUPPORTED]
        elif option.fate is not Fate.HONOURED:
            assert [remark.code for remark in found.remarks] == [option.fate]


def options_in(found: Directives) -> set[str]:
    faults, remarks = {one.option for one in found.faults}, {one.option for one in found.remarks}
    return faults | remarks | {one.option for one in found.fields.values()}


def test_the_table_of_options_is_whole() -> None:
    honoured = {option.name for option in OPTIONS.values() if option.fate is Fate.HONOURED}
    assert honoured == _FIELDS.keys()
    assert len(LETTERS) == sum(bool(option.letter) for option in OPTIONS.values())
    assert option_named("") is None


def test_the_last_of_two_lines_counts() -> None:
    found = read("-J first -n 8", "-J second", "-n 2")
    assert values(found) == {"name": "second", "ntasks_per_node": 2}
    assert found.fields["name"].line == 3


def test_lines_end_at_the_first_command_and_what_stands_after_is_remarked() -> None:
    off = "##SBATCH -J off\n #SBATCH -J off\n# SBATCH -J off\n"
    script = f"#!/bin/bash\n\n   # a comment\n#SBATCH -J good\n{off}echo\n#SBATCH -n 9\n"
    found = directives_of(script)
    assert values(found) == {"name": "good"}
    [remark] = found.remarks
    assert (remark.line, remark.code) == (9, RemarkCode.AFTER_COMMAND)
    assert directives_of("echo\n#SBATCH is a word of Slurm's\n").remarks == ()


def test_a_script_without_lines_asks_for_nothing() -> None:
    assert directives_of("#!/bin/bash\necho\n") == Directives(fields={})


def test_what_only_the_caller_could_export_is_remarked() -> None:
    assert [one.code for one in read("--export=ALL,A=1").remarks] == [RemarkCode.EXPORT_ALL]
    assert [one.code for one in read("--export=HOME,A=1,B").remarks] == [RemarkCode.EXPORT_NAME]
    assert values(read("--export=ALL,A=1")) == {"environment": {"A": "1"}}
    assert read("--export=ALL,A=1").export == "ALL,A=1"


def test_ignored_options_are_remarked_in_order() -> None:
    found = read("--mail-type=END -p debug", "-q high")
    assert [(one.line, one.option, one.code) for one in found.remarks] == [
        (2, "--mail-type", Fate.NO_MAIL),
        (2, "--partition", Fate.NO_QUEUES),
        (3, "--qos", Fate.NO_QUEUES),
    ]


def test_a_flood_of_options_is_one_fault() -> None:
    for line in ("-H", "", "# nothing"):
        found = read(*[line] * (MOST_OPTIONS + 50))
        assert [(one.line, one.code) for one in found.faults] == [(MOST_OPTIONS + 2, FaultCode.TOO_MANY)]
    assert [fault.code for fault in read("-H " * (MOST_OPTIONS + 1)).faults] == [FaultCode.TOO_MANY]
    assert [fault.code for fault in read("-J" + "x" * MOST_CHARACTERS).faults] == [FaultCode.TOO_MANY]
    assert read(*["-H"] * MOST_OPTIONS).faults == ()
    assert len(read(*["x"] * (MOST_OPTIONS + 50)).faults) == MOST_OPTIONS + 1


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("0", 0),
        ("1", 1),
        ("1K", 1),
        ("1025k", 2),
        ("3m", 3),
        ("2GB", 2048),
        ("", None),
        ("G", None),
        ("-1", None),
    ],
)
def test_memory_is_whole_mebibytes_rounded_up(text: str, amount: int | None) -> None:
    assert memory_mb(text) == amount


def test_exports_are_split_at_commas_but_not_inside_quotes() -> None:
    assert export_list("A=1, B='x,y',\"C=2,3\",,D=it's") == ["A=1", "B=x,y", "C=2,3", "D=it's"]


LINES = st.lists(
    st.one_of(
        st.text(max_size=30),
        st.builds("{} {}".format, st.sampled_from([f"--{name}" for name in OPTIONS]), st.text(max_size=8)),
        st.builds("--{}={}".format, st.sampled_from(list(OPTIONS)), st.text(max_size=8)),
        st.builds(
            "-{}{}".format, st.sampled_from(list(LETTERS)), st.text("0123456789-:,='\"\\#% \tGx", max_size=8)
        ),
    ),
    max_size=5,
)


@given(LINES)
@example(["-J \\"])
@example(["--export='"])
def test_no_text_makes_it_fail_and_none_is_dropped(lines: list[str]) -> None:
    script = "\n".join(f"{MARK} {line}" for line in lines)
    found = directives_of(script)
    lines_told = [one.line for one in found.faults] + [one.line for one in found.remarks]
    assert all(1 <= line <= script.count("\n") + 1 for line in lines_told)
    assert all(option.isprintable() for option in options_in(found))
    assert {"nodes", "ntasks", "open_mode"}.isdisjoint(found.fields)


@given(st.text(st.characters(exclude_characters="\n\r'\\"), max_size=30))
def test_what_stands_in_quotes_is_kept_to_the_letter(value: str) -> None:
    assert values(read(f"--comment='{value}'")) == {"comment": value}

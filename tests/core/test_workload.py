"""Nodes as they are typed, and traces as workloads."""

import gzip
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from conductor.core.events import NodeDrained, NodeRemoved, Policy
from conductor.core.identifiers import NodeName
from conductor.core.workload import (
    MOST_NODES,
    NodeKind,
    NodeNews,
    Step,
    capacity_steps,
    parse_nodes,
    registrations,
)
from conductor.swf import SwfError, Trace, parse, read_trace
from conductor.swf_workload import workload_of
from tests.given import START, registered

WHOLE = Path(__file__).parent.parent / "data" / "NASA-iPSC-1993-3.1-cln.swf.gz"
FIRST = WHOLE.parent / "nasa-ipsc-1993-first-600.swf"


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("4x64", [(4, 64, None)]),
        ("2x64,8x32", [(2, 64, None), (8, 32, None)]),
        (" 1x8:500 , 1x8:2g,1X8:1T", [(1, 8, 500), (1, 8, 2048), (1, 8, 1024 * 1024)]),
    ],
)
def test_nodes_are_numbers_an_x_and_cpus_and_perhaps_memory(
    text: str, kinds: list[tuple[int, int, int | None]]
) -> None:
    assert parse_nodes(text) == tuple(NodeKind(count=n, cpus=cpus, memory_mb=mb) for n, cpus, mb in kinds)


@pytest.mark.parametrize(
    "text", ["", "64", "4*64", "0x64", "4x0", "4x64:", "4x64:3K", "-1x4", "4x64,", f"{MOST_NODES + 1}x1"]
)
def test_what_is_no_node_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"nodes|CPUs"):
        parse_nodes(text)


def test_nodes_that_nobody_has_are_named_so_that_names_sort_as_they_are_counted() -> None:
    made = registrations(parse_nodes("9x2,3x4:1G"))
    assert [one.node_name for one in made] == sorted(one.node_name for one in made)
    assert (made[-1].node_name, made[-1].total_cpus, made[-1].memory_mb) == ("node-12", 4, 1024)
    assert len({one.cpu_block for one in made}) == 12


def test_capacity_is_of_the_nodes_that_are_registered_and_not_removed() -> None:
    a, b = NodeName("a"), NodeName("b")
    news = [
        NodeNews(START, a, registered(a, cpus=4)),
        NodeNews(START, b, registered(b, cpus=8)),
        NodeNews(START + timedelta(1), a, NodeDrained(reason=None)),
        NodeNews(START + timedelta(2), a, NodeRemoved(reason=None)),
    ]
    assert capacity_steps(news) == (
        Step(START, 12),
        Step(START + timedelta(1), 12),
        Step(START + timedelta(2), 8),
    )


def trace(*lines: str, header: str = "; MaxProcs: 64\n; UnixStartTime: 1000000000\n") -> Trace:
    return parse((header + "\n".join(lines)).splitlines())


def line(number: int, **known: int) -> str:
    """-1 is what nobody knows."""
    names = (
        "number",
        "submit",
        "wait",
        "run",
        "had",
        "cpu",
        "used",
        "wanted",
        "time",
        "memory",
        "status",
        "user",
        "group",
    )
    values: Mapping[str, int] = {"number": number, "submit": 10 * number, "run": 60, "had": 4, **known}
    return " ".join(str(values.get(name, -1)) for name in names) + " -1" * 5


def test_a_trace_becomes_jobs_with_their_true_times_and_the_limits_that_they_asked_for() -> None:
    found = workload_of(
        trace(line(7, time=100, memory=2048, wait=5, user=3), line(8, had=-1, wanted=16)), policy=Policy()
    )
    first, second = found.workload.jobs
    assert (first.submitted.job_id, first.submitted.name, first.submitted.user_name) == (1, "swf-7", "user3")
    assert (first.submitted.total_cpus, first.submitted.memory_mb) == (4, 8)
    assert (first.submitted.time_limit_seconds, first.run) == (100, timedelta(seconds=60))
    assert (second.submitted.total_cpus, second.submitted.time_limit_seconds) == (16, None)
    assert first.submitted_at.timestamp() == 1_000_000_070
    assert second.submitted_at - first.submitted_at == timedelta(seconds=10)
    assert found.kinds == (NodeKind(count=1, cpus=64),)
    assert [one.wait_seconds for one in found.really] == [5]
    assert (found.without_limit, found.without_wait) == (1, 1)


def test_what_cannot_be_simulated_is_left_out_and_counted() -> None:
    lines = line(1, run=-1), line(2, had=-1), line(3, status=3), line(4, status=1), line(5, had=0)
    found = workload_of(trace(*lines), policy=Policy())
    assert [one.submitted.name for one in found.workload.jobs] == ["swf-4"]
    assert found.skipped == {"no_run_time": 1, "no_processors": 2, "part_of_another": 1}


@pytest.mark.parametrize(("limits", "seconds"), [("asked", 100), ("exact", 60), ("none", None)])
def test_limits_are_what_was_asked_for_or_exact_or_none(limits: str, seconds: int | None) -> None:
    found = workload_of(trace(line(1, time=100)), policy=Policy(), limits=limits)  # type: ignore[arg-type]
    assert found.workload.jobs[0].submitted.time_limit_seconds == seconds


def test_twice_the_load_is_half_the_time_between_submissions_and_is_not_what_really_happened() -> None:
    lines = [line(number, wait=0) for number in (1, 2, 4)]
    once, twice = (workload_of(trace(*lines), policy=Policy(), load=load) for load in (1.0, 2.0))
    gaps = [job.submitted_at - twice.workload.begins_at for job in twice.workload.jobs]
    assert gaps == [timedelta(0), timedelta(seconds=5), timedelta(seconds=15)]
    assert [job.run for job in once.workload.jobs] == [job.run for job in twice.workload.jobs]
    assert (len(once.really), twice.really) == (3, ())


def test_a_piece_of_a_trace_is_what_was_submitted_in_it() -> None:
    whole = workload_of(trace(*map(line, range(1, 10))), policy=Policy())
    since, until = whole.workload.jobs[2].submitted_at, whole.workload.jobs[5].submitted_at
    part = workload_of(trace(*map(line, range(1, 10))), policy=Policy(), within=(since, until))
    assert [job.submitted.name for job in part.workload.jobs] == ["swf-3", "swf-4", "swf-5", "swf-6"]


def test_without_a_header_the_machine_is_as_wide_as_its_widest_job() -> None:
    found = workload_of(trace(line(1, had=3), line(2, had=7), header=""), policy=Policy())
    assert (found.real_cpus, found.workload.begins_at.year) == (7, 1970)
    assert workload_of(Trace(header={}, jobs=()), policy=Policy()).workload.jobs == ()


def test_the_whole_trace_is_here_and_its_first_jobs_are_those_of_the_small_file() -> None:
    whole, first = read_trace(WHOLE), read_trace(FIRST)
    assert len(whole.jobs) == int(whole.header["MaxRecords"]) == 18_239
    assert whole.jobs[:600] == tuple(replace(job) for job in first.jobs)


def test_a_file_that_is_cut_short_is_an_error(tmp_path: Path) -> None:
    short = tmp_path / "short.gz"
    short.write_bytes(gzip.compress(b"; MaxProcs: 64\n")[:-5])
    with pytest.raises(EOFError):
        read_trace(short)
    (tmp_path / "words").write_text("these are no numbers\n")
    with pytest.raises(SwfError, match="line 1"):
        read_trace(tmp_path / "words")

"""Whatever is changed in a case file, and whatever else is given in place of one, is found or refused."""

import gzip
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from projections.case_file import CaseFileError, read_case
from projections.case_proof import verify_case
from projections.known import KnownPosition
from tests.fix_engine import Engine
from tests.given import registered, reserved, submitted
from tests.given_case import a_case, codes, ended_anew, exported, forged
from tests.postgres.test_replay import a_busy_day


@pytest.fixture
def small(engine: Engine, tmp_path: Path) -> Path:
    """A job's file with a script, and a word that needs more than a byte a letter."""
    engine.run(lambda engine: engine.submit(script="echo 你好\n", name="流体"))
    path = tmp_path / "case.jsonl"
    exported(engine, path, jobs=[1], scripts=True)
    assert verify_case(read_case(path)).equal
    return path


def test_no_byte_can_be_changed(small: Path) -> None:
    """Every byte, in ways that make another letter, a letter of the other case, another sign, no text at all."""
    content = small.read_bytes()
    for place in range(len(content)):
        for mask in (0x01, 0x20, 0x80):
            changed = bytearray(content)
            changed[place] ^= mask
            small.write_bytes(changed)
            with pytest.raises(CaseFileError):
                read_case(small)


def test_a_file_cut_off_anywhere_is_refused(small: Path) -> None:
    content = small.read_bytes()
    for length in range(len(content)):
        small.write_bytes(content[:length])
        with pytest.raises(CaseFileError):
            read_case(small)
    small.write_bytes(content[: -len(content.splitlines(keepends=True)[-1])])
    with pytest.raises(CaseFileError, match="cut off after line 3"):
        read_case(small)


def test_lines_cannot_be_added_taken_away_or_moved(engine: Engine, tmp_path: Path) -> None:
    engine.run(a_busy_day)
    path = tmp_path / "case.jsonl"
    exported(engine, path, scripts=True)
    lines = path.read_bytes().splitlines(keepends=True)
    for place in range(len(lines)):
        without = lines[:place] + lines[place + 1 :]
        twice = lines[: place + 1] + lines[place:]
        swapped = [*lines[:place], *reversed(lines[place : place + 2]), *lines[place + 2 :]]
        for changed in (without, twice, swapped if place + 1 < len(lines) else without):
            path.write_bytes(b"".join(changed))
            with pytest.raises(CaseFileError):
                read_case(path)
    path.write_bytes(b"".join(lines) + b"\n")
    with pytest.raises(CaseFileError, match="goes on after its end"):
        read_case(path)


Change = Callable[[dict[str, Any]], None]


def other_text(line: dict[str, Any]) -> None:
    line["event"] = line["event"].replace('"priority": 0', '"priority": 9')


def text_and_hash(line: dict[str, Any]) -> None:
    other_text(line)
    previous = bytes.fromhex(line["previous_hash"])
    line["hash"] = hashlib.sha256(previous + line["event"].encode()).hexdigest()


def other_predecessor(line: dict[str, Any]) -> None:
    line["previous_hash"] = "ab" * 32
    line["hash"] = hashlib.sha256(bytes.fromhex("ab" * 32) + line["event"].encode()).hexdigest()


@pytest.mark.parametrize("change", [other_text, text_and_hash, other_predecessor])
def test_a_forger_who_mends_the_last_line_is_found_by_the_hashes(
    engine: Engine, tmp_path: Path, change: Change
) -> None:
    engine.run(a_busy_day)
    path = tmp_path / "case.jsonl"
    exported(engine, path)
    lines = path.read_bytes().splitlines(keepends=True)
    third = json.loads(lines[3])
    change(third)
    assert json.loads(lines[3]) != third
    lines[3] = json.dumps(third).encode() + b"\n"
    path.write_bytes(ended_anew(lines))
    report = verify_case(read_case(path))
    assert set(codes(report)) == {"hash_broken"}
    assert report.differences[0].subject in ("position 3", "position 4")


def test_a_forger_who_computes_everything_anew_is_found_by_a_checkpoint(
    engine: Engine, tmp_path: Path
) -> None:
    engine.run(a_busy_day)
    path = tmp_path / "case.jsonl"
    exported(engine, path)
    [(position, remembered)] = engine.sql("SELECT position, hash FROM events ORDER BY position DESC LIMIT 1")
    lines = path.read_bytes().splitlines(keepends=True)
    previous = ""
    for number in range(1, len(lines) - 1):
        line = json.loads(lines[number])
        if number == 3:
            other_text(line)
        line["previous_hash"] = previous
        previous = hashlib.sha256(bytes.fromhex(previous) + line["event"].encode()).hexdigest()
        line["hash"] = previous
        lines[number] = json.dumps(line).encode() + b"\n"
    header = json.loads(lines[0])
    header["head"]["hash"] = previous
    lines[0] = json.dumps(header).encode() + b"\n"
    path.write_bytes(ended_anew(lines))
    case = read_case(path)
    assert verify_case(case).equal, "from inside, nothing is wrong"
    note = KnownPosition(position=position, hash=remembered, origin="note")
    assert codes(verify_case(case, [note])) == ["history_rewritten"]


def test_what_the_first_line_promises_must_be_there(engine: Engine, tmp_path: Path) -> None:
    engine.run(a_busy_day)
    path = tmp_path / "case.jsonl"
    exported(engine, path)
    whole = path.read_bytes().splitlines(keepends=True)
    last = len(whole) - 2
    for lines, found in (
        ([*whole[:last], whole[-1]], {"position_missing"}),
        ([*whole[:5], *whole[6:]], {"position_missing", "hash_broken"}),
        ([whole[0], *whole[2:]], {"position_missing"}),
    ):
        path.write_bytes(ended_anew(lines))
        assert found - {"hash_broken"} <= set(codes(verify_case(read_case(path))))
    exported(engine, path, jobs=[2])
    lines = path.read_bytes().splitlines(keepends=True)
    for missing in (2, 3):
        path.write_bytes(ended_anew([*lines[:missing], *lines[missing + 1 :]]))
        assert codes(verify_case(read_case(path))) == ["stream_incomplete"]


def test_a_damaged_log_is_exported_as_it_is_and_its_file_says_so(
    tampered_engine: Engine, tmp_path: Path
) -> None:
    tampered_engine.run(a_busy_day)
    tampered_engine.sql("ALTER TABLE events DISABLE TRIGGER events_append_only")
    tampered_engine.sql("UPDATE events SET data = data || '{\"priority\": 9}' WHERE position = 3")
    report = verify_case(a_case(tampered_engine, tmp_path))
    assert codes(report) == ["hash_broken"]
    assert report.differences[0].subject == "position 3"


def test_a_script_that_is_not_the_jobs_is_found(small: Path) -> None:
    lines = small.read_bytes().splitlines(keepends=True)
    lines[-2] = lines[-2].replace("你好".encode(), b"rm")
    small.write_bytes(ended_anew(lines))
    assert codes(verify_case(read_case(small))) == ["script_altered"]


def test_other_files_are_named_for_what_they_are(small: Path, tmp_path: Path) -> None:
    content = small.read_bytes()
    newer = content.replace(b'"version": 1', b'"version": 2', 1)
    os.mkfifo(tmp_path / "pipe")
    for other, words in (
        (gzip.compress(content), "compressed. Uncompress it first: gzip -d"),
        (b"", "empty"),
        (b"\n", "no case file"),
        (b"\x00" * 100, "no case file"),
        (b"#!/bin/sh\n", "no case file"),
        (b'{"format":"conductor-checkpoint-1"}\n', "no case file"),
        (newer, "format version 2, written by release 1.2.3"),
        (content[:20], "cut off in line 1"),
        (content[: len(content) // 2], "cut off in line"),
    ):
        small.write_bytes(other)
        with pytest.raises(CaseFileError, match=words):
            read_case(small)
    for path, words in (
        (tmp_path / "pipe", "no plain file"),
        (tmp_path, "no plain file"),
        (tmp_path / "x", "No such"),
    ):
        with pytest.raises(CaseFileError, match=words):
            read_case(path)


@pytest.mark.parametrize(
    "text",
    [
        "[]", "{}", "null", "[1, 2, 3, 4, 5, 6, 7, 8, 9]", "[" * 100_000,
        '[1, "job-1", 1, "JobSubmitted", 1, 99999999999999999999, 0, {}, {}]',
        '[true, "job-1", 1, "JobSubmitted", 1, 0, 0, {}, {}]',
        '[0, "job-1", 1, "JobSubmitted", 1, 0, 0, {}, {}]',
        '[1, "\\ud800", 1, "JobSubmitted", 1, 0, 0, {}, {}]',
        '[1, "\ud800", 1, "JobSubmitted", 1, 0, 0, {}, {}]',
    ],
)  # fmt: skip
def test_what_is_no_event_is_refused_or_found(small: Path, text: str) -> None:
    lines = small.read_bytes().splitlines(keepends=True)
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
    lines[1] = json.dumps({"event": text, "previous_hash": "", "hash": digest}).encode() + b"\n"
    small.write_bytes(ended_anew(lines))
    try:
        report = verify_case(read_case(small))
    except CaseFileError:
        return
    assert not report.equal


NODE = asdict(registered(cpus=1))
HOLDING = {**asdict(reserved()), "expires_at": "2026-01-01T01:00:00Z"}


def test_events_that_cannot_have_happened_are_found_though_their_hashes_are_right(tmp_path: Path) -> None:
    jobs = [(f"job-{n}", 1, "JobSubmitted", asdict(submitted(n))) for n in (1, 2)]
    story = [("node-node-1", 1, "NodeRegistered", NODE), *jobs, ("job-1", 2, "ResourcesReserved", HOLDING)]
    assert verify_case(forged(tmp_path / "sound", *story)).equal
    twice = ("job-2", 2, "ResourcesReserved", {**HOLDING, "allocation_id": 8})
    report = verify_case(forged(tmp_path / "twice", *story, twice))
    assert set(codes(report)) == {"conservation_broken"}
    assert "CPU 0 of node-1 was promised to allocation 8 while 7 held it" in report.differences[0].sentence()
    again = ("job-1", 3, "ResourcesReserved", {**HOLDING, "allocation_id": 9})
    assert codes(verify_case(forged(tmp_path / "again", *story, again))) == ["event_illegal"]
    gap = ("job-1", 4, "JobHeld", {"reason": None})
    assert codes(verify_case(forged(tmp_path / "gap", *story, gap))) == ["stream_incomplete"]


def test_a_file_that_contradicts_itself_about_the_end_of_the_log_is_found(tmp_path: Path) -> None:
    node = ("node-node-1", 1, "NodeRegistered", NODE)
    for claim in ({"position": 0}, {"hash": "ab" * 32}):
        assert codes(verify_case(forged(tmp_path / "case", node, **claim))) == ["head_differs"]
    assert verify_case(forged(tmp_path / "case", node, position=2, hash="ab" * 32)).equal, "it went on"


def test_moved_events_are_refused_though_the_last_line_was_mended(engine: Engine, tmp_path: Path) -> None:
    engine.run(a_busy_day)
    path = tmp_path / "case.jsonl"
    exported(engine, path)
    lines = path.read_bytes().splitlines(keepends=True)
    for changed in ([*lines[:2], lines[3], lines[2], *lines[4:]], [*lines[:3], *lines[2:]]):
        path.write_bytes(ended_anew(changed))
        with pytest.raises(CaseFileError, match="lines were added or moved"):
            read_case(path)


def test_an_event_of_a_later_release_is_named_and_the_rest_is_read(small: Path) -> None:
    lines = small.read_bytes().splitlines(keepends=True)
    text = '[9, "job-9", 1, "JobCloned", 1, 0, 0, {}, {"actor": "a", "channel": "b"}]'
    digest = hashlib.sha256(text.encode()).hexdigest()
    lines.insert(2, json.dumps({"event": text, "previous_hash": "", "hash": digest}).encode() + b"\n")
    small.write_bytes(ended_anew(lines))
    report = verify_case(read_case(small))
    assert "event_illegal" in codes(report)
    assert "JobCloned" in next(one.text for one in report.differences if one.code == "event_illegal")

"""The journal remembers what was written before the fact, through a torn line, a short write and compaction."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from conductor.supervisor.journal import Intent, Journal, Opening, Trust
from conductor.supervisor.protocol import Exited, Process
from conductor.supervisor.terms import Terms, no_terms

PROCESS: Process = {"pid": 7, "boot_id": "b", "start_ticks": 9, "pid_namespace": 1}
EXITED: Exited = {
    "type": "exited",
    "allocation_id": 1,
    "exit_code": 3,
    "exit_signal": None,
    "cpu_seconds": 0.5,
    "memory_peak_mb": 4,
    "cause": None,
    "detail": None,
    "truncated": [],
}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def written(folder: int) -> Journal:
    journal = Journal(folder)
    journal.gated(Intent(1, 11, 1, "1.mark"))
    journal.gated(Intent(2, 12, 1, "2.mark"))
    journal.opened(1, Opening(PROCESS, 12.5, 10.0, no_terms()))
    journal.ended(EXITED)
    journal.obeys(4)
    journal.write()
    return journal


def test_the_next_supervisor_remembers(folder: int) -> None:
    written(folder)
    again = Journal(folder)
    assert again.incarnation == 4
    assert again.remembered[1] == (
        Intent(1, 11, 1, "1.mark"),
        Opening(PROCESS, 12.5, 10.0, no_terms()),
        EXITED,
    )
    assert again.remembered[2] == (Intent(2, 12, 1, "2.mark"), None, None)


def test_terms_and_the_last_trust_are_remembered_through_compaction(folder: int) -> None:
    terms = {**no_terms(), "stop_when_untrusted": True, "warn_at": 12.25, "warn_signal": 10, "memory_mb": 5}
    journal = Journal(folder)
    assert journal.trust is None
    journal.gated(Intent(1, 11, 1, "1.mark"))
    journal.opened(1, Opening(PROCESS, None, 1.0, cast(Terms, terms)))
    for until in (7.5, 8.5):
        journal.trusted(Trust(until, 2.0, "b"))
    journal.write()
    for again in (Journal(folder), Journal(folder)):
        assert again.trust == Trust(8.5, 2.0, "b")
        assert again.trust.stops_at == 6.5
        opening = again.remembered[1].opening
        assert opening is not None
        assert opening.terms == terms


def test_an_older_supervisors_openings_have_no_terms(folder: int, tmp_path: Path) -> None:
    written(folder)
    text = (tmp_path / "journal").read_text()
    old = re.sub(r',"terms":\{[^}]*\}', "", text)
    assert old != text
    (tmp_path / "journal").write_text(old)
    opening = Journal(folder).remembered[1].opening
    assert opening is not None
    assert opening.terms == no_terms()


def test_nothing_is_in_the_file_before_it_is_written(folder: int, tmp_path: Path) -> None:
    journal = Journal(folder)
    journal.gated(Intent(1, 11, 1, "mark"))
    assert "mark" not in (tmp_path / "journal").read_text()
    journal.write()
    assert "mark" in (tmp_path / "journal").read_text()


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_torn_last_line_is_skipped_and_written_over(folder: int, tmp_path: Path, cut: int) -> None:
    written(folder)
    whole = (tmp_path / "journal").read_bytes()
    torn = b'[{"opened":2,"process":{"pid":8,"boot_id":"b","start_ticks":1,"pid_namespace":1}}]'[:cut]
    (tmp_path / "journal").write_bytes(whole + torn)
    again = Journal(folder)
    assert again.remembered[2].opening is None
    again.opened(2, Opening(PROCESS, None, 1.0, no_terms()))
    again.write()
    assert Journal(folder).remembered[2].opening == Opening(PROCESS, None, 1.0, no_terms())


def test_a_short_write_is_an_error_and_the_next_write_makes_up_for_it(
    folder: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = written(folder)
    journal.forgotten(1)
    really_write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: really_write(descriptor, data[:5]))
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        journal.write()
    assert 1 in Journal(folder).remembered
    monkeypatch.undo()
    journal = written(folder)
    journal.forgotten(1)
    monkeypatch.setattr(os, "write", lambda descriptor, data: really_write(descriptor, data[:5]))
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        journal.write()
    monkeypatch.undo()
    journal.gated(Intent(3, 13, 1, "3.mark"))
    journal.write()
    again = Journal(folder)
    assert sorted(again.remembered) == [2, 3]


def test_the_file_does_not_grow_with_what_is_forgotten(folder: int, tmp_path: Path) -> None:
    journal = written(folder)
    for number in range(10, 20_010):
        journal.gated(Intent(number, number, 1, f"{number}.mark"))
        journal.forgotten(number)
        if number % 100 == 0:
            journal.write()
    journal.write()
    assert (tmp_path / "journal").stat().st_size < 1_200_000
    assert sorted(Journal(folder).remembered) == [1, 2]

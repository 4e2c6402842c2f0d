"""What old jobs left in a spool is deleted after its days; nothing else is, and no link leads out of it."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from conductor.core.commands import Cancel
from conductor.core.identifiers import JobId
from conductor.output_keeping import NODE_FOLDERS, RECEIVED_FOLDERS, Swept, keep_for_days, sweep
from tests.fix_engine import Engine

DAY_SECONDS = 86_400
KEEP_DAYS = 7


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    for folder in (*NODE_FOLDERS, *RECEIVED_FOLDERS):
        (tmp_path / "spool" / folder).mkdir(parents=True)
    return tmp_path / "spool"


def old(path: Path, text: str = "") -> Path:
    """A file, or the folder it names, that nobody has touched for eight days."""
    if text:
        path.write_text(text)
    then = path.lstat().st_mtime - 8 * DAY_SECONDS
    os.utime(path, (then, then), follow_symlinks=False)
    return path


def files_of(spool: Path, job_id: int) -> list[Path]:
    """Everything that a node keeps of a job."""
    work = spool / "work" / f"job_{job_id}"
    (work / "deep" / "er").mkdir(parents=True)
    (work / "deep" / "er" / "data").write_text("data")
    (work / "locked").mkdir()
    (work / "locked" / "data").write_text("data")
    (work / "locked").chmod(0)
    return [
        old(spool / "scripts" / f"job_{job_id}.sh", "true\n"),
        old(spool / "output" / f"job_{job_id}.out", "out"),
        old(spool / "output" / f"job_{job_id}.err", "err"),
        old(work),
    ]


def ended(engine: Engine, *, days_ago: int) -> JobId:
    async def story(engine: Engine) -> JobId:
        job_id = await engine.submit()
        await engine.accepted(Cancel(job_id=job_id))
        return job_id

    job_id = engine.run(story)
    engine.sql("UPDATE jobs SET end_time = end_time - %s * interval '1 day' WHERE id = %s", days_ago, job_id)
    return job_id


def swept(engine: Engine, spool: Path, *folders: str, held: Callable[[], tuple[int, ...]] = tuple) -> Swept:
    return engine.run(lambda engine: sweep(engine.pool, spool, folders or NODE_FOLDERS, KEEP_DAYS, held=held))


def test_everything_of_a_job_that_ended_long_ago_goes_and_of_others_nothing(
    tampered_engine: Engine, spool: Path
) -> None:
    engine = tampered_engine  # the tests turn back the clock of its rows
    gone = files_of(spool, ended(engine, days_ago=8))
    kept = files_of(spool, ended(engine, days_ago=6))
    kept += files_of(spool, engine.run(lambda engine: engine.submit()))  # waits, perhaps for its next attempt
    kept += files_of(spool, 999)  # of another database
    assert swept(engine, spool) == Swept(deleted=4, left=0)
    assert [path for path in gone if os.path.lexists(path)] == []
    assert [path for path in kept if not path.exists()] == []


def test_what_was_touched_since_or_is_still_held_stays(tampered_engine: Engine, spool: Path) -> None:
    job_id = ended(tampered_engine, days_ago=8)
    kept = files_of(spool, job_id)
    assert swept(tampered_engine, spool, held=lambda: (job_id,)) == Swept(deleted=0, left=0)
    for path in kept:
        os.utime(path)
    assert swept(tampered_engine, spool) == Swept(deleted=0, left=0)
    assert [path for path in kept if not path.exists()] == []


def test_names_that_are_no_jobs_files_stay(tampered_engine: Engine, spool: Path) -> None:
    job_id = ended(tampered_engine, days_ago=8)
    names = [
        f"job_{job_id}.txt",
        f"my_job_{job_id}.out",
        f"job_0{job_id}.out",
        f"job_{job_id}.out.gz",
        "job_.out",
    ]
    kept = [old(spool / "output" / name, "kept") for name in names]
    assert swept(tampered_engine, spool) == Swept(deleted=0, left=0)
    assert [path for path in kept if not path.exists()] == []


def test_links_are_deleted_and_never_followed(tampered_engine: Engine, spool: Path, tmp_path: Path) -> None:
    job_id = ended(tampered_engine, days_ago=8)
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "data").write_text("data")
    work = spool / "work" / f"job_{job_id}"
    work.mkdir()
    (work / "link").symlink_to(precious)
    (work / "file").symlink_to(precious / "data")
    old(work)
    link = spool / "output" / f"job_{job_id}.out"
    link.symlink_to(precious / "data")
    old(link)
    assert swept(tampered_engine, spool) == Swept(deleted=2, left=0)
    assert not os.path.lexists(work)
    assert not os.path.lexists(link)
    assert (precious / "data").read_text() == "data"


def test_however_deep_a_tree_is_it_goes_and_takes_few_descriptors(
    tampered_engine: Engine, spool: Path
) -> None:
    job_id = ended(tampered_engine, days_ago=8)
    path = spool / "work" / f"job_{job_id}"
    path.mkdir()
    folder = os.open(path, os.O_RDONLY)
    for _ in range(1500):  # more than there may be frames, or open files
        os.mkdir("deep", dir_fd=folder)
        inner = os.open("deep", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(folder)
    old(path)
    assert swept(tampered_engine, spool) == Swept(deleted=1, left=0)
    assert not path.exists()


@pytest.mark.parametrize("linked", ["output", "output/received"])
def test_a_spool_whose_folder_is_a_link_is_not_entered(
    tampered_engine: Engine, spool: Path, tmp_path: Path, linked: str
) -> None:
    job_id = ended(tampered_engine, days_ago=8)
    (tmp_path / "elsewhere" / "received").mkdir(parents=True)
    (spool / "output" / "received").rmdir()
    if linked == "output":
        (spool / "output").rmdir()
    (spool / linked).symlink_to(tmp_path / "elsewhere")
    kept = [
        old(tmp_path / "elsewhere" / f"job_{job_id}.1.out", "kept"),
        old(tmp_path / "elsewhere" / f"job_{job_id}.out", "kept"),
        old(tmp_path / "elsewhere" / "received" / f"job_{job_id}.1.out", "kept"),
    ]
    assert swept(tampered_engine, spool, "output", "output/received") == Swept(deleted=0, left=0)
    assert [path for path in kept if not path.exists()] == []


def test_what_was_sent_to_the_api_goes_too_and_a_spool_that_is_not_there_is_none(
    tampered_engine: Engine, spool: Path, tmp_path: Path
) -> None:
    job_id = ended(tampered_engine, days_ago=8)
    sent = old(spool / "output" / "received" / f"job_{job_id}.2.err", "err")
    assert swept(tampered_engine, spool, *RECEIVED_FOLDERS) == Swept(deleted=1, left=0)
    assert not sent.exists()
    assert swept(tampered_engine, tmp_path / "none") == Swept(deleted=0, left=0)


def test_many_jobs_cost_few_questions(
    tampered_engine: Engine, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from conductor import output_keeping

    asked: list[int] = []
    long_ended = output_keeping._long_ended

    async def counted(pool: object, job_ids: list[int], keep_days: int) -> set[int]:
        asked.append(len(job_ids))
        return await long_ended(pool, job_ids, keep_days)  # type: ignore[arg-type]

    monkeypatch.setattr(output_keeping, "_long_ended", counted)
    for number in range(1, 1202):
        old(spool / "output" / f"job_{number}.out", "out")
    assert swept(tampered_engine, spool) == Swept(deleted=0, left=0)
    assert asked == [500, 500, 201]


def test_kept_for_no_days_is_kept_for_ever(tampered_engine: Engine, spool: Path) -> None:
    engine = tampered_engine
    engine.run(lambda engine: asyncio.wait_for(keep_for_days(engine.pool, spool, NODE_FOLDERS, 0), 5))

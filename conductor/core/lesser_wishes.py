"""Asking for less: with which smaller wish a job would start now, tried with the plan like every other remedy."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from conductor.core.events import JobSubmitted
from conductor.core.job import Job
from conductor.core.tries import Remedy, Tries
from conductor.core.wait_reasons import Judge, Told


def asked_otherwise(code: str, option: str, **parameters: Any) -> Remedy:
    """No command: nobody but the user knows what else the job was submitted with."""
    return Remedy(told=Told(code=code, parameters={**parameters, "option": option}))


def cpus_option(wanted: JobSubmitted, cpus: int) -> str:
    tasks = "--ntasks 1 " if wanted.ntasks_per_node > 1 else ""
    return f"{tasks}--cpus-per-task {cpus}"


def lesser(tries: Tries) -> Iterator[Remedy]:
    """With less of one thing that it asks for."""
    yield from _not_exclusive(tries)
    yield from _fewer_gres(tries)
    yield from _less_memory(tries)
    yield from fewer_cpus(tries)


def _fits(tries: Tries, wanted: JobSubmitted) -> bool:
    """Both ways: alone, which costs little, then in its place in the queue."""
    return tries.judge.fits_alone(replace(tries.job, submitted=wanted)) and tries.places_asking(wanted)


def _not_exclusive(tries: Tries) -> Iterator[Remedy]:
    wanted = tries.job.submitted
    if wanted.exclusive and _fits(tries, replace(wanted, exclusive=False)):
        yield Remedy(told=Told(code="not_exclusive"))


def _fewer_gres(tries: Tries) -> Iterator[Remedy]:
    """The most of one generic resource, at least one of it."""
    wanted = tries.job.submitted
    short = [one for found in tries.judge.short(wanted).values() for one in found if one.kind == "gres"]
    for name in sorted({one.name for one in short}):
        counts = {one.free for one in short if one.name == name and 0 < one.free < wanted.gres[name]}
        for count in sorted(counts, reverse=True):
            gres = {**wanted.gres, name: count}
            if _fits(tries, replace(wanted, gres=gres)):
                option = "--gres " + ",".join(f"{one}:{gres[one]}" for one in sorted(gres) if gres[one])
                yield asked_otherwise("fewer_gres", option, name=name, count=count)
                break


def _less_memory(tries: Tries) -> Iterator[Remedy]:
    wanted = tries.job.submitted
    short = [one for found in tries.judge.short(wanted).values() for one in found if one.kind == "memory"]
    for free in sorted({one.free for one in short if one.free > 0}, reverse=True):
        if _fits(tries, replace(wanted, memory_mb=free)):
            yield asked_otherwise("less_memory", f"--mem {free}M", free_mb=free)
            return


def narrower(wanted: JobSubmitted, cpus: int) -> JobSubmitted:
    """With so many CPUs, in one task."""
    return replace(wanted, ntasks_per_node=1, cpus_per_task=cpus)


def fewer_cpus(tries: Tries) -> Iterator[Remedy]:
    """The most CPUs with which the job would start, in its place in the queue."""
    wanted = tries.job.submitted
    if wanted.exclusive:
        return
    low, high = 0, _most_alone(tries.judge, tries.job)
    while low < high and not tries.used_up:
        middle = high if low == 0 else (low + high + 1) // 2
        if tries.places_asking(narrower(wanted, middle)):
            low = middle
        elif low == 0 and high > 1:
            low, high = _first_that_places(tries, high)
        else:
            high = middle - 1
    if low:
        yield asked_otherwise("fewer_cpus", cpus_option(wanted, low), cpus=low)


def _first_that_places(tries: Tries, high: int) -> tuple[int, int]:
    """Bounds between which the answer lies: the lower one places, or is 0 with an upper one of 0 when none does."""
    return (1, high - 1) if tries.places_asking(narrower(tries.job.submitted, 1)) else (0, 0)


def _most_alone(judge: Judge, job: Job) -> int:
    """The most CPUs below what it asks for with which it would be placed if nothing else waited; 0: none."""
    wanted = job.submitted
    low, high = 0, wanted.total_cpus - 1
    while low < high:
        middle = (low + high + 1) // 2
        if judge.fits_alone(replace(job, submitted=narrower(wanted, middle))):
            low = middle
        else:
            high = middle - 1
    return low

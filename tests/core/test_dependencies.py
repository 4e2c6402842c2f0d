"""The scheduler's memory of who depends on whom."""

import time
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from conductor.core.commands import ResolveDependency
from conductor.core.dependencies import (
    Kind,
    Outlook,
    members_of,
    outlook,
    parsed,
)
from conductor.core.events import (
    DependencyMet,
    Event,
    JobCancelled,
    JobRequeued,
    ReleaseReason,
    ResourcesReleased,
)
from conductor.core.identifiers import AllocationId, JobId, Version, job_stream
from conductor.core.job import Job, JobState, evolve
from conductor.core.waiting_on import Standing, WaitingOn
from tests.given import START, World, allocated, reserved, submitted

NAMING: tuple[Kind, ...] = ("after", "afterok", "afternotok", "afterany")


class Log:
    """Jobs that live through anything, and a memory that is told of it."""

    def __init__(self) -> None:
        self.jobs: dict[JobId, Job] = {}
        self.live: dict[JobId, Job] = {}
        self.memory = WaitingOn()
        self.now = START

    def tell(self, job_id: int, *events: Event) -> None:
        number = JobId(job_id)
        for event in events:
            before = self.jobs.get(number)
            version = Version(before.version + 1 if before else 1)
            self.now += timedelta(seconds=1)
            job = evolve(before, event, at=self.now, version=version)  # type: ignore[arg-type]
            self.jobs[number] = job
            self.live.pop(number, None)
            if not job.state.final:
                self.live[number] = job
            self.memory.moved(job, self.live)

    def submit(self, job_id: int, **changes: Any) -> None:
        self.tell(job_id, submitted(job_id, **changes))

    def run(self, job_id: int) -> None:
        self.tell(job_id, reserved(job_id), allocated(job_id))

    def end(self, job_id: int, exit_code: int) -> None:
        released = ResourcesReleased(
            allocation_id=AllocationId(job_id), reason=ReleaseReason.FINISHED, exit_code=exit_code
        )
        self.tell(job_id, released)

    def learn(self) -> None:
        found = {
            reference: {job.job_id: Standing.of(job) for job in members_of(reference, self.jobs)[0]}
            for reference in self.memory.unknown
        }
        self.memory.learn(found)

    def due(self, most: int = 1000) -> list[ResolveDependency]:
        self.learn()
        return self.memory.due(most)

    def settle(self) -> list[int]:
        """Grant the wishes as the log does; gives the jobs that nothing came of."""
        in_vain: list[int] = []
        for command in self.due():
            world = World(states={job_stream(i): job for i, job in self.jobs.items()}, now=self.now)
            events = world.when(command)
            assert isinstance(events, tuple)
            self.tell(command.job_id, *events)
            in_vain += [] if events else [command.job_id]
        return in_vain

    def waiting(self) -> list[Job]:
        return [job for job in self.jobs.values() if job.state is JobState.PENDING and job.depends]


def state_of(log: Log, job_id: int) -> str:
    job = log.jobs[JobId(job_id)]
    return f"{job.state} {job.reason}" if job.reason else str(job.state)


def test_a_chain_falls_as_a_whole_when_its_first_job_fails() -> None:
    log = Log()
    log.submit(1)
    for job_id in range(2, 1002):
        log.submit(job_id, dependency=f"afterok:{job_id - 1}")
    assert not log.due()
    log.run(1)
    log.end(1, 1)
    assert [command.job_id for command in log.due()] == list(range(2, 1002))
    assert not log.settle()
    assert state_of(log, 1001) == "CANCELLED DependencyNeverSatisfied: afterok:1000"


def test_who_waits_for_an_array_waits_for_all_of_it_and_its_siblings_follow_the_first() -> None:
    log = Log()
    for task in range(50):
        log.submit(1 + task, array="0-49", array_job_id=1, array_task_id=task)
    for task in range(100):
        log.submit(101 + task, array="0-99", array_job_id=101, array_task_id=task, dependency="afterok:1")
    for task in range(50):
        assert not log.due()
        log.run(1 + task)
        log.end(1 + task, 0)
    due = log.due()
    assert len(due[0].depends_on) == 50
    assert {len(command.depends_on) for command in due[1:]} == {2}
    assert not log.settle()
    assert not log.waiting()
    assert all(log.jobs[JobId(101 + task)].dependency_met for task in range(100))


def test_jobs_of_their_own_that_wait_for_the_same_follow_the_first_too() -> None:
    log = Log()
    for task in range(50):
        log.submit(1 + task, array="0-49", array_job_id=1, array_task_id=task)
    for job_id in range(101, 201):
        log.submit(job_id, dependency="afterany:1", user_name=f"user-{job_id}")
    for task in range(50):
        log.tell(1 + task, JobCancelled(reason=None))
    due = log.due()
    assert [len(command.depends_on) for command in due] == [50] + [2] * 99
    assert not log.settle()
    assert not log.waiting()


def test_what_came_true_before_a_job_came_tells_it_nothing() -> None:
    log = Log()
    log.submit(1)
    for job_id in (2, 3):
        log.submit(job_id, dependency="afterany:1")
    log.tell(1, JobCancelled(reason=None))
    early, _ = log.due()
    log.tell(early.job_id, DependencyMet(dependency="afterany:1"))
    log.tell(1, JobRequeued(attempt=2, reason=None))
    log.submit(4, dependency="afterany:1")
    world = World(states={job_stream(i): job for i, job in log.jobs.items()}, now=log.now)
    assert world.when(ResolveDependency(job_id=JobId(4), depends_on=(JobId(2),), term=None)) == ()
    assert world.when(ResolveDependency(job_id=JobId(3), depends_on=(JobId(2),), term=None))
    log.tell(1, JobCancelled(reason=None))
    assert [(one.job_id, one.depends_on) for one in log.due()] == [(3, (2, 1)), (4, (1,))]
    assert not log.settle()
    assert not log.waiting()


def test_a_cycle_asks_about_so_many_jobs_and_one_question_at_least() -> None:
    log = Log()
    for task in range(50):
        log.submit(1 + task, array="0-49", array_job_id=1, array_task_id=task)
    for job_id in range(101, 111):
        log.submit(job_id, dependency=f"afterany:1,afterany:{job_id - 100}")
    for task in range(50):
        log.tell(1 + task, JobCancelled(reason=None))
    log.learn()
    assert len(log.memory.due(1000, most_streams=10)) == 1
    assert len(log.memory.due(1000, most_streams=120)) == 3
    assert len(log.memory.due(1000)) == 10


def test_a_task_of_an_array_can_be_waited_for_alone() -> None:
    log = Log()
    for task in range(3):
        log.submit(1 + task, array="0-2", array_job_id=1, array_task_id=task)
    log.submit(9, dependency="afternotok:1_1")
    log.submit(10, dependency="afterok:1_1?afterok:1_2")
    log.run(2)
    log.end(2, 3)
    assert not log.settle()
    assert (log.jobs[JobId(9)].dependency_met, log.jobs[JobId(10)].dependency_met) == (True, False)
    log.run(3)
    log.end(3, 0)
    assert not log.settle()
    assert log.jobs[JobId(10)].dependency_met


def test_singletons_go_one_after_another_and_a_requeue_goes_first_again() -> None:
    log = Log()
    log.submit(1, name="x")
    log.submit(2, name="x", dependency="singleton")
    log.submit(3, name="x", dependency="singleton")
    log.submit(4, name="x", dependency="singleton", user_name="somebody-else")
    assert not log.settle()
    assert log.jobs[JobId(4)].dependency_met
    log.run(1)
    log.end(1, 1)
    log.tell(1, JobRequeued(attempt=2, reason=None))  # before anybody noticed
    assert not log.due()
    log.tell(1, JobCancelled(reason=None))
    assert [(one.job_id, one.depends_on) for one in log.due()] == [(2, (1,))]
    assert not log.settle()
    assert [job.job_id for job in log.waiting()] == [3]


def test_of_singletons_one_goes_though_a_lower_number_comes_later() -> None:
    log = Log()
    log.submit(11, name="x", dependency="singleton")
    assert not log.settle()
    assert log.jobs[JobId(11)].dependency_met
    log.submit(10, name="x", dependency="singleton")
    log.submit(12, name="x", dependency="singleton")
    world = World(states={job_stream(i): job for i, job in log.jobs.items()}, now=log.now)
    assert world.when(ResolveDependency(job_id=JobId(10), depends_on=(JobId(11),), term=None)) == ()
    assert not log.due()
    log.run(11)
    assert not log.due()
    log.end(11, 0)
    assert [(one.job_id, one.depends_on) for one in log.due()] == [(10, (11,))]
    assert not log.settle()
    assert [job.job_id for job in log.waiting()] == [12]


def test_a_failed_job_that_is_requeued_before_it_was_noticed_dooms_nobody() -> None:
    log = Log()
    log.submit(1)
    log.submit(2, dependency="afterok:1")
    log.run(1)
    log.end(1, 1)
    log.tell(1, JobRequeued(attempt=2, reason=None))
    assert not log.due()


def test_many_who_wait_for_many_are_not_looked_through_at_every_end() -> None:
    """10,000 tasks that wait for an array of 10,000: a second or so in all, not one an end."""
    log = Log()
    for task in range(10_000):
        log.submit(1 + task, array="0-9999", array_job_id=1, array_task_id=task)
    for task in range(10_000):
        log.submit(
            20_001 + task, array="0-9999", array_job_id=20_001, array_task_id=task, dependency="afterany:1"
        )
    log.learn()
    looked = 0
    consider = WaitingOn._consider

    def counted(self: WaitingOn, key: Any) -> bool:
        nonlocal looked
        looked += 1
        return consider(self, key)

    WaitingOn._consider = counted  # type: ignore[method-assign]
    try:
        for task in range(10_000):
            log.tell(1 + task, JobCancelled(reason=None))
    finally:
        WaitingOn._consider = consider  # type: ignore[method-assign]
    assert looked <= len(NAMING)
    due = log.memory.due(20_000, most_streams=40_000)
    assert len(due) == 10_000
    assert sum(len(command.depends_on) for command in due) == 10_000 + 2 * 9_999


def test_one_end_costs_those_who_wait_for_many_others_too_next_to_nothing() -> None:
    """100 jobs, each of which waits for 990: looking through all of these at each end takes 40 ms."""
    log = Log()
    for job_id in range(1, 1090):
        log.submit(job_id)
    text = "afterany:" + ":".join(map(str, range(1, 990)))
    for number in range(100):
        log.submit(2000 + number, dependency=f"{text},afterany:{990 + number}")
    log.learn()
    began = time.process_time()
    for job_id in range(1, 51):
        log.tell(job_id, JobCancelled(reason=None))
    assert time.process_time() - began < 1.0
    assert not log.due()


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_the_memory_finds_what_asking_everybody_would_find(data: st.DataObject) -> None:
    """Whatever happens in whatever order: who is due is who is not waiting any more by his own streams."""
    log = Log()
    number = 0
    drawn: list[int] = []  # numbers whose submission is recorded later than that of higher ones
    for _ in range(data.draw(st.integers(1, 25), label="steps")):
        running = [i for i, job in log.jobs.items() if job.state is JobState.RUNNING]
        free = [i for i, job in log.jobs.items() if job.state is JobState.PENDING and not job.depends]
        pending = [i for i, job in log.jobs.items() if job.state is JobState.PENDING]
        ended = [i for i, job in log.jobs.items() if job.state.final]
        act = data.draw(
            st.sampled_from(["submit", "draw", "late", "array", "run", "end", "cancel", "requeue", "settle"])
        )
        if act == "submit":
            number += 1
            log.submit(number, name=data.draw(st.sampled_from("ab")), dependency=_wanted(log, data))
        elif act == "draw":
            number += 1
            drawn.append(number)
        elif act == "late" and drawn:
            log.submit(drawn.pop(), name=data.draw(st.sampled_from("ab")), dependency=_wanted(log, data))
        elif act == "array":
            dependency, head = _wanted(log, data), number + 1
            for task in range(3):
                number += 1
                log.submit(number, array="0-2", array_job_id=head, array_task_id=task, name=f"job_{head}",
                           dependency=dependency)  # fmt: skip
        elif act == "run" and free:
            log.run(data.draw(st.sampled_from(free)))
        elif act == "end" and running:
            log.end(data.draw(st.sampled_from(running)), data.draw(st.integers(0, 1)))
        elif act == "cancel" and pending:
            log.tell(data.draw(st.sampled_from(pending)), JobCancelled(reason=None))
        elif act == "requeue" and ended:
            one = data.draw(st.sampled_from(ended))
            log.tell(one, JobRequeued(attempt=log.jobs[one].attempt + 1, reason=None))
        elif act == "settle":
            assert not log.settle()
        _agrees(log)
    for _ in range(number):
        assert not log.settle()
    _agrees(log)


def _agrees(log: Log) -> None:
    log.learn()
    plainly = {
        job.job_id
        for job in log.waiting()
        if outlook(parsed(job.submitted.dependency or ""), job, log.jobs)[0] is not Outlook.WAITING
    }
    due = log.due()
    now = {command.job_id for command in due if _is_due_now(log, command)}
    assert now == plainly
    assert log.due() == due  # looking changes nothing


def _is_due_now(log: Log, command: ResolveDependency) -> bool:
    """Not only once those before it in the list are granted."""
    job = log.jobs[command.job_id]
    dependency = parsed(job.submitted.dependency or "")
    return outlook(dependency, job, log.jobs)[0] is not Outlook.WAITING


def _wanted(log: Log, data: st.DataObject) -> str | None:
    if not log.jobs or data.draw(st.booleans()):
        return None
    clauses: list[str] = []
    for _ in range(data.draw(st.integers(1, 2))):
        kind = data.draw(st.sampled_from([*NAMING, "singleton"]))
        job = log.jobs[data.draw(st.sampled_from(sorted(log.jobs)))]
        if kind == "singleton":
            clauses.append(kind)
        elif job.submitted.array_job_id is not None and data.draw(st.booleans()):
            clauses.append(f"{kind}:{job.submitted.array_job_id}_{job.submitted.array_task_id}")
        else:
            clauses.append(f"{kind}:{job.job_id}")
    return data.draw(st.sampled_from([",", "?"])).join(dict.fromkeys(clauses))


def test_what_came_true_starts_the_wait_for_the_time_to_begin() -> None:
    job = evolve(None, submitted(1, dependency="afterok:9"), at=START, version=Version(1))
    assert (job.reason, job.eligible_at, job.depends) == ("Dependency", None, True)
    job = evolve(job, DependencyMet(dependency="afterok:9"), at=START, version=Version(2))
    assert (job.reason, job.eligible_at, job.depends) == (None, START, False)

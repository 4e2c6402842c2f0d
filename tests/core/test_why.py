"""What is said of single cases that the random clusters of `test_why_laws` meet too seldom."""

from dataclasses import replace
from datetime import timedelta
from string import Formatter
from typing import Any

import pytest

from conductor.core.cluster import Cluster
from conductor.core.events import (
    NodeDrained,
    NodeRemoved,
    Policy,
    PolicyChanged,
    ReleaseReason,
    ResourcesReleased,
)
from conductor.core.identifiers import POLICY_STREAM, AllocationId, JobId, NodeName, job_stream, node_stream
from conductor.core.job import evolve
from conductor.core.supposing import told
from conductor.core.wait_reasons import OF_THE_CLUSTER
from conductor.core.why import Why, explain, of_job
from conductor.core.why_catalogue import SENTENCES, TIMES, sentence
from tests.given import START, allocated, registered, reserved, running, submitted

A, B = NodeName("a"), NodeName("b")
NOW = START + timedelta(minutes=5)
REMOVED = NodeRemoved(reason=None)


class Scene:
    """A cluster that is told events."""

    def __init__(self, **policy: Any) -> None:
        self.cluster = Cluster()
        self.tell(POLICY_STREAM, PolicyChanged(policy=Policy(**policy), reason=None))

    def tell(self, stream: Any, *events: Any) -> "Scene":
        for event in events:
            told(self.cluster, stream, event, START)
        return self

    def node(self, name: NodeName, cpus: int = 4) -> "Scene":
        return self.tell(node_stream(name), registered(name, cpus=cpus))

    def job(self, job_id: int, cpus: int = 1, **more: Any) -> "Scene":
        return self.tell(job_stream(JobId(job_id)), submitted(job_id, cpus_per_task=cpus, **more))

    def runs(self, job_id: int, cpus: int, node: NodeName = A, first: int = 0, **more: Any) -> "Scene":
        self.job(job_id, cpus, **more)
        gres = {name: tuple(range(count)) for name, count in more.get("gres", {}).items()}
        place = reserved(job_id, cpu_ids=tuple(range(first, first + cpus)), node=node)
        place = replace(place, memory_mb=more.get("memory_mb"), gres=gres)
        return self.tell(job_stream(JobId(job_id)), place, allocated(job_id))

    def why(self, job_id: int) -> Why:
        return explain(self.cluster, JobId(job_id), NOW, frozenset(self.cluster.nodes))


def test_in_backfill_a_job_that_would_delay_the_head_names_it_and_the_limit_that_would_do() -> None:
    scene = Scene(order="backfill").node(A).runs(1, 3, time_limit_seconds=3600)
    scene.job(2, 4, time_limit_seconds=60).job(3, 1, time_limit_seconds=7200)
    why = scene.why(3)
    assert (why.reason, why.told.code, why.ahead) == ("Priority", "Priority_backfill", (JobId(2),))
    assert why.told.parameters["head"] == 2
    assert why.told.parameters["starts_at"] == START + timedelta(hours=1)
    [shorter] = [one for one in why.remedies if one.told.code == "shorter_limit"]
    assert (shorter.told.parameters["option"], shorter.command) == ("--time 55", None)
    assert scene.why(2).starts_by == START + timedelta(hours=1)


def test_the_protected_job_is_told_that_it_is() -> None:
    def told_to(scene: Scene) -> tuple[str, Any]:
        told = scene.runs(1, 3, time_limit_seconds=3600).job(2, 4).job(3, 1).why(2).protection_told
        assert told is not None
        assert sentence(told.code, told.parameters, "en")
        return told.code, told.parameters.get("starts_at") or told.parameters["at"]

    an_hour = START + timedelta(hours=1)
    assert told_to(Scene(order="backfill").node(A)) == ("protected_at", an_hour)
    assert told_to(Scene(order="strict_fifo").node(A)) == ("protected_at", an_hour)
    assert told_to(Scene(guard_seconds=60.0).node(A)) == ("protected_at", an_hour)
    assert told_to(Scene(guard_seconds=600.0).node(A)) == ("guard_from", START + timedelta(seconds=600))
    assert Scene(guard_seconds=None).node(A).runs(1, 4).job(2, 4).why(2).protection_told is None
    open_end = Scene(order="backfill").node(A).runs(1, 4).job(2, 4).why(2).protection_told
    assert open_end is not None
    assert open_end.code == "protected_open"


def test_strict_fifo_and_the_guard_are_named() -> None:
    strict = Scene(order="strict_fifo").node(A).runs(1, 3).job(2, 4).job(3, 1)
    assert strict.why(3).told.code == "Priority_strict_fifo"
    guarded = Scene(guard_seconds=60.0).node(A).runs(1, 3).job(2, 4).job(3, 1)
    assert guarded.why(3).told.code == "Priority_guard"
    assert Scene(guard_seconds=3600.0).node(A).runs(1, 3).job(2, 4).job(3, 1).why(3).reason == "Starting"


def test_a_holder_without_a_limit_leaves_the_start_open_and_is_named() -> None:
    why = Scene().node(A).runs(1, 4).job(2, 1).why(2)
    assert (why.starts_by, why.starts_by_told and why.starts_by_told.code) == (None, "no_time_limit")
    assert [one.told.code for one in why.remedies] == ["job_ends"]


def short_of(why: Why) -> tuple[str, dict[int, Any]]:
    """The sentence, and what each holder holds of what is missing."""
    return sentence(why.told.code, why.told.parameters, "en"), {one.job_id: one.holds for one in why.holders}


def test_only_who_holds_what_is_missing_is_named_and_what_is_short_is_said() -> None:
    scene = Scene().tell(node_stream(A), replace(registered(A, cpus=8), gres={"gpu": 4}, memory_mb=4096))
    scene.runs(1, 1, memory_mb=2048).runs(2, 1, first=1, gres={"gpu": 2}, time_limit_seconds=600)
    gpu = scene.job(3, 1, gres={"gpu": 3}).why(3)
    told, holds = short_of(gpu)
    assert told.endswith("Nearest is a: gpu: 2 of 4 free.")
    assert holds == {2: {"gres/gpu": 2}}
    assert gpu.starts_by == START + timedelta(seconds=600)
    options = {one.told.code: one.told.parameters.get("option") for one in gpu.remedies}
    assert options == {"fewer_gres": "--gres gpu:2", "job_ends_by": None}
    memory = Scene().tell(node_stream(A), replace(registered(A, cpus=8), memory_mb=4096))
    memory.runs(1, 1, memory_mb=2048).runs(2, 1, first=1).job(3, 1, memory_mb=3000)
    told, holds = short_of(why := memory.why(3))
    assert told.endswith("memory: 2,048 of 4,096 MiB free.")
    assert holds == {1: {"memory_mb": 2048}}
    assert why.starts_by_told is not None
    assert why.starts_by_told.parameters["job_ids"] == [1]
    assert why.remedies[0].told.parameters["option"] == "--mem 2048M"


def test_an_exclusive_job_is_kept_by_whoever_is_there() -> None:
    why = Scene().node(A, 8).runs(1, 4).job(2, 1, exclusive=True).why(2)
    told, holds = short_of(why)
    assert told.endswith("Nearest is a: not empty, 4 of 8 CPUs in use.")
    assert holds == {1: {"cpus": 4}}
    assert [one.told.code for one in why.remedies] == ["not_exclusive", "job_ends"]
    told, _ = short_of(Scene().node(A, 8).runs(1, 8, exclusive=True).job(2, 1).why(2))
    assert told.endswith("an exclusive job has all of it.")


def test_who_will_hold_it_by_then_is_named_when_nothing_more_ends() -> None:
    """The one before it in the queue has no limit; the one that holds the place now has nothing to do with that."""
    scene = Scene().node(A).runs(1, 4, time_limit_seconds=600).job(2, 4).job(3, 4)
    told = scene.why(3).starts_by_told
    assert told is not None
    assert (told.code, told.parameters["job_ids"]) == ("no_time_limit", [2])


def test_a_users_cap_names_his_own_jobs_and_the_policy_that_would_do() -> None:
    scene = Scene(user_max_cpus=4).node(A, 8).runs(1, 3, time_limit_seconds=600)
    why = scene.job(2, 2).why(2)
    assert why.reason == "QOSMaxCpuPerUserLimit"
    assert [holder.job_id for holder in why.holders] == [1]
    assert why.remedies[0].command == "conductor policy user_max_cpus=5"
    assert why.starts_by == START + timedelta(seconds=600)


def test_a_job_wider_than_its_users_cap_can_never_start_under_it() -> None:
    alone = Scene(user_max_cpus=4).node(A, 8).job(2, 5).why(2)
    assert (alone.reason, alone.told.code) == ("QOSMaxCpuPerUserLimit", "QOSMaxCpuPerUserLimit_never")
    assert "more CPUs (5) than alice may have at a time (4)" in short_of(alone)[0]
    assert [one.command for one in alone.remedies] == ["conductor policy user_max_cpus=5"]
    beside = Scene(user_max_cpus=4).node(A, 8).runs(1, 2, time_limit_seconds=60).job(2, 5).why(2)
    assert (beside.holders, beside.starts_by) == ((), None)
    assert [(one.told.code, one.told.parameters["value"]) for one in beside.remedies] == [
        ("raise_to_start_ever", 5),
        ("raise_cap", 7),
    ]
    taken = Scene(user_max_cpus=4).node(A, 8).runs(1, 8, user_name="bob").job(2, 5).why(2)
    assert [one.told.code for one in taken.remedies] == ["raise_to_start_ever"]


def test_a_job_that_wants_more_of_a_licence_than_there_is_blames_nobody() -> None:
    scene = Scene(licences={"matlab": 1}).tell(
        node_stream(A), replace(registered(A, cpus=8), gres={"gpu": 2})
    )
    why = scene.runs(1, 1, gres={"gpu": 1}).job(2, 1, gres={"matlab": 2}).why(2)
    assert (why.told.code, why.holders) == ("Licenses_never", ())
    assert why.starts_by_told is not None
    assert why.starts_by_told.code == "never_by_itself"


def test_letting_a_job_go_says_what_keeps_it_then() -> None:
    scene = Scene().node(A)
    scene.job(1, 1, held=True).job(2, 1, held=True, begin_time=NOW + timedelta(hours=1))
    scene.job(3, 1, held=True, dependency="singleton").job(4, 9, held=True)
    codes = {i: scene.why(i).remedies[0].told for i in (1, 2, 3, 4)}
    assert codes[1].code == "unhold"
    then = {i: codes[i].parameters["then"]["code"] for i in (2, 3, 4)}
    assert then == {2: "BeginTime", 3: "Dependency", 4: "BadConstraints"}
    told = sentence(codes[2].code, codes[2].parameters, "en")
    assert told.endswith(
        "then it goes on waiting. It was asked not to start before 2026-01-01 01:05:00+00:00."
    ), told


def test_a_licence_names_who_has_it() -> None:
    scene = Scene(licences={"matlab": 1, "ansys": 2}).node(A, 8).runs(1, 1, gres={"matlab": 1})
    why = scene.job(2, 1, gres={"matlab": 1}, user_name="bob").why(2)
    assert (why.reason, [holder.job_id for holder in why.holders]) == ("Licenses", [1])
    assert why.remedies[0].command == "conductor policy licences=ansys:2,matlab:2"


def test_a_job_that_no_node_could_ever_run_says_which_it_could() -> None:
    why = Scene().node(A, 4).job(1, 8).why(1)
    assert (why.reason, why.told.parameters["wanted"]) == ("BadConstraints", "cpus=8")
    [could] = why.remedies
    assert (could.told.code, could.told.parameters["option"]) == ("could_run", "--cpus-per-task 4")


def test_a_job_whose_last_possible_node_was_removed_says_which_in_both_languages() -> None:
    """It was accepted while there was one, and keeps waiting."""
    scene = Scene().node(A, 8).node(B, 4).job(1, 7).job(2, 1, nodelist=(A,)).tell(node_stream(A), REMOVED)
    for job_id, wanted in ((1, "cpus=7"), (2, "cpus=1 nodelist=a")):
        why = scene.why(job_id)
        assert (why.reason, why.told.code) == ("BadConstraints", "BadConstraints_removed")
        english, chinese = (sentence(why.told.code, why.told.parameters, one) for one in ("en", "zh"))
        assert english.endswith("could ever give that; those that could were removed: a.")
        assert chinese.endswith("原本能满足的节点已被移除：a。")
        assert wanted in english
        assert wanted in chinese
        again = why.remedies[0]
        assert (again.told.code, again.told.parameters) == ("register_again", {"node_name": "a"})
    assert scene.tell(node_stream(A), registered(A, cpus=8)).why(2).reason == "Starting"


def test_when_the_last_node_of_all_was_removed_none_is_registered() -> None:
    why = Scene().node(A).job(1).tell(node_stream(A), REMOVED).why(1)
    assert (why.reason, why.remedies[0].told.code) == ("NoNodes", "register_node")


def test_a_drained_node_that_would_do_is_named() -> None:
    scene = Scene().node(A).node(B).runs(1, 4).job(2, 2)
    scene.tell(node_stream(B), NodeDrained(reason=None))
    why = scene.why(2)
    assert why.reason == "Resources"
    assert "conductor resume b" in [one.command for one in why.remedies]


def test_ends_are_told_in_one_sentence() -> None:
    job = running().job
    ended = evolve(
        job,
        ResourcesReleased(allocation_id=AllocationId(7), reason=ReleaseReason.FINISHED, exit_code=0),
        at=START + timedelta(minutes=1),
        version=job.version,
    )
    why = of_job(ended, NOW)
    assert why is not None
    assert (why.reason, why.told.code) == (None, "ended")
    assert "COMPLETED (exit code 0)" in sentence(why.told.code, why.told.parameters, "en")


@pytest.mark.parametrize("code", SENTENCES)
def test_every_sentence_has_both_languages_and_the_same_gaps(code: str) -> None:
    english, chinese = SENTENCES[code]
    gaps = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in (english, chinese)]
    assert gaps[0] == gaps[1]
    assert any("\u4e00" <= letter <= "\u9fff" for letter in chinese)
    times = {name for name in gaps[0] if name.endswith(("_at", "_by", "_time")) or name in ("at", "since")}
    assert times <= TIMES


def test_every_word_has_its_sentence() -> None:
    assert SENTENCES.keys() >= OF_THE_CLUSTER

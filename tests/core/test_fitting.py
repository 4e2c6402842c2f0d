"""What a job asks of a node, held against what the node has; and what is said when no node will ever do."""

from typing import Any

import pytest

from conductor.core.commands import ChangePolicy, Reserve, Submit
from conductor.core.decider import streams_read
from conductor.core.errors import Rejection, RejectionCode
from conductor.core.events import JobSubmitted, Policy, PolicyChanged, ResourcesReserved
from conductor.core.fitting import NodeOffer, Offers, Unfit, mismatch
from conductor.core.identifiers import POLICY_STREAM, AllocationId, JobId, NodeName, job_stream, node_stream
from tests.given import NODE, World, pending, refused, registered, submitted

SMALL = NodeOffer(node_name=NodeName("small"), total_cpus=4, memory_mb=1000, labels={"zone": "a"})
GPUS = NodeOffer(
    node_name=NodeName("gpus"),
    total_cpus=8,
    memory_mb=None,
    labels={"zone": "b", "fast": "true"},
    gres={"gpu": 4},
)


@pytest.mark.parametrize(
    ("wish", "small", "gpus"),
    [
        ({}, True, True),
        ({"cpus_per_task": 4}, True, True),
        ({"cpus_per_task": 5}, False, True),
        ({"ntasks_per_node": 3, "cpus_per_task": 3}, False, False),
        ({"memory_mb": 1000}, True, True),
        ({"memory_mb": 1001}, False, True),  # memory that a node does not state is not limited
        ({"labels": {"zone": "a"}}, True, False),
        ({"labels": {"zone": "b", "fast": "true"}}, False, True),
        ({"labels": {"zone": "a", "fast": "true"}}, False, False),
        ({"nodelist": ("small", "other")}, True, False),
        ({"nodelist": ("other",)}, False, False),
        ({"gres": {"gpu": 4}}, False, True),
        ({"gres": {"gpu": 5}}, False, False),
        ({"gres": {"matlab": 2}}, True, True),  # a licence: no node need have it
        ({"gres": {"matlab": 2, "gpu": 1}}, False, True),
        ({"exclusive": True}, True, True),
    ],
)
def test_a_node_fits_when_it_has_all_of_it(wish: dict[str, Any], small: bool, gpus: bool) -> None:
    wanted = submitted(**wish)
    assert [mismatch(wanted, node, {"matlab": 5}) is None for node in (SMALL, GPUS)] == [small, gpus]


@pytest.mark.parametrize(
    ("wish", "field", "said"),
    [
        ({"cpus_per_task": 9}, "cpus", "the widest node has 8. Ask for 8 or fewer"),
        ({"gres": {"gpu": 5}}, "gres", "asks for gpu:5, but no node has more than 4. Ask for 4 or fewer"),
        ({"gres": {"gpo": 1}}, "gres", "no node has any; there are gpu, matlab"),
        ({"gres": {"matlab": 6}}, "gres", "the policy has 5 licences of matlab"),
        ({"labels": {"zone": "c"}}, "labels", "no node has that label; there are zone=a, zone=b"),
        ({"labels": {"rack": "1"}}, "labels", "no node has that label; there are fast, zone"),
        ({"nodelist": ("gpu",)}, "nodelist", "did you mean gpus?"),
        (
            {"cpus_per_task": 8, "labels": {"zone": "a"}, "memory_mb": 500},
            "labels",
            "together (8 CPUs, 500 MB, zone=a). The nearest is gpus, where it cannot run: it asked for a node with",
        ),
        (
            {"nodelist": ("small",), "gres": {"gpu": 2}, "labels": {"zone": "a"}},
            "gres",
            "The nearest is small, where it cannot run: it asked for gpu:2, the node has 0.",
        ),
    ],
)
def test_what_could_never_run_is_said_with_the_nearest_possibility(
    wish: dict[str, Any], field: str, said: str
) -> None:
    unfit = Offers([SMALL, GPUS]).unfit(submitted(**wish), {"matlab": 5})
    assert isinstance(unfit, Unfit)
    assert (unfit.field, said in unfit.message) == (field, True), unfit


def test_more_memory_than_any_node_states_is_refused_only_where_all_state_theirs() -> None:
    wish = submitted(memory_mb=5000)
    unfit = Offers([SMALL]).unfit(wish, {})
    assert unfit is not None
    assert (unfit.field, "no node has more than 1000" in unfit.message) == ("memory_mb", True)
    assert Offers([SMALL, GPUS]).unfit(wish, {}) is None


def test_a_long_list_of_nodes_is_cut_in_the_sentence() -> None:
    unfit = Offers([SMALL]).unfit(submitted(nodelist=tuple(f"n{number}" for number in range(1000))), {})
    assert unfit is not None
    assert "n0, n1, " in unfit.message
    assert "n9 and 990 more, but no node" in unfit.message


def test_with_no_node_at_all_a_job_waits() -> None:
    assert Offers([]).unfit(submitted(gres={"gpu": 99}, nodelist=("x",)), {}) is None


def test_a_submission_is_refused_by_its_field() -> None:
    command = Submit(script="true\n", user_name="a", submitted_by="a", gres={"gpu": 9}, job_id=JobId(1))
    refusal = World().when(command, offers=Offers([GPUS]))
    assert isinstance(refusal, Rejection)
    assert (refusal.code, refusal.field) == (RejectionCode.INVALID, "gres")
    assert isinstance(World().when(command), tuple)


@pytest.mark.parametrize(
    ("wish", "nodes", "field", "said"),
    [
        ({"cpus_per_task": 3}, (), "cpus", "asks for 3 CPUs, but the policy lets a user have 2"),
        ({"cpus_per_task": 2}, (), None, ""),
        ({"exclusive": True}, (SMALL, GPUS), "exclusive", "the narrowest that could take it has 4 CPUs"),
        ({"exclusive": True, "gres": {"gpu": 1}}, (SMALL, GPUS), "exclusive", "has 8 CPUs"),
        ({"exclusive": True}, (), None, ""),
    ],
)
def test_wider_than_the_policy_lets_its_user_have_is_refused(
    wish: dict[str, Any], nodes: tuple[NodeOffer, ...], field: str | None, said: str
) -> None:
    world = World().given(POLICY_STREAM, PolicyChanged(policy=Policy(user_max_cpus=2), reason=None))
    command = Submit(script="true\n", user_name="a", submitted_by="a", job_id=JobId(1), **wish)
    outcome = world.when(command, offers=Offers(nodes))
    if field is None:
        assert isinstance(outcome, tuple)
    else:
        assert isinstance(outcome, Rejection)
        assert (outcome.field, said in outcome.message) == (field, True), outcome


def test_a_job_of_one_cpu_asks_nothing_of_the_policy() -> None:
    plain = Submit(script="true\n", user_name="a", submitted_by="a", job_id=JobId(1))
    assert POLICY_STREAM not in streams_read(plain)


def reserve(*cpu_ids: int, **more: Any) -> Reserve:
    return Reserve(
        job_id=JobId(1), node_name=NODE, cpu_ids=cpu_ids or (0,), allocation_id=AllocationId(1), **more
    )


def with_gpus(**wish: Any) -> World:
    world = World().given(node_stream(NODE), registered(gres={"gpu": 4}))
    return world.given(job_stream(JobId(1)), submitted(**wish))


@pytest.mark.parametrize(
    ("wish", "given", "right"),
    [
        ({"gpu": 2}, {"gpu": (0, 3)}, True),
        ({"gpu": 2}, {"gpu": (0,)}, False),
        ({"gpu": 2}, {"gpu": (1, 1)}, False),
        ({"gpu": 2}, {"gpu": (0, 4)}, False),
        ({"gpu": 2}, {}, False),
        ({}, {"gpu": (0,)}, False),
        ({"gpu": 1}, {"gpu": (0,), "fpga": (0,)}, False),
        ({}, {}, True),
    ],
)
def test_a_reservation_names_as_many_of_the_nodes_as_were_asked_for(
    wish: dict[str, int], given: dict[str, tuple[int, ...]], right: bool
) -> None:
    outcome = with_gpus(gres=wish).when(reserve(gres=given))
    if right:
        assert isinstance(outcome, tuple)
        assert isinstance(outcome[0], ResourcesReserved)
        assert outcome[0].gres == given
    else:
        assert isinstance(outcome, Rejection)
        assert (outcome.code, outcome.field) == (RejectionCode.INVALID, "gres")


def test_a_licence_of_the_policy_is_no_nodes_and_needs_no_number() -> None:
    world = with_gpus(gres={"gpu": 1, "matlab": 2})
    assert refused(world.when(reserve(gres={"gpu": (0,)}))) is RejectionCode.INVALID
    changed = world.when(ChangePolicy(changes={"licences": {"matlab": 2}}))
    assert isinstance(changed, tuple)
    assert isinstance(changed[0], PolicyChanged)
    assert POLICY_STREAM in world.states
    assert isinstance(world.when(reserve(gres={"gpu": (0,)})), tuple)


def test_an_exclusive_job_gets_every_cpu_of_its_node() -> None:
    world = pending(exclusive=True)
    assert refused(world.when(reserve(0))) is RejectionCode.INVALID
    assert isinstance(world.when(reserve(0, 1, 2, 3)), tuple)


def test_what_a_job_asks_for_stays_in_its_event() -> None:
    command = Submit(
        script="true\n", user_name="a", submitted_by="a", job_id=JobId(1), exclusive=True,
        nodelist=(NODE,), labels={"zone": "a"}, gres={"gpu": 1},
    )  # fmt: skip
    events = World().when(command)
    assert isinstance(events, tuple)
    event = events[0]
    assert isinstance(event, JobSubmitted)
    assert (event.nodelist, event.labels, event.gres, event.exclusive) == (
        (NODE,), {"zone": "a"}, {"gpu": 1}, True,
    )  # fmt: skip

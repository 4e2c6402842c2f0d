"""Reservations by hand: what the plan would refuse is refused here as well."""

import pytest

from conductor.core.commands import ChangePolicy, Reserve
from conductor.core.errors import RejectionCode
from conductor.core.identifiers import NodeName
from tests.fix_engine import Engine

NODE = NodeName("node-1")


@pytest.mark.parametrize(
    ("cpus", "first", "anew", "second"),
    [(2, {"exclusive": True}, 4, {}), (4, {}, 1, {"exclusive": True})],
    ids=["beside one that is alone", "alone beside another"],
)
def test_a_node_that_came_back_with_other_cpus_lets_nobody_beside_an_exclusive_job(
    engine: Engine, cpus: int, first: dict[str, bool], anew: int, second: dict[str, bool]
) -> None:
    async def story(engine: Engine) -> None:
        await engine.register(NODE, cpus)
        holder = await engine.submit(**first)
        await engine.reserve(holder, *(() if first else (3,)))
        await engine.register(NODE, anew)
        other = await engine.submit(**second)
        for cpu_ids in (None, (0,) if second else (3,)):
            refused = await engine.refused(Reserve(job_id=other, node_name=NODE, cpu_ids=cpu_ids))
            assert refused.code is RejectionCode.CPUS_TAKEN
            assert f"node {NODE}" in refused.message
            assert refused.message.startswith(f"Job {holder} has" if first else f"Job {other} needs")

    engine.run(story)


def test_an_exclusive_job_has_an_empty_node_by_hand(engine: Engine) -> None:
    async def story(engine: Engine) -> None:
        await engine.register(NODE, 2)
        assert (await engine.reserve(await engine.submit(exclusive=True))).cpu_ids == (0, 1)

    engine.run(story)


def test_what_was_taken_as_licences_counts_by_hand_too(engine: Engine) -> None:
    async def story(engine: Engine) -> None:
        await engine.accepted(ChangePolicy(changes={"licences": {"gpu": 2}}))
        await engine.register(NODE, 4)
        assert (await engine.reserve(await engine.submit(gres={"gpu": 2}))).gres == {}
        await engine.accepted(ChangePolicy(changes={"licences": {}}))
        await engine.register(NODE, 4, gres={"gpu": 3})
        two, one = await engine.submit(gres={"gpu": 2}), await engine.submit(gres={"gpu": 1})
        refused = await engine.refused(Reserve(job_id=two, node_name=NODE))
        assert (refused.code, "has 1 free" in refused.message) == (RejectionCode.CPUS_TAKEN, True)
        assert (await engine.reserve(one)).gres == {"gpu": (0,)}

    engine.run(story)

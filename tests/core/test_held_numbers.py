"""Whatever can be held has a number that nothing else in the cluster has."""

from hypothesis import given
from hypothesis import strategies as st

from conductor.core.commands import RegisterNode
from conductor.core.errors import RejectionCode
from conductor.core.held_numbers import CPU_BLOCK_SIZE, colliding, cpu_number, gres_number, spans_text
from conductor.core.resource_texts import MOST_GRES
from tests.given import NODE, World, refused

BLOCKS = st.integers(0, 2**23 - 1).map(lambda node: node * CPU_BLOCK_SIZE)  # as far as their sequence goes
NAMES = st.sampled_from(["gpu", "fpga", "licence", "a100", "x"])
THINGS = st.tuples(BLOCKS, NAMES, st.integers(0, MOST_GRES - 1))


@given(THINGS, THINGS)
def test_two_things_have_two_numbers(one: tuple[int, str, int], other: tuple[int, str, int]) -> None:
    assert (gres_number(*one) == gres_number(*other)) == (one == other)
    assert -(2**63) <= gres_number(*one) < 0 <= cpu_number(one[0], one[2])


def test_the_pieces_of_two_names_never_touch() -> None:
    first, last = gres_number(0, "gpu", 0), gres_number(0, "gpu", MOST_GRES - 1)
    others = [gres_number(0, name, piece) for name in ("fpga", "x") for piece in (0, MOST_GRES - 1)]
    assert all(other < first - 1 or other > last + 1 for other in others)


def test_the_text_is_as_postgresql_writes_it() -> None:
    assert spans_text(0, (0, 1, 3), {}) == "{[0,2),[3,4)}"
    number = gres_number(1 << 20, "gpu", 0)
    assert spans_text(1 << 20, (2,), {"gpu": (0, 1)}) == f"{{[{number},{number + 2}),[1048578,1048579)}}"


def test_names_that_cannot_be_told_apart_are_refused_at_registration() -> None:
    assert colliding(["gpu", "fpga"]) is None
    assert colliding(["r21142", "gpu", "r11241"]) == ("r11241", "r21142")  # found by trying
    command = RegisterNode(
        node_name=NODE, spool_id="s", boot_id="b", total_cpus=1, cpu_block=0, gres={"r11241": 1, "r21142": 1}
    )
    assert refused(World().when(command)) is RejectionCode.INVALID

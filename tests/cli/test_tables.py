"""Tables keep within their width, and their columns line up, whatever is in them."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from conductor.cli.tables import FIXED, FLEXIBLE, MOMENT, NUMBER, render

COLUMNS = [NUMBER, FLEXIBLE, FIXED, FLEXIBLE]
HEADINGS = ["ID", "名称", "STATE", "NODE (REASON)"]
CELLS = st.text(st.sampled_from("abc 模拟计算ＡＢ🚀é…\n\t\x1b"), max_size=60)
ROWS = st.lists(st.tuples(st.integers(1, 10**9), CELLS, st.just("COMPLETED"), CELLS), max_size=5)


@given(ROWS, st.integers(40, 200))
def test_no_line_is_wider_than_asked_for(rows: list[tuple[int, str, str, str]], width: int) -> None:
    assert all(cell_len(line) <= width for line in render(HEADINGS, COLUMNS, rows, width=width))


@given(ROWS)
def test_columns_line_up_under_wide_characters(rows: list[tuple[int, str, str, str]]) -> None:
    heading, *lines = render(HEADINGS, COLUMNS, rows, width=80)
    begins = cell_len(heading[: heading.index("STATE")])
    assert all(cell_len(line[: line.index("COMPLETED")]) == begins for line in lines)


def test_a_cut_cell_shows_it_and_a_fixed_one_is_never_cut() -> None:
    rows = [(123456789, "a-very-long-name-of-a-job" * 3, "OUT_OF_MEMORY", "node-1")]
    line = render(HEADINGS, COLUMNS, rows, width=50)[1]
    assert "…" in line
    assert line.startswith("123456789  a-very")
    assert "  OUT_OF_MEMORY  node-1" in line


def test_half_a_time_is_shown_only_where_nothing_else_can_give_way() -> None:
    columns = [NUMBER, MOMENT, FLEXIBLE, FIXED, FLEXIBLE]
    row = (25, "11-21 20:02:08", "job-6", "ResourcesReserved", "vm, 1 CPU, attempt 1")
    line = render(["POS", "TIME", "STREAM", "EVENT", "DETAILS"], columns, [row], width=45)[1]
    assert "  11-21 20:02:08  " in line
    assert cell_len(line) <= 45


def test_without_a_width_nothing_is_cut() -> None:
    name = "x" * 500
    assert name in render(HEADINGS, COLUMNS, [(1, name, "FAILED", "")], width=None)[1]


def test_colours_are_only_where_they_were_asked_for_and_change_no_width() -> None:
    rows = [(1, "a", "FAILED", "node-1")]
    plain, coloured = (
        render(HEADINGS, COLUMNS, rows, width=80, colours=colours)[1] for colours in (False, True)
    )
    assert "\x1b" not in plain
    assert coloured == plain.replace("FAILED", "\x1b[31mFAILED\x1b[0m")


def test_a_name_cannot_begin_a_line_or_move_the_cursor() -> None:
    lines = render(HEADINGS, COLUMNS, [(1, "a\n\x1b[2J\u202eb", "FAILED", "")], width=80)
    assert lines[1:] == [" 1  a^J^[[2J<U+202E>b  FAILED"]

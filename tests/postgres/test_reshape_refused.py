"""What a reshaped table would lose is named before anything is changed, with the statement that takes it off."""

from collections.abc import Callable

import pytest

from conductor.migrate import MigrationError, migrate
from projections.reshape import reshape
from tests.fix_engine import Engine
from tests.postgres.test_replay import a_busy_day
from tests.postgres.test_reshape import SAME, catalogue, ship

__all__ = ["ship"]


@pytest.mark.parametrize(
    ("made", "what", "off"),
    [
        (
            "CREATE TABLE notes (job_id bigint REFERENCES jobs)",
            "foreign key notes_job_id_fkey on notes",
            "ALTER TABLE notes DROP CONSTRAINT notes_job_id_fkey",
        ),
        (
            "CREATE FUNCTION counts() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM jobs; END",
            "function counts(), whose body is bound to the table",
            "DROP ROUTINE counts()",
        ),
        (
            "CREATE FUNCTION counts() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM usage; END",
            "function counts(), whose body is bound to the table",
            "DROP ROUTINE counts()",
        ),
        (
            "CREATE PUBLICATION told FOR TABLE jobs",
            "publication told of jobs",
            "ALTER PUBLICATION told DROP TABLE jobs",
        ),
        (
            "CREATE MATERIALIZED VIEW ended AS SELECT count(*) FROM jobs WHERE final",
            "materialized view ended",
            "DROP MATERIALIZED VIEW ended",
        ),
        (
            "GRANT UPDATE (name), SELECT (state) ON jobs TO PUBLIC",
            "rights on column name of jobs",
            "REVOKE ALL (name) ON jobs FROM PUBLIC; REVOKE ALL (state) ON jobs FROM PUBLIC",
        ),
    ],
)
def test_what_would_be_lost_is_refused_by_name_and_comes_off_as_it_says(
    engine: Engine, ship: Callable[[str], None], made: str, what: str, off: str
) -> None:
    engine.sql(made)
    before = catalogue(engine)
    ship(SAME)
    with pytest.raises(MigrationError) as refused:
        migrate(engine.url, reshape)
    assert what in str(refused.value)
    assert f"({off})" in str(refused.value)
    assert catalogue(engine) == before
    for statement in off.split("; "):
        engine.sql(statement)
    migrate(engine.url, reshape)
    engine.sql("DROP PUBLICATION IF EXISTS told")
    engine.sql("DROP TABLE IF EXISTS notes")


def test_a_function_that_finds_the_table_by_its_name_is_none_of_that(
    engine: Engine, ship: Callable[[str], None]
) -> None:
    engine.sql("CREATE FUNCTION counts() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM jobs'")
    engine.run(a_busy_day)
    ship(SAME)
    migrate(engine.url, reshape)
    assert engine.sql("SELECT counts()") == engine.sql("SELECT count(*) FROM jobs")

"""The hash is what `docs/log-hash.md` says: its vectors hold for PostgreSQL, and for an implementation that knows that
page and none of our code.
"""

import json
import re
from pathlib import Path
from typing import Any

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from conductor.checkpoint import read_checkpoint, signed_bytes
from tests.fix_engine import Engine
from tests.postgres.test_replay import a_busy_day
from tests.pure_log_hash import chained, jsonb_text, parsed, signed_lines

PAGE = (Path(__file__).parents[2] / "docs" / "log-hash.md").read_text("utf-8")
VECTORS, NOTE = (
    json.loads(block) for block in re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
)

BY_POSTGRESQL = """
    WITH vector AS (
        SELECT event_text(%(position)s, %(stream)s, %(version)s, %(type)s, %(schema_version)s,
                          to_timestamp(0) + %(at)s * interval '1 microsecond',
                          to_timestamp(0) + %(recorded_at)s * interval '1 microsecond',
                          %(data)s::jsonb, %(metadata)s::jsonb) AS text
    )
    SELECT text, encode(sha256(decode(%(previous_hash)s, 'hex') || convert_to(text, 'UTF8')), 'hex') FROM vector
"""
COLUMNS = """
    SELECT position, stream, version, type, schema_version, (EXTRACT(EPOCH FROM at) * 1000000)::bigint,
           (EXTRACT(EPOCH FROM recorded_at) * 1000000)::bigint, data::text, metadata::text, hash
    FROM events ORDER BY position
"""

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=20,
)


def text_of(*columns: Any) -> str:
    """An event's text from its columns, by the page alone; data and metadata as JSON of any form."""
    *plain, data, metadata = columns
    return jsonb_text([*plain, parsed(data), parsed(metadata)])


def test_the_vectors_hold_for_postgresql(database_url: str) -> None:
    assert len(VECTORS) >= 3
    with psycopg.connect(database_url) as connection:
        for vector in VECTORS:
            assert connection.execute(BY_POSTGRESQL, vector).fetchone() == (vector["text"], vector["hash"])


def test_the_vectors_hold_for_an_implementation_of_the_page() -> None:
    last = ""
    for vector in VECTORS:
        assert vector["previous_hash"] == last
        columns = (
            "position",
            "stream",
            "version",
            "type",
            "schema_version",
            "at",
            "recorded_at",
            "data",
            "metadata",
        )
        text = text_of(*(vector[name] for name in columns))
        last = chained(bytes.fromhex(last), text).hex()
        assert (text, last) == (vector["text"], vector["hash"])


def test_a_whole_log_is_chained_as_the_page_says(engine: Engine) -> None:
    engine.run(a_busy_day)
    last = b""
    rows = engine.sql(COLUMNS)
    assert len(rows) > 10
    for *columns, stored in rows:
        last = chained(last, text_of(*columns))
        assert last == stored


def test_any_json_is_written_as_the_page_says(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:

        @settings(max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(VALUES)
        @example([1e300, -0.0, 5e-324, 10**30, "\u2028/\x7f\x1f", {"b": 1, "aa": 2, "é": 3, "": {}}])
        def written(value: Any) -> None:
            given_text = json.dumps(value)
            row = connection.execute("SELECT %s::jsonb::text", [given_text]).fetchone()
            assert row == (jsonb_text(parsed(given_text)),)

        written()


def test_a_checkpoint_signs_the_bytes_that_the_page_says(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    assert key.public_key().public_bytes_raw().hex() == NOTE["public_key"]
    assert key.sign(signed_lines(NOTE)).hex() == NOTE["signature"]
    path = tmp_path / "note.json"
    path.write_text(json.dumps(NOTE))
    note = read_checkpoint(path, public_key=NOTE["public_key"])
    assert signed_bytes(note) == signed_lines(NOTE)
    assert note.line() in PAGE, "the printed line is the line that is written"

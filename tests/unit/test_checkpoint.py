"""A checkpoint is believed whole or not at all, by one key; that key is its owner's alone."""

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from conductor.checkpoint import Checkpoint, CheckpointError, check_cluster, read_checkpoint, sign
from conductor.checkpoint_key import (
    KEY_NAME,
    PUBLIC_KEY_NAME,
    KeyMissing,
    home_public_key,
    read_public_key,
    signing_key,
)

ROOT = Path(__file__).parents[2]
CLUSTER = "11111111-2222-4333-8444-555555555555"
RECORDED = datetime(2026, 11, 17, 14, 2, 3, 456, tzinfo=UTC)


def noted(home: Path, **changes: Any) -> Checkpoint:
    said: dict[str, Any] = {
        "cluster_id": CLUSTER, "position": 42, "event_hash": bytes(range(32)), "recorded_at": RECORDED, "now": RECORDED,
    }  # fmt: skip
    return sign(signing_key(home), **{**said, **changes})


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "note.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def believed(path: Path, home: Path) -> Checkpoint:
    return read_checkpoint(path, public_key=home_public_key(home))


def test_a_note_is_one_line_that_says_the_same_when_it_is_read(tmp_path: Path) -> None:
    note = noted(tmp_path, now=RECORDED.astimezone(timezone(timedelta(hours=8))))
    assert "\n" not in note.line()
    assert note.recorded_at == note.signed_at == "2026-11-17T14:02:03.000456Z"
    assert believed(written(tmp_path, note.line()), tmp_path) == note
    assert noted(tmp_path).line() == noted(tmp_path).line(), "the same note is the same line"


def test_spaces_and_line_breaks_of_a_mail_program_do_no_harm(tmp_path: Path) -> None:
    note = noted(tmp_path)
    reflowed = "\r\n" + json.dumps(json.loads(note.line()), indent=4).replace("\n", "\r\n") + "\r\n"
    assert believed(written(tmp_path, reflowed), tmp_path) == note


OTHER_VALUES = {
    "format": "conductor-checkpoint-2",
    "cluster_id": CLUSTER.replace("1", "2"),
    "position": 41,
    "hash": "0" * 64,
    "recorded_at": "2026-11-17T14:02:03.000457Z",
    "signed_at": "2027-11-17T14:02:03.000456Z",
    "public_key": "ab" * 32,
    "signature": "cd" * 64,
}


@pytest.mark.parametrize("field", OTHER_VALUES)
def test_no_field_can_be_changed_or_left_out(tmp_path: Path, field: str) -> None:
    note = json.loads(noted(tmp_path).line())
    assert note.keys() == OTHER_VALUES.keys()
    with pytest.raises(CheckpointError):
        believed(written(tmp_path, json.dumps({**note, field: OTHER_VALUES[field]})), tmp_path)
    with pytest.raises(CheckpointError):
        believed(written(tmp_path, json.dumps({k: v for k, v in note.items() if k != field})), tmp_path)


def test_no_byte_can_be_changed(tmp_path: Path) -> None:
    """Every byte, in ways that make another letter, another digit, and no text at all."""
    line = noted(tmp_path).line().encode()
    for place in range(len(line)):
        for mask in (0x01, 0x20, 0x80):
            changed = bytearray(line)
            changed[place] ^= mask
            with pytest.raises(CheckpointError):
                believed(written(tmp_path, bytes(changed)), tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "not the JSON"),
        ("null", "does not name its format"),
        ("[" * 100_000, "too large"),
        ("[" * 60_000, "not the JSON"),
        (b"\xff\xfe\x00", "not the JSON"),
        ('{"format": "conductor-checkpoint-1"}', "missing or unknown"),
        ('{"format": "conductor-checkpoint-9"}', "does not know"),
    ],
)
def test_what_is_no_checkpoint_is_said_to_be_none(tmp_path: Path, content: str | bytes, words: str) -> None:
    noted(tmp_path)
    with pytest.raises(CheckpointError, match=words):
        believed(written(tmp_path, content), tmp_path)


def test_a_value_given_twice_or_one_too_many_is_refused(tmp_path: Path) -> None:
    line = noted(tmp_path).line()
    with pytest.raises(CheckpointError, match="not the JSON"):
        believed(written(tmp_path, line.replace("{", '{"position":1,')), tmp_path)
    with pytest.raises(CheckpointError, match="unknown: extra"):
        believed(written(tmp_path, line.replace("{", '{"extra":1,')), tmp_path)


@pytest.mark.parametrize("position", ["true", "4e1", "42.0", '"42"', "0", "-1", "9223372036854775808"])
def test_a_position_is_a_whole_number_from_1(tmp_path: Path, position: str) -> None:
    line = noted(tmp_path).line().replace('"position":42', f'"position":{position}')
    with pytest.raises(CheckpointError, match="position"):
        believed(written(tmp_path, line), tmp_path)


def test_a_note_of_another_key_is_refused_naming_both(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    mine, note = noted(ours), noted(theirs)
    with pytest.raises(CheckpointError) as refusal:
        believed(written(tmp_path, note.line()), ours)
    assert mine.fingerprint != note.fingerprint
    assert mine.fingerprint in str(refusal.value)
    assert note.fingerprint in str(refusal.value)
    given = read_public_key(theirs / PUBLIC_KEY_NAME)
    assert read_checkpoint(tmp_path / "note.json", public_key=given) == note


def test_a_note_of_another_cluster_is_refused(tmp_path: Path) -> None:
    note = noted(tmp_path)
    check_cluster(note, Path("note"), CLUSTER)
    with pytest.raises(CheckpointError, match="says nothing about this log"):
        check_cluster(note, Path("note"), OTHER_VALUES["cluster_id"])  # type: ignore[arg-type]


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first, second = noted(home), noted(home)
    assert first.public_key == second.public_key == home_public_key(home)
    modes = {name: (home / name).stat().st_mode & 0o777 for name in (KEY_NAME, PUBLIC_KEY_NAME)}
    assert modes == {KEY_NAME: 0o600, PUBLIC_KEY_NAME: 0o644}
    assert {path.name for path in home.iterdir()} == modes.keys(), "no draft is left"


def test_several_who_need_the_first_key_at_once_get_the_same(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        keys = pool.map(_public_key_of, [tmp_path] * 12)
    assert len(set(keys)) == 1


def _public_key_of(home: Path) -> str:
    return noted(home).public_key


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_key_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    noted(tmp_path)
    (tmp_path / KEY_NAME).chmod(mode)
    with pytest.raises(CheckpointError, match="can be read by others"):
        noted(tmp_path)


def test_a_key_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noted(tmp_path)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(CheckpointError, match=f"belongs to user {owner}"):
        noted(tmp_path)


@pytest.mark.parametrize("kind", ["link", "fifo", "folder", "dangling"])
def test_only_a_plain_file_is_a_key(tmp_path: Path, kind: str) -> None:
    home, path = tmp_path / "home", tmp_path / "home" / KEY_NAME
    noted(home)
    path.rename(tmp_path / "elsewhere")
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path, 0o600)
    else:
        path.symlink_to(tmp_path / ("elsewhere" if kind == "link" else "nowhere"))
    with pytest.raises(CheckpointError, match=KEY_NAME):
        noted(home)


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path = tmp_path / KEY_NAME
    path.touch(0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    with pytest.raises(CheckpointError, match="Ed25519"):
        noted(tmp_path)
    path.write_bytes(b"rubbish")
    with pytest.raises(CheckpointError, match="no private key"):
        noted(tmp_path)


def test_a_public_key_that_was_exchanged_is_noticed(tmp_path: Path) -> None:
    noted(tmp_path)
    stranger = ed25519.Ed25519PrivateKey.generate().public_key()
    pem = stranger.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / PUBLIC_KEY_NAME).write_bytes(pem)
    with pytest.raises(CheckpointError, match="not the public half"):
        noted(tmp_path)
    (tmp_path / PUBLIC_KEY_NAME).unlink()
    assert noted(tmp_path).public_key == home_public_key(tmp_path), "written again from the private one"
    (tmp_path / PUBLIC_KEY_NAME).chmod(0o666)
    with pytest.raises(CheckpointError, match="Others may write"):
        home_public_key(tmp_path)


def test_a_home_that_never_signed_says_so_and_stays_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(KeyMissing, match="--public-key"):
        home_public_key(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl on this machine")
def test_the_keys_are_files_that_openssl_reads(tmp_path: Path) -> None:
    noted(tmp_path)
    for name, also in ((KEY_NAME, []), (PUBLIC_KEY_NAME, ["-pubin"])):
        done = subprocess.run(
            ["openssl", "pkey", "-noout", "-text", "-in", str(tmp_path / name), *also],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "ED25519" in done.stdout, done.stderr


def test_reading_a_note_needs_no_database_library() -> None:
    code = "import conductor.checkpoint, sys; sys.exit('psycopg' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=False, env={"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0

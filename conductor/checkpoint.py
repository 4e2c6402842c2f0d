"""A checkpoint: a signed note that at a position of a cluster's log stood an event with this hash.

Promises: what is signed is plain text that any program can build again (`signed_bytes`, described with a vector in
`docs/log-hash.md`); a note is believed only whole, and only by a key that the reader names.

Refuses to know: the log (it never opens a database), and where keys are kept (`checkpoint_key`).
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from conductor.evidence_texts import EvidenceError

FORMAT = "conductor-checkpoint-1"
LARGEST = 65_536  # bytes; a note has some 500, a key some 120

_PATTERNS = {
    "cluster_id": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "hash": r"[0-9a-f]{64}",
    "recorded_at": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z",
    "signed_at": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z",
    "public_key": r"[0-9a-f]{64}",
    "signature": r"[0-9a-f]{128}",
}


class CheckpointError(EvidenceError):
    """A note or a key that cannot be used; the message says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A note. Hex is lower case, times are UTC with six decimals and `Z`, as they are signed."""

    cluster_id: str
    position: int
    hash: str
    recorded_at: str
    signed_at: str
    public_key: str
    signature: str

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.public_key)

    def as_json(self) -> dict[str, Any]:
        return {"format": FORMAT, **asdict(self)}

    def line(self) -> str:
        """The note as it is written: one line of JSON, the same for the same note, without a line end."""
        return json.dumps(self.as_json(), separators=(",", ":"))


def signed_bytes(note: Checkpoint) -> bytes:
    """What the signature is made over: seven lines of ASCII, each ended by a line feed."""
    lines = (
        FORMAT, note.cluster_id, str(note.position), note.hash, note.recorded_at, note.signed_at, note.public_key,
    )  # fmt: skip
    return "".join(f"{line}\n" for line in lines).encode("ascii")


def fingerprint(public_key: str) -> str:
    """A public key (hex) in short: the first 128 bits of the sha256 of its 32 bytes."""
    return hashlib.sha256(bytes.fromhex(public_key)).hexdigest()[:32]


def sign(
    key: Ed25519PrivateKey,
    *,
    cluster_id: str,
    position: int,
    event_hash: bytes,
    recorded_at: datetime,
    now: datetime,
) -> Checkpoint:
    """A note that the event at `position`, recorded then, has this hash."""
    unsigned = Checkpoint(
        cluster_id=cluster_id,
        position=position,
        hash=event_hash.hex(),
        recorded_at=_utc(recorded_at),
        signed_at=_utc(now),
        public_key=key.public_key().public_bytes_raw().hex(),
        signature="",
    )
    return replace(unsigned, signature=key.sign(signed_bytes(unsigned)).hex())


def read_checkpoint(path: Path, *, public_key: str) -> Checkpoint:
    """The note in a file, once it is known to be by that key (hex). Raises `CheckpointError`."""
    note = _parse(read_small(path), path)
    if note.public_key != public_key:
        raise CheckpointError(
            "note_of_another_key", path=path, found=note.fingerprint, believed=fingerprint(public_key)
        )
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(
            bytes.fromhex(note.signature), signed_bytes(note)
        )
    except (InvalidSignature, ValueError) as error:
        raise CheckpointError("note_altered", path=path) from error
    return note


def check_cluster(note: Checkpoint, path: Path, cluster_id: str) -> None:
    """Raises `CheckpointError` for another cluster's note."""
    if note.cluster_id != cluster_id:
        raise CheckpointError("note_of_another_cluster", path=path, found=note.cluster_id, ours=cluster_id)


def _utc(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def read_small(path: Path) -> bytes:
    """A file that cannot be large. Raises `CheckpointError`."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise CheckpointError("file_unreadable", path=path, why=error.strerror) from error
    if len(content) > LARGEST:
        raise CheckpointError("file_too_large", path=path, most=LARGEST)
    return content


def _parse(content: bytes, path: Path) -> Checkpoint:
    """Spaces and line breaks that a mail program added do no harm; anything else that is not a note's does."""
    try:
        note = json.loads(content, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise CheckpointError("note_not_json", path=path) from error
    if not isinstance(note, dict) or "format" not in note:
        raise CheckpointError("note_without_format", path=path)
    if note.pop("format") != FORMAT:
        raise CheckpointError("note_of_another_format", path=path, known=FORMAT)
    names = {field.name for field in fields(Checkpoint)}
    if note.keys() != names:
        wrong = ", ".join(sorted(note.keys() ^ names))
        raise CheckpointError("note_fields", path=path, wrong=wrong)
    for name, pattern in _PATTERNS.items():
        if not isinstance(note[name], str) or re.fullmatch(pattern, note[name], re.ASCII) is None:
            raise CheckpointError("note_field", path=path, name=name)
    if type(note["position"]) is not int or not 0 < note["position"] < 2**63:
        raise CheckpointError("note_position", path=path)
    return Checkpoint(**note)


def _without_repeats(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{key} is there twice")
        found[key] = value
    return found

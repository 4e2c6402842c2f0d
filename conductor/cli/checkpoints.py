"""Checkpoints that a command was given: read, believed or refused, and held ready for a replay."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from conductor.checkpoint import Checkpoint, check_cluster, read_checkpoint
from conductor.checkpoint_key import home_public_key, read_public_key
from conductor.cli.exits import WrongUsage
from conductor.cli.screen import Screen
from conductor.cli.times import local
from conductor.settings import load_settings
from projections.known import KnownPosition
from projections.snapshot import cluster_id, snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Notes:
    """Notes whose signatures are good, each with the file it came from."""

    notes: Sequence[tuple[Path, Checkpoint]]

    def check_cluster(self, cluster: str) -> None:
        for path, note in self.notes:
            check_cluster(note, path, cluster)

    def check_database(self, database_url: str) -> None:
        """Raises `CheckpointError` for another cluster's note, and as `snapshot`."""
        if self.notes:
            with snapshot(database_url) as connection:
                self.check_cluster(cluster_id(connection))

    def known(self) -> Sequence[KnownPosition]:
        return [
            KnownPosition(position=note.position, hash=bytes.fromhex(note.hash), origin=str(path))
            for path, note in self.notes
        ]

    def tell(self, screen: Screen, *, but: Sequence[str] = ()) -> None:
        """What a replay that found no difference proves by them, those `but` these files."""
        for path, note in self.notes:
            if str(path) not in but:
                at = local(datetime.fromisoformat(note.signed_at))
                screen.say("checkpoint_confirmed", position=note.position, at=at, path=path)

    def as_json(self) -> list[dict[str, Any]]:
        return [
            {
                "file": str(path),
                "position": note.position,
                "hash": note.hash,
                "signed_at": note.signed_at,
                "fingerprint": note.fingerprint,
            }
            for path, note in self.notes
        ]


def read_trusted(
    since: Path | None, files: Sequence[Path], public_key: Path | None, screen: Screen
) -> tuple[Notes, Notes]:
    """The note to go on from, and those to hold against what comes after it. Raises as `read_notes`, `WrongUsage`."""
    if since is None:
        return Notes(notes=()), read_notes(files, public_key, screen)
    read = read_notes((since, *files), public_key, screen).notes
    for path, note in read[1:]:
        if note.position <= read[0][1].position:
            raise WrongUsage(screen.text("note_before_since", path=path))
    return Notes(notes=read[:1]), Notes(notes=read[1:])


def read_notes(files: Sequence[Path], public_key: Path | None, screen: Screen) -> Notes:
    """Raises `CheckpointError` for the first that cannot be believed."""
    if not files:
        if public_key is not None:
            raise WrongUsage(screen.text("key_needed"))
        return Notes(notes=())
    key = home_public_key(load_settings().home) if public_key is None else read_public_key(public_key)
    return Notes(notes=[(path, read_checkpoint(path, public_key=key)) for path in files])

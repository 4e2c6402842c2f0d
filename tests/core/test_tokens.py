"""A token's name is given once; only its digest is known; what is revoked stays so."""

from datetime import timedelta

import pytest

from conductor.core.cluster import Cluster
from conductor.core.commands import CreateToken, RevokeToken
from conductor.core.errors import IllegalTransition, Rejection, RejectionCode
from conductor.core.events import Event, JobHeld, Provenance, RecordedEvent
from conductor.core.identifiers import (
    TOKENS_STREAM,
    JobId,
    NodeName,
    Position,
    StreamName,
    Version,
    job_stream,
    node_stream,
)
from conductor.core.roles import Role
from conductor.core.token_events import TokenCreated, TokenRevoked
from conductor.core.tokens import Tokens
from tests.given import START, World, registered, submitted

DIGEST = "ab" * 32
CI = CreateToken(name="ci", role=Role.SUBMITTER, sha256=DIGEST)
CREATED = TokenCreated(
    name="ci", role=Role.SUBMITTER, user_name="ci", node_name=None, expires_at=None, sha256=DIGEST
)


def rejection(outcome: object) -> Rejection:
    assert isinstance(outcome, Rejection), outcome
    return outcome


def test_a_token_belongs_to_the_user_of_its_own_name_unless_another_is_named() -> None:
    assert World().when(CI) == (CREATED,)
    named = CreateToken(name="ci", role=Role.SUBMITTER, sha256=DIGEST, user_name="alice")
    outcome = World().when(named)
    assert not isinstance(outcome, Rejection)
    [event] = outcome
    assert isinstance(event, TokenCreated)
    assert event.user_name == "alice"


def test_a_name_is_never_given_again_in_no_spelling_and_not_after_its_end() -> None:
    world = World()
    world.when(CI)
    for name in ("ci", "CI"):
        refused = rejection(world.when(CreateToken(name=name, role=Role.VIEWER, sha256=DIGEST)))
        assert (refused.code, refused.field) == (RejectionCode.INVALID, "name")
    world.when(RevokeToken(name="ci"))
    assert rejection(world.when(CI)).field == "name"


@pytest.mark.parametrize(
    "name",
    ["admin", "Admin", "anonymous", "", "a b", "a@b", "a:b", "a;b", "a,b", "*", "-a", "а", "a\n", "x" * 64],
)
def test_a_name_that_could_be_taken_for_another_is_refused(name: str) -> None:
    assert rejection(World().when(CreateToken(name=name, role=Role.VIEWER, sha256=DIGEST))).field == "name"


def test_an_executors_token_is_for_one_node_and_no_other_token_is() -> None:
    without = CreateToken(name="x", role=Role.EXECUTOR, sha256=DIGEST)
    assert rejection(World().when(without)).field == "node_name"
    needless = CreateToken(name="x", role=Role.ADMIN, sha256=DIGEST, node_name=NodeName("n"))
    assert rejection(World().when(needless)).field == "node_name"
    sound = CreateToken(name="x", role=Role.EXECUTOR, sha256=DIGEST, node_name=NodeName("n"))
    assert not isinstance(World().when(sound), Rejection)


def test_what_has_expired_already_and_what_is_no_digest_is_refused() -> None:
    past = CreateToken(name="x", role=Role.VIEWER, sha256=DIGEST, expires_at=START - timedelta(days=1))
    assert rejection(World().when(past)).field == "expires_at"
    secret = CreateToken(name="x", role=Role.VIEWER, sha256="cdr_secret")
    assert rejection(World().when(secret)).field == "sha256"


def test_a_token_is_revoked_once_and_an_unknown_one_is_not_found() -> None:
    world = World()
    world.when(CI)
    assert world.when(RevokeToken(name="ci", reason="lost")) == (TokenRevoked(name="ci", reason="lost"),)
    assert world.when(RevokeToken(name="ci", reason="again")) == ()
    assert rejection(world.when(RevokeToken(name="nobody"))).code is RejectionCode.NOT_FOUND
    tokens = world.states[TOKENS_STREAM]
    assert isinstance(tokens, Tokens)
    assert (tokens.version, tokens.by_name["ci"].reason) == (2, "lost")
    assert tokens.by_name["ci"].revoked_at is not None


def test_a_log_that_gives_a_name_twice_or_revokes_what_is_not_there_is_damaged() -> None:
    with pytest.raises(IllegalTransition):
        World().given(TOKENS_STREAM, CREATED, CREATED)
    with pytest.raises(IllegalTransition):
        World().given(TOKENS_STREAM, TokenRevoked(name="ci", reason=None))
    with pytest.raises(IllegalTransition):
        World().given(TOKENS_STREAM, CREATED, JobHeld(reason=None))
    with pytest.raises(IllegalTransition):
        World().given(job_stream(JobId(1)), submitted(), CREATED)


def test_the_schedulers_memory_passes_over_tokens_also_with_a_node_of_that_name() -> None:
    cluster = Cluster()
    told: list[tuple[StreamName, Event]] = [
        (node_stream(NodeName("tokens")), registered(NodeName("tokens"))),
        (TOKENS_STREAM, CREATED),
    ]
    for position, (stream, event) in enumerate(told, start=1):
        cluster.apply(
            RecordedEvent(
                position=Position(position),
                stream=stream,
                version=Version(1),
                event=event,
                at=START,
                recorded_at=START,
                provenance=Provenance(actor="tester", channel="test"),
            )
        )
    assert cluster.position == 2

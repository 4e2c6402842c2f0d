"""Tokens, described."""

from collections.abc import Mapping

from api.document.description import CONFLICT, Answer, Body, Description, ok
from api.endpoints.jobs import ReadQuery, Why
from api.endpoints.tokens import NewToken
from conductor.wire.tokens import ChangedToken, TokenList

TOKENS: Mapping[str, Description] = {
    "POST /api/v1/tokens": Description(
        name="create_token",
        tag="tokens",
        summary=("Make a token", "创建令牌"),
        detail=(
            "Its secret is in this answer and nowhere else. A name is never used again.",
            "密钥仅出现在本次应答中。名称不会被再次使用。",
        ),
        body=Body(
            shape=NewToken,
            examples={
                "submitter": {"name": "ci", "role": "submitter", "user_name": "alice"},
                "executor": {"name": "node-1", "role": "executor", "node_name": "node-1"},
            },
        ),
        answers={201: Answer(shape=ChangedToken)},
        problems=CONFLICT,
    ),
    "GET /api/v1/tokens": Description(
        name="list_tokens",
        tag="tokens",
        summary=("All tokens", "所有令牌"),
        detail=("Also those that have expired or were revoked.", "包括已过期和已撤销的令牌。"),
        query=ReadQuery,
        answers=ok(TokenList),
    ),
    "POST /api/v1/tokens/{name}/revoke": Description(
        name="revoke_token",
        tag="tokens",
        summary=("Revoke a token", "撤销令牌"),
        detail=(
            "Nobody gets in with it any more: at once at this server, in a poll interval at others. May be repeated.",
            "此令牌不再有效：本服务器立即生效，其他服务器在一个轮询间隔内生效。可以重复执行。",
        ),
        body=Body(shape=Why, required=False, examples={"because": {"reason": "left the group"}}),
        answers=ok(ChangedToken),
        problems=CONFLICT,
    ),
}

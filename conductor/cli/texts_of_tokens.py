"""What the command line says of tokens.

Part of the catalogue in `texts`, under the same promises.
"""

from collections.abc import Mapping

TEXTS_OF_TOKENS: Mapping[str, tuple[str, str]] = {
    "token_created": (
        "Made the token {name}, role {role}, user {user}. Its secret:",
        "已创建令牌 {name}，角色 {role}，用户 {user}。其密钥为：",
    ),
    "token_once": (
        (
            "Keep it now, readable by you alone: nobody can show it again. Give it to commands as "
            "CONDUCTOR_API_TOKEN; `conductor token revoke {name}` ends it."
        ),
        (
            "请立即妥善保存，且仅供本人读取：此密钥不会再次显示。可通过 CONDUCTOR_API_TOKEN 提供给命令；"
            "`conductor token revoke {name}` 可将其吊销。"
        ),
    ),
    "token_none": (
        "There are no tokens but the one of the home (`conductor token show`).",
        "除主目录自身的令牌（`conductor token show`）外，没有其他令牌。",
    ),
    "token_revoked": ("Nobody gets in with {name} any more.", "令牌 {name} 已吊销，不能再用于访问。"),
    "token_bad_role": ("{given} is no role; there are: {known}", "{given} 不是角色；可用的有：{known}"),
    "token_bad_expiry": (
        "{given} is neither a number of days nor a time: write 90, or 2027-01-31T18:00",
        "{given} 既不是天数也不是时间：请写 90，或 2027-01-31T18:00",
    ),
    "token_name": ("NAME", "名称"),
    "token_role": ("ROLE", "角色"),
    "token_for": ("FOR", "用于"),
    "token_by": ("MADE BY", "创建者"),
    "token_expires": ("EXPIRES", "过期"),
}  # fmt: skip

"""What is said of checkpoints, case files and what differs from the log, in each language.

Promises: both languages for every key, with the same gaps. Errors are told in English by themselves (`str`), and in
their reader's language by whoever knows it. Refuses to know when anything is said.
"""

from collections.abc import Mapping
from typing import Literal

from conductor.core.errors import ConductorError

Language = Literal["en", "zh"]


class EvidenceError(ConductorError):
    """Something that is kept outside of the database cannot be made or used; the sentence says which and why."""

    def __init__(self, key: str, /, **values: object) -> None:
        super().__init__(said("en", key, **values))
        self.key = key
        self.values = values

    def sentence(self, language: Language) -> str:
        return said(language, self.key, **self.values)


def said(language: Language, key: str, /, **values: object) -> str:
    """The sentence in that language, filled in."""
    return EVIDENCE_TEXTS[key][1 if language == "zh" else 0].format(**values)


EVIDENCE_TEXTS: Mapping[str, tuple[str, str]] = {
    # any file
    "file_unreadable": ("{path} cannot be read: {why}.", "无法读取 {path}：{why}。"),
    "file_unwritable": ("{path} cannot be written: {why}.", "无法写入 {path}：{why}。"),
    "file_too_large": (
        "{path} is too large to be a checkpoint or a key: it has more than {most} bytes.",
        "{path} 过大，不可能是检查点或密钥：超过 {most} 字节。",
    ),
    "file_not_plain": ("{path} is no plain file.", "{path} 不是普通文件。"),
    # checkpoints
    "note_of_another_key": (
        ("{path} is signed by another key: {found}, not {believed}. "
        "If you trust that key, name its file with --public-key."),
        "{path} 由另一个密钥签名：{found}，而非 {believed}。若信任该密钥，请用 --public-key 指明其文件。",
    ),
    "note_altered": (
        "{path} was altered: its signature does not fit what it says. Use a copy that was kept elsewhere.",
        "{path} 被改动过：签名与内容不符。请使用保存在别处的副本。",
    ),
    "note_of_another_cluster": (
        "{path} is a checkpoint of cluster {found}, and this is cluster {ours}: it says nothing about this log.",
        "{path} 是集群 {found} 的检查点，而这里是集群 {ours}：它不能说明这份日志的任何情况。",
    ),
    "note_not_json": (
        "{path} is no checkpoint: it is not the JSON that `conductor checkpoint` writes.",
        "{path} 不是检查点：它不是 `conductor checkpoint` 写出的 JSON。",
    ),
    "note_without_format": (
        "{path} is no checkpoint: it does not name its format.",
        "{path} 不是检查点：没有写明格式。",
    ),
    "note_of_another_format": (
        "{path} is of a format that this release does not know; it knows {known}.",
        "{path} 的格式不为本版本所识别；本版本识别 {known}。",
    ),
    "note_fields": (
        "{path} is no checkpoint: missing or unknown: {wrong}.",
        "{path} 不是检查点：缺少或无法识别的字段：{wrong}。",
    ),
    "note_field": (
        "{path} is no checkpoint: {name} is not written as a checkpoint writes it.",
        "{path} 不是检查点：{name} 的写法与检查点不同。",
    ),
    "note_position": (
        "{path} is no checkpoint: position is no position of a log.",
        "{path} 不是检查点：position 不是日志中的位置。",
    ),
    # keys
    "key_missing": (
        ("There is no {path}: no checkpoint was signed on this home. "
        "Name the signer's public key with --public-key FILE."),
        "没有 {path}：此目录从未签过检查点。请用 --public-key FILE 指明签名者的公钥。",
    ),
    "key_open": (
        ("Others may write {path} or its folder, or own it, so it may be anybody's key. Compare it with a copy of "
        "yours, then make both your own: chmod go-w {path} {home}"),
        ("其他用户可以写入或拥有 {path} 或其所在目录，因此它可能是任何人的密钥。请与您的副本比对，"
        "然后将二者收归自己：chmod go-w {path} {home}"),
    ),
    "key_not_public": (
        "{path} is no public key in PEM form (`BEGIN PUBLIC KEY`).",
        "{path} 不是 PEM 格式的公钥（`BEGIN PUBLIC KEY`）。",
    ),
    "key_not_private": (
        "{path} is no private key in PEM form without a password.",
        "{path} 不是无口令的 PEM 格式私钥。",
    ),
    "key_of_another_kind": (
        "{path} is a key of another kind; checkpoints are signed with Ed25519.",
        "{path} 是其他类型的密钥；检查点使用 Ed25519 签名。",
    ),
    "key_of_another_user": (
        ("{path} belongs to user {owner}, not to user {user} who runs this command. "
        "Sign as that user, or with a CONDUCTOR_HOME of your own."),
        "{path} 属于用户 {owner}，而不是运行此命令的用户 {user}。请以该用户签名，或使用您自己的 CONDUCTOR_HOME。",
    ),
    "key_readable": (
        ("{path} can be read by others (mode {mode}), so anybody may have signed with it. "
        "Move it and {public} away; the next checkpoint makes a new key."),
        ("其他用户可以读取 {path}（权限 {mode}），因此任何人都可能用它签过名。"
        "请移走它和 {public}；下一个检查点会生成新密钥。"),
    ),
    "key_not_the_half": (
        ("{path} is not the public half of {key} beside it. Find out who changed which; "
        "with the right key in place, remove the public one and it is written again."),
        "{path} 不是旁边 {key} 的公钥。请查明谁改动了哪一个；放好正确的密钥后，删除公钥，它会重新写出。",
    ),
    # case files
    "case_goes_on": (
        "{path} goes on after its end, at line {number}: something was added to it.",
        "{path} 在结尾之后仍有内容（第 {number} 行）：有人添加了内容。",
    ),
    "case_event_late": (
        "{path}, line {number}: an event stands after a script; lines were moved.",
        "{path} 第 {number} 行：事件出现在脚本之后；行被移动过。",
    ),
    "case_order": (
        "{path}, line {number}: position {position} stands after {last}; lines were added or moved.",
        "{path} 第 {number} 行：位置 {position} 出现在 {last} 之后；行被添加或移动过。",
    ),
    "case_no_line": (
        "{path}, line {number} is no line of a case file: it was altered.",
        "{path} 第 {number} 行不是案例文件的行：它被改动过。",
    ),
    "case_altered": (
        ("{path} was altered after it was written (line {number}): its lines no longer have the digest that "
        "stands at its end. Use another copy."),
        "{path} 写出后被改动过（第 {number} 行）：各行与结尾处的摘要不再相符。请使用另一份副本。",
    ),
    "case_altered_somewhere": (
        ("{path} was altered after it was written (a line that has no hash of its own, or the last): its lines no "
        "longer have the digest that stands at its end. Use another copy."),
        "{path} 写出后被改动过（没有自身哈希的某一行，或最后一行）：各行与结尾处的摘要不再相符。请使用另一份副本。",
    ),
    "case_empty": ("{path} is empty.", "{path} 是空文件。"),
    "case_cut_after": (
        "{path} was cut off after line {lines}: its last line is missing. Use a whole copy.",
        "{path} 在第 {lines} 行之后被截断：缺少最后一行。请使用完整的副本。",
    ),
    "case_cut_in": (
        "{path} was cut off in line {number}. Use a whole copy.",
        "{path} 在第 {number} 行中间被截断。请使用完整的副本。",
    ),
    "case_not_plain": (
        "{path} is no plain file. A case file is read more than once: keep it as a file.",
        "{path} 不是普通文件。案例文件要读取多次：请保存为文件。",
    ),
    "case_long_line": (
        "{path}, line {number} is longer than {longest} bytes: no case file has that.",
        "{path} 第 {number} 行超过 {longest} 字节：案例文件没有这样的行。",
    ),
    "case_compressed": (
        "{path} is compressed. Uncompress it first: {program} {path}",
        "{path} 是压缩文件。请先解压：{program} {path}",
    ),
    "case_not_one": (
        "{path} is no case file: its first line is not what `conductor export` writes.",
        "{path} 不是案例文件：首行不是 `conductor export` 写出的内容。",
    ),
    "case_not_json": (
        "{path}, line {number} is not JSON: it was altered.",
        "{path} 第 {number} 行不是 JSON：它被改动过。",
    ),
    "case_of_another_version": (
        ("{path} is a case file of format version {found}, written by release {release}; "
        "this release reads version {known}. Upgrade Conductor to read it."),
        ("{path} 是格式版本 {found} 的案例文件，由版本 {release} 写出；"
        "本版本读取格式版本 {known}。请升级 Conductor 后读取。"),
    ),
    "case_head": (
        "{path}: the first line lacks what a case file says of itself: it was altered.",
        "{path}：首行缺少案例文件的自述内容：它被改动过。",
    ),
    "case_no_event": (
        "{path}, line {number} holds no event any more: it was altered.",
        "{path} 第 {number} 行不再是事件：它被改动过。",
    ),
    # exports
    "export_empty": (
        "The log is empty: there is nothing to export yet.",
        "日志为空：还没有可以导出的内容。",
    ),
    "export_no_job": (
        "The log knows no job {jobs}; nothing was exported.",
        "日志中没有作业 {jobs}；未导出任何内容。",
    ),
    "export_no_events": (
        "There are no events {first} to {last}: the log ends at position {head}; nothing was exported.",
        "没有事件 {first} 至 {last}：日志到位置 {head} 为止；未导出任何内容。",
    ),
    # what differs; `why` is a rule's own sentence
    "differs_next": ("the next event in the log is {position}", "日志中的下一个事件是 {position}"),
    "differs_chain": ("the event or one before it was altered", "该事件或其前一个事件被改动过"),
    "differs_own_hash": ("the event does not have its hash", "该事件与其哈希不符"),
    "differs_before": (
        "it does not follow the event at position {position}",
        "它并非接在位置 {position} 的事件之后",
    ),
    "differs_first": ("the log's first event follows nothing", "日志的首个事件之前不应有事件"),
    "differs_rule": ("{why}", "不合规则：{why}"),
    "differs_rewritten": ("{why}", "被改写：{why}"),
    "differs_body": ("the body no longer has this digest", "正文与该摘要不再相符"),
    "differs_body_here": ("the body does not have this digest", "正文与该摘要不符"),
    "differs_row_unexpected": ("no event explains this row", "没有事件可以解释这一行"),
    "differs_row_missing": ("the log has it, the table does not", "日志中有，表中没有"),
    "differs_cell": ("the log says {said}, the table {stored}", "日志为 {said}，表中为 {stored}"),
    "differs_not_all": ("not all are in the file", "文件中缺少其中一部分"),
    "differs_stream": (
        "an event of it is missing, or its versions are out of order",
        "缺少其中的事件，或版本次序有误",
    ),
    "differs_after_head": (
        "it comes after what the file calls the log's end",
        "它在文件所称的日志末尾之后",
    ),
    "differs_head": (
        "it has not the hash the file gives the log's end",
        "它的哈希与文件所称的日志末尾不同",
    ),
}  # fmt: skip

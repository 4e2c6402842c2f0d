"""What the command line says of the log: audited, mended, replayed, signed, exported, looked back in.

Part of the catalogue in `texts`, under the same promises.
"""

from collections.abc import Mapping

TEXTS_OF_THE_LOG: Mapping[str, tuple[str, str]] = {
    # audit and repair
    "audit_nothing": (
        ("No findings. Live allocations: {allocations}, nodes: {nodes}, events replayed: {events}, "
        "rows compared: {rows}."),
        "没有发现问题：检查了 {allocations} 个有效分配和 {nodes} 个节点，重放了 {events} 个事件，比对了 {rows} 行。",
    ),
    "audit_nothing_now": (
        "No findings. Live allocations: {allocations}, nodes: {nodes}. The log was not replayed.",
        "没有发现问题：检查了 {allocations} 个有效分配和 {nodes} 个节点。未重放日志。",
    ),
    "audit_hidden": (
        "None as severe as asked for; less severe: {count}.",
        "没有达到所选严重程度的问题；另有 {count} 个较轻的问题。",
    ),
    "audit_unjudged": (
        "Replay found {count} differences, of which the first hundred were judged; mend them and look again.",
        "重放发现 {count} 处差异，只判断了前一百处；请修复后再次检查。",
    ),
    "audit_errors": ("ERRORS: {count}", "错误（error）：{count}"),
    "audit_warnings": ("WARNINGS: {count}", "警告（warning）：{count}"),
    "audit_infos": ("ACKNOWLEDGED: {count}", "已确认（info）：{count}"),
    "audit_led": ("What led there:", "相关事件："),
    "audit_mend": ("Mend it:", "修复："),
    "audit_accept": ("Once you know why, say so:", "查明原因后，请记录："),
    "acknowledged_by": (
        "Acknowledged by {actor} at {at}: {reason}",
        "{actor} 已于 {at} 确认：{reason}",
    ),
    "repair_unknown": (
        "the audit has no finding named {code}; `conductor audit` prints each with the command that mends it",
        "审计中没有名为 {code} 的问题；`conductor audit` 会列出每个问题及其修复命令",
    ),
    "repair_usage": (
        ("write the code and the subject as `conductor audit` prints them:\n"
        "  conductor repair reservation_expired allocation 7"),
        "请按 `conductor audit` 的输出写明代码和对象：\n  conductor repair reservation_expired allocation 7",
    ),
    "repair_rebuild": (
        "{code} is mended by making the rows anew from the log:\n  conductor replay rebuild",
        "{code} 须由日志重建数据行来修复：\n  conductor replay rebuild",
    ),
    "repair_by_hand": (
        ("{code} is mended on the machine itself, as `conductor audit` says; "
        'to leave it as it is:\n  conductor repair acknowledge {code} {subject} --reason "..."'),
        ("{code} 须按 `conductor audit` 所述在该机器上处理；若保持现状：\n"
        '  conductor repair acknowledge {code} {subject} --reason "..."'),
    ),
    "repair_acknowledge": (
        ("nothing mends {code}; once you know why it is so:\n"
        '  conductor repair acknowledge {code} {subject} --reason "..."'),
        '{code} 无法修复；查明原因后：\n  conductor repair acknowledge {code} {subject} --reason "..."',
    ),
    "repair_not_to_acknowledge": (
        "{code} can be mended, so it cannot be acknowledged; `conductor audit` prints the command",
        "{code} 可以修复，因此不能只确认；`conductor audit` 会列出修复命令",
    ),
    "repair_gone": (
        "conductor: the audit does not find {code} {subject} (any more); nothing was done.",
        "conductor：审计（已）没有发现 {code} {subject}；未执行任何操作。",
    ),
    "repair_done_before": (
        "conductor: {code} {subject} is acknowledged already; nothing was done.",
        "conductor：{code} {subject} 此前已确认；未执行任何操作。",
    ),
    "repair_would": ("Would be appended:", "将追加："),
    "repair_will": ("To be appended:", "即将追加："),
    "repair_appended": ("Appended:", "已追加："),
    "repair_so_already": ("It was so already; nothing was appended.", "原本已是如此；未追加任何事件。"),
    "repair_ask": ("Append this to the log? [y/N] ", "写入日志？[y/N] "),
    "repair_ask_reason": ("Reason, kept in the log: ", "原因（记入日志）："),
    "repair_not_done": ("conductor: nothing was done.", "conductor：未执行任何操作。"),
    "repair_no_terminal": (
        "there is no terminal to ask on; look at it with --dry-run, then add --yes",
        "没有可供询问的终端；请先用 --dry-run 查看，再加上 --yes",
    ),
    "repair_no_reason": (
        "say why with --reason TEXT; it is kept in the log",
        "请用 --reason TEXT 说明原因；它会记入日志",
    ),
    # replay
    "replaying": ("Folding the log", "正在折叠日志"),
    "replay_since": (
        "All up to position {position} is trusted; rows that nothing touched since were not looked at.",
        "位置 {position} 及之前的内容视为可信；此后未变动的行未作比较。",
    ),
    "note_before_since": (
        "{path} is of a position that --from-checkpoint leaves out; a whole replay proves it: leave one of the two out",
        "{path} 的位置在 --from-checkpoint 之前，不会被重放；完整重放才能证明它：请去掉其中之一",
    ),
    "since_and_file": (
        "--from-checkpoint needs the tables; a case file (--file) has none",
        "--from-checkpoint 需要数据库中的表；案例文件（--file）没有表",
    ),
    "replay_equal": (
        "Equal: the tables are what the log folds to, at position {position}. Events: {events}, rows: {rows}.",
        "一致：{events} 个事件折叠后与各表的 {rows} 行相同，位置 {position}。",
    ),
    "replay_differs": (
        "DIFFERENT, at position {position}. Events: {events}, differences: {count}:",
        "不一致：折叠 {events} 个事件后，在位置 {position} 有 {count} 处差异：",
    ),
    "rebuild_nothing": (
        "Nothing differs: every row is as the log says at position {position}. Nothing was written.",
        "没有差异：截至位置 {position}，每一行都与日志一致。未写入任何内容。",
    ),
    "rebuild_would": (
        "Rows that differ from the log at position {position}: {count}. Nothing was changed:",
        "截至位置 {position}，有 {count} 行与日志不一致；未作任何更改：",
    ),
    "rebuild_done": (
        "Rows made anew from the log: {count}. Positions of the events that say which: {events}.",
        "已按日志重建 {count} 行；位置 {events} 的事件列出了这些行：",
    ),
    "rebuild_not_mended": (
        "Not mended, because no event holds it: {what}. Restore the body from a backup.",
        "未修复（没有事件保存其内容）：{what}。请从备份恢复该正文。",
    ),
    "rebuild_recounted": (
        "Jobs that have ended were counted anew: the counts were wrong.",
        "已结束作业的数量有误，已重新统计。",
    ),
    "rebuild_left": (
        "Left as they are: the rows of {streams} (streams: {count}), of which the log lacks events.",
        "未作更改：{streams}（流：{count}）的数据行，日志缺少其部分事件。",
    ),
    "row_missing": ("was missing", "缺失"),
    "row_unexpected": ("was explained by no event", "没有事件可以解释"),
    "row_differing": ("was not as the log says", "与日志不一致"),
    "replay_more": ("... and {count} more; --json lists more of them.", "…… 另有 {count} 处；--json 列出更多。"),
    # checkpoints and case files
    "checkpoint_empty": (
        "The log is empty: there is nothing to sign yet. Submit a job first.",
        "日志为空：还没有可以签名的内容。请先提交作业。",
    ),
    "checkpoint_written": (
        ("Position {position} is signed with key {fingerprint}. Keep {path} away from this machine, "
        "with a copy of {public_key}."),
        ("位置 {position} 已用密钥 {fingerprint} 签名。请将 {path} 连同 {public_key} 的副本保存到本机之外。"),
    ),
    "file_exists": (
        "{path} is there already and is kept; give another name",
        "{path} 已存在，予以保留；请换一个名称",
    ),
    "cannot_write": ("cannot write {path}: {why}", "无法写入 {path}：{why}"),
    "export_what": (
        "say what to export: --job ID (as often as you like), or --from POSITION and --to POSITION, not both",
        "请说明要导出什么：--job ID（可多次给出），或 --from POSITION 与 --to POSITION，二者不可并用",
    ),
    "exported": (
        "{path}: events {events}, scripts {scripts}, environments {environments}; digest {sha256}.",
        "{path}：{events} 个事件，{scripts} 份脚本，{environments} 份环境变量；摘要 {sha256}。",
    ),
    "key_needed": (
        "--public-key goes with --checkpoint: it says whose notes to believe",
        "--public-key 须与 --checkpoint 一起使用：它说明相信谁签的检查点",
    ),
    "checkpoint_confirmed": (
        "Nothing up to position {position} was rewritten since {at}, says {path}.",
        "{path} 证明：自 {at} 以来，位置 {position} 及之前的内容未被改写。",
    ),
    "case_equal": (
        "Sound: every event has its hash, every whole stream folds ({runs}). Events: {events}, streams: {folded}.",
        "完好：{events} 个事件与其哈希相符，{folded} 个流可合法折叠（{runs}）。",
    ),
    "case_differs": (
        "NOT SOUND ({runs}). Events: {events}, differences: {count}:",
        "有误：{events} 个事件中有 {count} 处差异（{runs}）：",
    ),
    "case_beyond": (
        "{path} ends at position {last}; it cannot say how things stood at {position}",
        "{path} 到位置 {last} 为止，无法给出位置 {position} 时的状态",
    ),
    "case_in_part": (
        "conductor: {path} has only part of the log: what follows is of the jobs and nodes in it, not of the system.",
        "conductor：{path} 只含日志的一部分：以下只涉及其中的作业和节点，并非整个系统。",
    ),
    "case_run": ("positions {first} to {last}", "位置 {first} 至 {last}"),
    "case_runs_more": ("more pieces: {count}", "另有 {count} 段"),
    "unproved": ("Not proved, because it is not in the file:", "未能证明（因为不在文件中）："),
    "unproved_before": ("  what came before position {position}", "  位置 {position} 之前的内容"),
    "unproved_between": ("  what lies between its {pieces} pieces", "  其 {pieces} 段之间的内容"),
    "unproved_after": (
        "  what came after position {position} (the log ended at {head} when it was exported)",
        "  位置 {position} 之后的内容（导出时日志末尾为 {head}）",
    ),
    "unproved_streams": (
        "  streams that it has only in part ({count}): {names}",
        "  只含部分事件的 {count} 个流：{names}",
    ),
    "unproved_cpus": ("  that no CPU was promised twice", "  没有 CPU 被重复分配"),
    "unproved_known": ("  the checkpoint {path}: its position is {position}", "  检查点 {path}：其位置为 {position}"),
    "case_unsound": (
        "conductor: {path} is not sound (differences: {count}); see `conductor replay verify --file {path}`.",
        "conductor：{path} 有误（{count} 处差异）；见 `conductor replay verify --file {path}`。",
    ),
    "case_no_job": (
        "job {job_id} is not in {path}, or not from its beginning",
        "{path} 中没有作业 {job_id}，或缺少其开头",
    ),
    "case_no_script": (
        "the script of job {job_id} is not in {path}; export it with --scripts",
        "{path} 中没有作业 {job_id} 的脚本；请用 --scripts 导出",
    ),
    # the past
    "bad_moment": (
        "{given} is neither a position of the log nor a time: write 4711, 2026-11-17 14:02, 14:02 or now-2hours",
        "{given} 既不是日志位置，也不是时间：请写 4711、2026-11-17 14:02、14:02 或 now-2hours",
    ),
    "beyond_head": (
        "the log ends at position {head}; position {position} has not happened yet",
        "日志目前到位置 {head}；位置 {position} 尚未发生",
    ),
    "as_of": ("As of position {position}, {at}", "位置 {position} 时的状态，{at}"),
    "as_of_beginning": ("As of position 0, before the first event", "位置 0 时的状态，尚无任何事件"),
    "as_of_future": (
        "conductor: that time has yet to come; this is how things stand now.",
        "conductor：该时间尚未到来；以下是目前的状态。",
    ),
    "as_of_file_into": (
        "--into makes tables in a database, --file reads without one: they do not go together",
        "--into 在数据库中建表，--file 则不使用数据库：二者不能同时使用",
    ),
    "as_of_one_part": (
        "--job, --into, and the options for parts (--jobs, --nodes, --allocations, --stats) go one at a time",
        "--job、--into 与选择部分的选项（--jobs、--nodes、--allocations、--stats）不能同时使用",
    ),
    "as_of_replace": (
        "--replace goes with --into: it says that SCHEMA may be made anew",
        "--replace 须与 --into 一起使用：它表示可以重新创建 SCHEMA",
    ),
    "as_of_hole": (
        ("conductor: the log lacks events, the first at position {missing}: what follows is what is left of it. "
        "`conductor audit` says more."),
        "conductor：日志缺少事件，最早缺失的是位置 {missing}：以下是剩余部分。`conductor audit` 有更多说明。",
    ),
    "damaged_log": (
        ("conductor: the log is damaged at position {position} ({code}); what was written says what it has now. "
        "`conductor audit` says more."),
        "conductor：日志在位置 {position} 已损坏（{code}）；写出的是它目前的内容。`conductor audit` 有更多说明。",
    ),
    "unknown_state": (
        "{given} is no state of a job; there are {known}",
        "{given} 不是作业状态；可用的有 {known}",
    ),
    "as_of_no_jobs": ("No jobs matched then.", "当时没有符合条件的作业。"),
    "as_of_no_nodes": ("No nodes were registered then.", "当时没有已注册的节点。"),
    "as_of_no_allocations": ("No CPUs were held then.", "当时没有占用任何 CPU。"),
    "as_of_others": (
        "Jobs of then that are not listed: {count}; --all, --state and --limit show them.",
        "当时未列出的作业：{count} 个；--all、--state 和 --limit 可显示它们。",
    ),
    "no_job_then": (
        "there was no job {job_id} yet at position {position}",
        "在位置 {position} 时还没有作业 {job_id}",
    ),
    "schema_bad_name": (
        "{schema} is no name for a schema here: lower-case letters, digits and _, no digit first, 63 at most",
        "{schema} 不能用作模式名：只用小写字母、数字和 _，不以数字开头，最多 63 个字符",
    ),
    "schema_reserved": (
        "the schema {schema} is not for this; choose a name of its own, such as past",
        "模式 {schema} 不能用于此处；请另取名称，例如 past",
    ),
    "schema_foreign": (
        ("the schema {schema} exists and was not made by `conductor replay as-of`, so it is left as it is; "
        "choose another name"),
        "模式 {schema} 已存在，且不是由 `conductor replay as-of` 创建，因此保持原样；请换一个名称",
    ),
    "schema_exists": (
        "the schema {schema} exists; add --replace to make it anew, or choose another name",
        "模式 {schema} 已存在；加上 --replace 可重新创建，或换一个名称",
    ),
    "schema_no_right": (
        ("the role that connects may not make the schema {schema}, or not replace it; connect as the owner of the "
        "database, or let him GRANT CREATE ON DATABASE to it"),
        "连接所用的角色无权创建或替换模式 {schema}；请以数据库所有者连接，或由其授予 CREATE ON DATABASE 权限",
    ),
    "schema_made": (
        "The schema {schema} has the tables of then. Rows: {rows}.",
        "模式 {schema} 中是当时的各表，共 {rows} 行。",
    ),
    "schema_next": (
        "Next: conductor psql -c 'SELECT id, state FROM {schema}.jobs'; DROP SCHEMA {schema} CASCADE removes it.",
        "接下来：conductor psql -c 'SELECT id, state FROM {schema}.jobs'；用 DROP SCHEMA {schema} CASCADE 删除。",
    ),
}  # fmt: skip

"""Every sentence and heading of the command line, in each of its languages.

Promises: both languages for every key, with the same placeholders. States, reasons, event types and keys are
names: they are never translated. Refuses to know when anything is said.
"""

from collections.abc import Mapping
from typing import Literal

Language = Literal["en", "zh"]

TEXTS: Mapping[str, tuple[str, str]] = {
    # errors
    "error": ("conductor: {what}", "conductor：{what}"),
    "warning": ("conductor: warning: {what}", "conductor：警告：{what}"),
    "unreachable": (
        "conductor: no server answers at {url} ({cause}). Start one with `conductor up`, or set CONDUCTOR_URL.",
        "conductor：{url} 没有服务器应答（{cause}）。请用 `conductor up` 启动，或设置 CONDUCTOR_URL。",
    ),
    "unauthorized": (
        ("conductor: the server refused the token. Use the token of the system that answers there: "
        "set CONDUCTOR_HOME to its home, or CONDUCTOR_API_TOKEN to what its `conductor token show` prints."),
        ("conductor：服务器拒绝了令牌。请使用该系统的令牌：将 CONDUCTOR_HOME 设为它的目录，"
        "或将 CONDUCTOR_API_TOKEN 设为其 `conductor token show` 的输出。"),
    ),
    "no_token": (
        "conductor: there is no token in {home} yet. The API makes one when it first starts: `conductor up`.",
        "conductor：{home} 中还没有令牌。API 首次启动时会生成：`conductor up`。",
    ),
    # submitting
    "submitted": ("Submitted batch job {job_id}", "Submitted batch job {job_id}"),
    "no_script": (
        "give a script FILE, `-` to read it from standard input, or --wrap 'COMMAND'",
        "请给出脚本 FILE，用 `-` 从标准输入读取，或使用 --wrap 'COMMAND'",
    ),
    "script_and_wrap": ("give either FILE or --wrap, not both", "FILE 与 --wrap 只能给一个"),
    "script_arguments": (
        ("arguments for the script are not supported: {arguments}. Options go before FILE; "
        "put the script's own arguments into --wrap, or into the script"),
        "不支持脚本参数：{arguments}。选项要写在 FILE 之前；脚本自身的参数请写进 --wrap 或脚本里",
    ),
    "sbatch_option": (
        ("{option} is an option of sbatch that this version does not have; leave it out, "
        "or see `conductor {command} --help` for those it has"),
        "{option} 是 sbatch 的选项，但本版本不支持；请去掉它，可用选项见 `conductor {command} --help`",
    ),
    "unknown_option": (
        "there is no option {option}; see `conductor {command} --help`",
        "没有选项 {option}；见 `conductor {command} --help`",
    ),
    "unreadable_script": ("cannot read {path}: {why}", "无法读取 {path}：{why}"),
    "large_script": (
        ("{path} is larger than {limit} bytes, the most a script may have; "
        "move data into files that the script reads"),
        "{path} 超过脚本上限 {limit} 字节；请把数据放进脚本读取的文件中",
    ),
    "script_not_utf8": (
        ("{path} is not valid UTF-8 (byte {position}); convert it, "
        "for example: iconv -f GB18030 -t UTF-8 {path} > NEW"),
        "{path} 不是有效的 UTF-8（第 {position} 字节）；请转换，例如：iconv -f GB18030 -t UTF-8 {path} > NEW",
    ),
    "bad_memory": (
        "{given} is no amount of memory: write megabytes, or a number with K, M, G or T, such as 2G",
        "{given} 不是内存大小：请写兆字节数，或带 K、M、G、T 的数字，如 2G",
    ),
    "bad_begin": (
        "{given} is no time: write 2026-01-31T18:00, 18:00, now+1hour, now+30minutes or tomorrow",
        "{given} 不是时间：请写 2026-01-31T18:00、18:00、now+1hour、now+30minutes 或 tomorrow",
    ),
    "bad_export": (
        "{given} in --export is neither ALL, NONE nor NAME or NAME=VALUE",
        "--export 中的 {given} 不是 ALL、NONE，也不是 NAME 或 NAME=VALUE",
    ),
    "unset_export": (
        "--export names {name}, which is not set here; write {name}=VALUE, or leave it out",
        "--export 提到的 {name} 在此没有设置；请写 {name}=VALUE，或去掉它",
    ),
    "contradicting_tasks": (
        "--ntasks {ntasks} and --ntasks-per-node {per_node} contradict: a job has one node; give one of them",
        "--ntasks {ntasks} 与 --ntasks-per-node {per_node} 矛盾：一个作业只用一个节点；请只给一个",
    ),
    "not_utf8": (
        "the value of {name} is not valid UTF-8 and cannot be sent; give another one",
        "{name} 的值不是有效的 UTF-8，无法发送；请换一个",
    ),
    # running and following
    "bringing_up": (
        "Nothing runs here yet; bringing up a system in {home} for this job ...",
        "尚无系统在运行；正在 {home} 为此作业启动系统 ……",
    ),
    "status_waiting": ("job {job_id} waiting{why}", "作业 {job_id} 等待中{why}"),
    "status_running": ("job {job_id} running{where}: {time}", "作业 {job_id} 运行中{where}：{time}"),
    "status_limited": (
        "job {job_id} running{where}: {time} of {limit}",
        "作业 {job_id} 运行中{where}：{time} / {limit}",
    ),
    "status_away": (
        "job {job_id}: the server does not answer; trying again",
        "作业 {job_id}：服务器没有应答；正在重试",
    ),
    "lost_touch": (
        ("conductor: lost touch with the server; job {job_id} goes on without us. "
        "Follow it again with `conductor logs -f {job_id}`."),
        "conductor：与服务器失去联系；作业 {job_id} 会继续。重新跟随：`conductor logs -f {job_id}`。",
    ),
    "ask_cancel": ("Cancel job {job_id}? [y/N] ", "取消作业 {job_id}？[y/N] "),
    "cancelling": ("conductor: cancelling job {job_id} ...", "conductor：正在取消作业 {job_id} ……"),
    "left_behind": (
        "conductor: no longer waiting for job {job_id}, which was asked to end.",
        "conductor：不再等待作业 {job_id}，它已被要求结束。",
    ),
    "ended": ("conductor: job {job_id} {state}{why}", "conductor：作业 {job_id} {state}{why}"),
    # changing jobs and nodes
    "cancelled": ("Job {job_id} is cancelled.", "作业 {job_id} 已取消。"),
    "cancel_requested": (
        "Job {job_id} was asked to end; its node is ending it.",
        "已要求作业 {job_id} 结束；其节点正在结束它。",
    ),
    "already_ended": ("Job {job_id} had already ended: {state}.", "作业 {job_id} 早已结束：{state}。"),
    "held": ("Job {job_id} is held; `conductor unhold {job_id}` lets it run.",
             "作业 {job_id} 已挂起；`conductor unhold {job_id}` 可放行。"),
    "unheld": ("Job {job_id} may run.", "作业 {job_id} 可以运行。"),
    "requeued": ("Job {job_id} is put back: {state}.", "作业 {job_id} 已重新排队：{state}。"),
    "requeue_requested": (
        "Job {job_id} was asked to end and will then be put back.",
        "已要求作业 {job_id} 结束，随后重新排队。",
    ),
    "reprioritized": (
        "Job {job_id} has priority {priority}.",
        "作业 {job_id} 的优先级为 {priority}。",
    ),
    "drained": (
        "Node {name} is drained: nothing more is placed on it; what runs there runs on.",
        "节点 {name} 已排空：不再分配新作业；正在运行的继续运行。",
    ),
    "resumed": ("Node {name} takes jobs again.", "节点 {name} 恢复接收作业。"),
    # listings
    "no_jobs": (
        "No jobs are waiting or running; `conductor jobs --all` shows those that ended.",
        "没有等待或运行的作业；`conductor jobs --all` 可查看已结束的作业。",
    ),
    "no_such_jobs": ("No jobs match.", "没有符合条件的作业。"),
    "no_nodes": (
        "No nodes are registered; `conductor executor` on a machine registers it.",
        "没有已注册的节点；在机器上运行 `conductor executor` 即可注册。",
    ),
    "no_events": ("No events match.", "没有符合条件的事件。"),
    "more_jobs": ("More follow; --limit N shows more.", "还有更多；--limit N 可显示更多。"),
    "log_head": ("The log ends at position {position}, hash {hash}.", "日志末尾位置 {position}，哈希 {hash}。"),
    # headings
    "id": ("ID", "编号"),
    "name": ("NAME", "名称"),
    "user": ("USER", "用户"),
    "state": ("STATE", "状态"),
    "cpus": ("CPUS", "CPU"),
    "time": ("TIME", "时间"),
    "limit": ("LIMIT", "时限"),
    "node_or_reason": ("NODE (REASON)", "节点（原因）"),
    "reason": ("REASON", "原因"),
    "used": ("USED", "已用"),
    "reserved": ("RESERVED", "预留"),
    "free": ("FREE", "空闲"),
    "total": ("TOTAL", "总数"),
    "memory": ("MEMORY", "内存"),
    "position": ("POSITION", "位置"),
    "at": ("TIME", "时间"),
    "stream": ("STREAM", "流"),
    "event": ("EVENT", "事件"),
    "details": ("DETAILS", "详情"),
    "job": ("JOB", "作业"),
    "attempt": ("ATTEMPT", "尝试"),
    "node": ("NODE", "节点"),
    "status": ("STATUS", "状态"),
    "process": ("PROCESS", "进程"),
    "since": ("SINCE", "自"),
    # one job
    "job_title": ("Job {job_id}: {name}", "作业 {job_id}：{name}"),
    "label_state": ("State", "状态"),
    "label_user": ("User", "用户"),
    "label_account": ("Account", "账户"),
    "label_cpus": ("CPUs", "CPU"),
    "label_memory": ("Memory", "内存"),
    "label_priority": ("Priority", "优先级"),
    "label_limit": ("Time limit", "时限"),
    "label_begin": ("Not before", "不早于"),
    "label_submitted": ("Submitted", "提交"),
    "label_started": ("Started", "开始"),
    "label_ended": ("Ended", "结束"),
    "label_node": ("Node", "节点"),
    "label_process": ("Process", "进程"),
    "label_usage": ("Used", "用量"),
    "label_attempt": ("Attempt", "尝试"),
    "label_exit": ("Exit", "退出"),
    "label_folder": ("Folder", "目录"),
    "label_stdout": ("Output", "输出"),
    "label_stderr": ("Errors", "错误输出"),
    "label_comment": ("Comment", "备注"),
    "after_wait": ("{at}  (after {time})", "{at}（等待 {time}）"),
    "after_run": ("{at}  (after {time})", "{at}（运行 {time}）"),
    "cpu_numbers": ("{count} ({numbers})", "{count}（{numbers}）"),
    "tasks_of": ("{count} ({tasks} tasks of {cpus})", "{count}（{tasks} 个任务，每个 {cpus}）"),
    "bytes": ("{path}  ({bytes} bytes)", "{path}（{bytes} 字节）"),
    "in_spool": ("kept by the node", "由节点保存"),
    "used_by_job": ("{cpu} of CPU, {memory} at most", "CPU {cpu}，内存峰值 {memory}"),
    "exit_code": ("code {code}", "代码 {code}"),
    "exit_signal": ("signal {signal} ({name})", "信号 {signal}（{name}）"),
    "exit_unknown": ("not known", "未知"),
    "asked_to_end": ("{state}, asked to end at {at}", "{state}，已于 {at} 要求结束"),
    "timeline": ("Timeline", "时间线"),
    "last_output": ("Last lines of its output (`conductor logs {job_id}` shows all)",
                    "最后的输出（`conductor logs {job_id}` 显示全部）"),
    # the cluster
    "stats_cpus": ("CPUs", "CPU"),
    "stats_cpu_line": (
        "{total} = {used} used + {reserved} reserved + {available} free + {unavailable} unavailable",
        "{total} = 已用 {used} + 预留 {reserved} + 空闲 {available} + 不可用 {unavailable}",
    ),
    "stats_utilization": ("In use", "利用率"),
    "stats_jobs": ("Jobs", "作业"),
    "stats_oldest": ("Longest wait", "最长等待"),
    "stats_nodes": ("Nodes", "节点"),
    "stats_position": ("Log", "日志"),
    "stats_position_line": ("position {position}", "位置 {position}"),
    # audit and repair
    "audit_nothing": (
        ("No findings: {allocations} live allocations and {nodes} nodes looked at, {events} events replayed, "
        "{rows} rows compared."),
        "没有发现问题：检查了 {allocations} 个有效分配和 {nodes} 个节点，重放了 {events} 个事件，比对了 {rows} 行。",
    ),
    "audit_nothing_now": (
        "No findings: {allocations} live allocations and {nodes} nodes looked at. The log was not replayed.",
        "没有发现问题：检查了 {allocations} 个有效分配和 {nodes} 个节点。未重放日志。",
    ),
    "audit_hidden": (
        "None as severe as asked for; {count} findings are less.",
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
        ("write the code and the subject as `conductor audit` prints them: "
        "conductor repair reservation_expired allocation 7"),
        "请按 `conductor audit` 的输出写明代码和对象：conductor repair reservation_expired allocation 7",
    ),
    "repair_rebuild": (
        "{code} is mended by making the rows anew from the log: conductor replay rebuild",
        "{code} 须由日志重建数据行来修复：conductor replay rebuild",
    ),
    "repair_by_hand": (
        ("{code} is mended on the machine itself, as `conductor audit` says; "
        "to leave it as it is: conductor repair acknowledge {code} {subject}"),
        "{code} 须按 `conductor audit` 所述在该机器上处理；若保持现状：conductor repair acknowledge {code} {subject}",
    ),
    "repair_acknowledge": (
        "nothing mends {code}; once you know why it is so: conductor repair acknowledge {code} {subject}",
        "{code} 无法修复；查明原因后：conductor repair acknowledge {code} {subject}",
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
    # services and replay
    "migrated": ("{name} is applied.", "{name} 已应用。"),
    "up_to_date": ("The schema is up to date.", "数据库结构已是最新。"),
    "replaying": ("Folding the log", "正在折叠日志"),
    "replay_equal": (
        "Equal: {events} events fold to the {rows} rows of the tables, at position {position}.",
        "一致：{events} 个事件折叠后与各表的 {rows} 行相同，位置 {position}。",
    ),
    "replay_differs": (
        "DIFFERENT: after {events} events, at position {position}, {count} differences:",
        "不一致：折叠 {events} 个事件后，在位置 {position} 有 {count} 处差异：",
    ),
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
        "{path}: {events} events, {scripts} scripts, {environments} environments; digest {sha256}.",
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
        "Sound: {events} events have their hashes, {folded} streams fold legally ({runs}).",
        "完好：{events} 个事件与其哈希相符，{folded} 个流可合法折叠（{runs}）。",
    ),
    "case_differs": (
        "NOT SOUND: {count} differences in {events} events ({runs}):",
        "有误：{events} 个事件中有 {count} 处差异（{runs}）：",
    ),
    "case_run": ("positions {first} to {last}", "位置 {first} 至 {last}"),
    "case_runs_more": ("{count} more pieces", "另有 {count} 段"),
    "unproved": ("Not proved, because it is not in the file:", "未能证明（因为不在文件中）："),
    "unproved_before": ("  what came before position {position}", "  位置 {position} 之前的内容"),
    "unproved_between": ("  what lies between its {pieces} pieces", "  其 {pieces} 段之间的内容"),
    "unproved_after": (
        "  what came after position {position} (the log ended at {head} when it was exported)",
        "  位置 {position} 之后的内容（导出时日志末尾为 {head}）",
    ),
    "unproved_streams": (
        "  {count} streams that it has only in part: {names}",
        "  只含部分事件的 {count} 个流：{names}",
    ),
    "unproved_cpus": ("  that no CPU was promised twice", "  没有 CPU 被重复分配"),
    "unproved_known": ("  the checkpoint {path}: its position is {position}", "  检查点 {path}：其位置为 {position}"),
    "case_unsound": (
        "conductor: {path} is not sound ({count} differences); see `conductor replay verify --file {path}`.",
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
        "The schema {schema} has the tables of then: {rows} rows.",
        "模式 {schema} 中是当时的各表，共 {rows} 行。",
    ),
    "schema_next": (
        "Next: conductor psql -c 'SELECT id, state FROM {schema}.jobs'; DROP SCHEMA {schema} CASCADE removes it.",
        "接下来：conductor psql -c 'SELECT id, state FROM {schema}.jobs'；用 DROP SCHEMA {schema} CASCADE 删除。",
    ),
    "rebuild_nothing": (
        "Nothing differs: every row is as the log says at position {position}. Nothing was written.",
        "没有差异：截至位置 {position}，每一行都与日志一致。未写入任何内容。",
    ),
    "rebuild_would": (
        "{count} rows differ from the log at position {position}; nothing was changed:",
        "截至位置 {position}，有 {count} 行与日志不一致；未作任何更改：",
    ),
    "rebuild_done": (
        "{count} rows were made anew from the log; the events at {events} say which:",
        "已按日志重建 {count} 行；位置 {events} 的事件列出了这些行：",
    ),
    "rebuild_not_mended": (
        "Not mended, because no event holds it: {what}. Restore the body from a backup.",
        "未修复（没有事件保存其内容）：{what}。请从备份恢复该正文。",
    ),
    "row_missing": ("was missing", "缺失"),
    "row_unexpected": ("was explained by no event", "没有事件可以解释"),
    "row_differing": ("was not as the log says", "与日志不一致"),
    "replay_more": ("... and {count} more; --json lists more of them.", "…… 另有 {count} 处；--json 列出更多。"),
}  # fmt: skip


def text(language: Language, key: str, **values: object) -> str:
    """The sentence in that language, filled in."""
    sentence = TEXTS[key][1 if language == "zh" else 0]
    return sentence.format(**values) if values else sentence

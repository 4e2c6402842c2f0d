"""Every finding of the audit: its code, how bad it is, what mends it, and its sentence in both languages.

The only place where these sentences stand: the API and the command line both say them, and `docs/audit.md` is compared
with it. Codes are stable and never translated. Refuses to know how a finding is found.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from conductor.core.sentences import Language, filled


class Severity(StrEnum):
    """`error`: something is wrong now. `warning`: a person should look. `info`: somebody has, and said so."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Mending(StrEnum):
    """What makes a finding go away, or be quiet."""

    REPAIR = "repair"  # events: `conductor repair CODE SUBJECT`
    REBUILD = "rebuild"  # the table anew from the log: `conductor replay rebuild`
    ACKNOWLEDGE = "acknowledge"  # nothing mends it; somebody says why it is so
    BY_HAND = "by hand"  # outside of the database; the sentence says how


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One kind of finding. Sentences have gaps named as the finding's parameters are.

    A command to be typed stands in backquotes after a colon: where there are lines, it gets one of its own.
    """

    severity: Severity
    mending: Mending
    english: str
    chinese: str


CATALOGUE: Mapping[str, Entry] = {
    "reservation_expired": Entry(
        severity=Severity.ERROR,
        mending=Mending.REPAIR,
        english=(
            "Job {job_id} holds CPUs {cpu_ids} of {node_name} by a reservation that expired at {expires_at} and that "
            "no scheduler has taken back. Check that one runs (`GET /health`); the repair puts the job back into the "
            "queue."
        ),
        chinese=(
            "作业 {job_id} 的预留占用 {node_name} 的 CPU {cpu_ids}，已于 {expires_at} 过期，但没有调度器收回。"
            "请检查调度器是否在运行（`GET /health`）；修复会让该作业回到队列。"
        ),
    ),
    "allocation_of_finished_job": Entry(
        severity=Severity.ERROR,
        mending=Mending.REBUILD,
        english=(
            "The tables say that job {job_id} has ended ({state}) and that its allocation is {status} on {node_name}. "
            "No event leads there: somebody changed a row by hand. The log knows which of the two is true."
        ),
        chinese=(
            "数据表显示作业 {job_id} 已结束（{state}），而其分配在 {node_name} 上仍为 {status}。"
            "没有事件会导致这种情况：有人手工改动了数据行。哪个为真以日志为准。"
        ),
    ),
    "process_missing": Entry(
        severity=Severity.ERROR,
        mending=Mending.REPAIR,
        english=(
            "Job {job_id} is RUNNING on {node_name} as PID {pid}, but that process does not exist there any more, as "
            "its executor saw at {observed_at}. The repair releases its CPUs; the job ends as FAILED."
        ),
        chinese=(
            "作业 {job_id} 在 {node_name} 上以 PID {pid} 为 RUNNING，但据其执行器在 {observed_at} 所见，"
            "该进程已不存在。修复会释放其 CPU；作业以 FAILED 结束。"
        ),
    ),
    "process_stray": Entry(
        severity=Severity.ERROR,
        mending=Mending.BY_HAND,
        english=(
            "PID {pid} on {node_name} ({command}) carries the mark of allocation {allocation_id} (job {job_id}, "
            "attempt {attempt}), which is not live there. First verify that it is still that process: on {node_name}, "
            "this must print {start_ticks}: `sed 's/.*) //' /proc/{pid}/stat | cut -d' ' -f20`. "
            "Then end it: `kill {pid}`. If it stays: `kill -9 {pid}`."
        ),
        chinese=(
            "{node_name} 上的 PID {pid}（{command}）带有分配 {allocation_id}（作业 {job_id}，"
            "第 {attempt} 次运行）的标记，而该分配在此并非有效。"
            "请先确认仍是同一进程；在 {node_name} 上执行以下命令，结果必须为 {start_ticks}："
            "`sed 's/.*) //' /proc/{pid}/stat | cut -d' ' -f20`。然后结束它：`kill {pid}`。若仍在：`kill -9 {pid}`。"
        ),
    ),
    "process_unmarked": Entry(
        severity=Severity.WARNING,
        mending=Mending.BY_HAND,
        english=(
            "PID {pid} on {node_name} ({command}) is a child of the node's supervisor and carries no job's mark: "
            "something that a job left behind, with its environment wiped. If it is not wanted, first verify that it "
            "is still that process: on {node_name}, this must print {start_ticks}: "
            "`sed 's/.*) //' /proc/{pid}/stat | cut -d' ' -f20`. "
            "Then end it: `kill {pid}`. If it stays: `kill -9 {pid}`."
        ),
        chinese=(
            "{node_name} 上的 PID {pid}（{command}）是该节点监管进程的子进程，但没有任何作业的标记："
            "它由某个作业遗留，且环境已被清空。若不需要它，"
            "请先确认仍是同一进程；在 {node_name} 上执行以下命令，结果必须为 {start_ticks}："
            "`sed 's/.*) //' /proc/{pid}/stat | cut -d' ' -f20`。然后结束它：`kill {pid}`。若仍在：`kill -9 {pid}`。"
        ),
    ),
    "allocation_on_lost_node": Entry(
        severity=Severity.WARNING,
        mending=Mending.REPAIR,
        english=(
            "Node {node_name} is {node_state}, and allocations {allocation_ids} of jobs {job_ids} still hold CPUs "
            "there. If the node may come back, wait: its jobs may run on. If you know that nothing of them runs there "
            "any more, the repair ends them."
        ),
        chinese=(
            "节点 {node_name} 的状态为 {node_state}，而作业 {job_ids} 的分配 {allocation_ids} 仍占用其 CPU。"
            "若节点可能恢复，请等待：其作业可能仍在运行。若确知其上已不再运行任何这些作业，可用修复命令结束它们。"
        ),
    ),
    "node_lease_stale": Entry(
        severity=Severity.ERROR,
        mending=Mending.REPAIR,
        english=(
            "Node {node_name} is {node_state} by the log, but its lease ended at {expires_at} and no scheduler has "
            "declared it lost. Check that a scheduler runs (`GET /health`) and the node's executor; the repair "
            "declares it lost, which ends no job that may still run."
        ),
        chinese=(
            "日志中节点 {node_name} 为 {node_state}，但其租约已于 {expires_at} 结束，且没有调度器宣布其失联。"
            "请检查调度器（`GET /health`）和该节点的执行器是否在运行；修复会宣布其失联，不会结束可能仍在运行的作业。"
        ),
    ),
    "cancel_stuck": Entry(
        severity=Severity.WARNING,
        mending=Mending.REPAIR,
        english=(
            "Job {job_id} was asked to end at {cancel_requested_at} and is still RUNNING on {node_name} as PID {pid}. "
            "Check that node's executor and supervisor. Once you know that nothing of the job runs there, the repair "
            "releases its CPUs."
        ),
        chinese=(
            "作业 {job_id} 已于 {cancel_requested_at} 被要求结束，但仍在 {node_name} 上以 PID {pid} 为 RUNNING。"
            "请检查该节点的执行器和监管进程。确知其上已无该作业的进程后，修复会释放其 CPU。"
        ),
    ),
    "cleanup_blocked": Entry(
        severity=Severity.WARNING,
        mending=Mending.REPAIR,
        english=(
            "Job {job_id} is being ended on {node_name}, but PIDs {pids} cannot be killed, so it keeps its CPUs "
            "{cpu_ids}. Such processes wait inside the kernel (a dead disk or file server): mend that, or restart the "
            "machine. The repair gives the CPUs away while the processes are still there."
        ),
        chinese=(
            "正在 {node_name} 上结束作业 {job_id}，但无法杀死 PID {pids}，因此它继续占用 CPU {cpu_ids}。"
            "这类进程停在内核中（磁盘或文件服务器故障）：请排除故障或重启机器。修复会在进程仍存在时让出这些 CPU。"
        ),
    ),
    "imported_never_released": Entry(
        severity=Severity.WARNING,
        mending=Mending.REPAIR,
        english=(
            "The original system ({source}) never gave back {allocated_cpus} CPUs of {node_name}: its allocation "
            "{allocation_id} of job {job_id} was still `{status}` (since {since}, PID {pid}) when it was imported; "
            "the job was {state} there. Nothing is held here. If the PID is still that job on {node_name}, end it; the "
            "repair closes the allocation in the log."
        ),
        chinese=(
            "原系统（{source}）从未归还 {node_name} 的 {allocated_cpus} 个 CPU：作业 {job_id} 的分配 {allocation_id} "
            "自 {since} 起一直为 `{status}`（PID {pid}）；导入时该作业在原系统中为 {state}。此处没有任何占用。"
            "若该 PID 在 {node_name} 上仍是此作业，请结束它；修复会在日志中关闭该分配。"
        ),
    ),
    "row_differs": Entry(
        severity=Severity.ERROR,
        mending=Mending.REBUILD,
        english=(
            "Row {key} of table {table} is not what the log says, in {columns}: somebody changed it past the door. "
            "Nothing was decided from it; whoever read it was misled."
        ),
        chinese=(
            "表 {table} 的行 {key} 在 {columns} 上与日志不符：有人绕过写入入口改动了它。"
            "没有决策依据它作出，但读到它的人会被误导。"
        ),
    ),
    "row_missing": Entry(
        severity=Severity.ERROR,
        mending=Mending.REBUILD,
        english="Table {table} lacks row {key}, which the log explains: somebody deleted it past the door.",
        chinese="表 {table} 缺少行 {key}，而日志中有它的来历：有人绕过写入入口删除了它。",
    ),
    "row_unexpected": Entry(
        severity=Severity.ERROR,
        mending=Mending.REBUILD,
        english="No event explains row {key} of table {table}: somebody inserted it past the door.",
        chinese="没有事件能解释表 {table} 的行 {key}：有人绕过写入入口插入了它。",
    ),
    "count_differs": Entry(
        severity=Severity.ERROR,
        mending=Mending.REBUILD,
        english=(
            "By the log {said} jobs have ended as {state}, and {stored} are counted: somebody changed a row or the "
            "count past the door. Nothing was decided from it; the statistics are wrong by the difference."
        ),
        chinese=(
            "按日志有 {said} 个作业以 {state} 结束，计数却为 {stored}：有人绕过写入入口改动了行或计数。"
            "没有决策依据它作出；统计数字相差这么多。"
        ),
    ),
    "row_ahead": Entry(
        severity=Severity.ERROR,
        mending=Mending.REBUILD,
        english=(
            "Row {key} of table {table} is of version {row_version} of {stream}, and the log has only {log_version}: "
            "the log's last events were cut off, or somebody changed the row past the door. If they were cut off, such "
            "rows are the last trace of them: note what they say, and compare with a backup, before you make them anew."
        ),
        chinese=(
            "表 {table} 的行 {key} 属于流 {stream} 的第 {row_version} 版，而日志中只有 {log_version} 版："
            "日志末尾的事件被截去，或有人绕过写入入口改动了该行。若为截去，这些行是它们最后的痕迹："
            "重建之前，请记下其内容，并与备份比对。"
        ),
    ),
    "conservation_broken": Entry(
        severity=Severity.ERROR,
        mending=Mending.ACKNOWLEDGE,
        english=(
            "From position {position} on, the events of node {node_name} do not add up: free + reserved + allocated "
            "is not its total, or a CPU is held twice ({why}). Commands cannot write such events: they were written "
            "past the handler."
        ),
        chinese=(
            "从位置 {position} 起，节点 {node_name} 的事件不守恒：空闲 + 预留 + 已分配不等于总数，或某个 CPU 被重复占用"
            "（{why}）。命令不会写出这样的事件：它们绕过了处理程序。"
        ),
    ),
    "gres_promised_twice": Entry(
        severity=Severity.ERROR,
        mending=Mending.ACKNOWLEDGE,
        english=(
            "At position {position} a generic resource of node {node_name} was promised that it does not have, or that "
            "another job held ({why}). Commands cannot write such events: they were written past the handler. If both "
            "jobs still run, cancel or requeue one of them."
        ),
        chinese=(
            "在位置 {position}，节点 {node_name} 的通用资源被承诺，而该节点没有它，或它已被另一作业占用（{why}）。"
            "命令不会写出这样的事件：它们绕过了处理程序。若两个作业都仍在运行，请取消其中一个或让其重新排队。"
        ),
    ),
    "memory_overpromised": Entry(
        severity=Severity.WARNING,
        mending=Mending.ACKNOWLEDGE,
        english=(
            "At position {position} more memory of node {node_name} was promised than it has ({why}). A reservation by "
            "hand that crosses one of the scheduler's can do that, or a node that came back with less just then. If "
            "the jobs need all that they asked for, cancel or requeue one of them."
        ),
        chinese=(
            "在位置 {position}，节点 {node_name} 被承诺的内存超过其拥有的（{why}）。手工预留与调度器的预留交错，"
            "或节点恰好以较少的内存重新注册时，可能如此。若这些作业确需其申请的全部内存，请取消其中一个或让其重新排队。"
        ),
    ),
    "licence_overpromised": Entry(
        severity=Severity.WARNING,
        mending=Mending.ACKNOWLEDGE,
        english=(
            "At position {position} more licences were promised than the policy has ({why}). A reservation by hand "
            "that crosses one of the scheduler's can do that, or one of the scheduler's that crosses a change of the "
            "policy. If the jobs need all that they asked for, cancel or requeue one of them."
        ),
        chinese=(
            "在位置 {position}，承诺的许可证超过策略所定的数目（{why}）。手工预留与调度器的预留交错，"
            "或调度器的预留与策略变更交错时，可能如此。若这些作业确需其申请的全部许可证，请取消其中一个或让其重新排队。"
        ),
    ),
    "hash_broken": Entry(
        severity=Severity.ERROR,
        mending=Mending.ACKNOWLEDGE,
        english=(
            "The hash chain is broken at position {position}: the event there, or the one before it, was altered after "
            "it was written. Compare it with a backup or an export."
        ),
        chinese=("哈希链在位置 {position} 断裂：该处或其前一个事件在写入后被改动。请与备份或导出文件比对。"),
    ),
    "position_missing": Entry(
        severity=Severity.ERROR,
        mending=Mending.ACKNOWLEDGE,
        english=(
            "The log has no events from position {position} to {last}: they were deleted. What they said is not known "
            "any more, unless a backup or an export has it."
        ),
        chinese=(
            "日志缺少位置 {position} 至 {last} 的事件：它们被删除了。除非备份或导出文件中有，否则其内容已无从得知。"
        ),
    ),
    "event_illegal": Entry(
        severity=Severity.ERROR,
        mending=Mending.ACKNOWLEDGE,
        english=(
            "The event at position {position} cannot stand where it stands in {stream}: {why} It was written past the "
            "handler, or by a newer release."
        ),
        chinese=(
            "位置 {position} 的事件不能出现在流 {stream} 的这个位置（{why}）它绕过了处理程序，或由更新的版本写入。"
        ),
    ),
    "script_altered": Entry(
        severity=Severity.ERROR,
        mending=Mending.ACKNOWLEDGE,
        english=(
            "The script body with the digest {sha256} is another one now ({found_sha256}), so jobs {job_ids} may "
            "run, or show, what nobody submitted. Restore the body from a backup; a body may be deleted, never altered."
        ),
        chinese=(
            "摘要为 {sha256} 的脚本内容已变（现为 {found_sha256}），因此作业 {job_ids} 可能运行或显示无人提交过的内容。"
            "请从备份恢复该内容；脚本内容可以删除，绝不能改动。"
        ),
    ),
    "history_forked": Entry(
        severity=Severity.ERROR,
        mending=Mending.ACKNOWLEDGE,
        english=(
            "The log was rewritten or cut: the executor of {node_name} remembers another event at position {position} "
            "than the log has there (it ends at {head}). A restored backup does that, or a fail-over that lost "
            "commits, or somebody who recomputed the chain. What was answered since then may not be in the log."
        ),
        chinese=(
            "日志被改写或截断：{node_name} 的执行器在位置 {position} 记得的事件与日志中的不同（日志止于 {head}）。"
            "恢复备份、丢失提交的故障切换，或有人重算了整条哈希链，都会如此。此后答复过的内容可能不在日志中。"
        ),
    ),
    "clock_backwards": Entry(
        severity=Severity.WARNING,
        mending=Mending.ACKNOWLEDGE,
        english=(
            "The clock of the database ran backwards: position {position} was recorded {seconds} s earlier than the "
            "one before it. The order of the log holds; times around it (ends, waits, `as_of` a time) do not."
        ),
        chinese=(
            "数据库时钟倒退：位置 {position} 的记录时间比前一个早 {seconds} 秒。日志的顺序仍然有效；"
            "其前后的时间（结束、等待、按时间的 `as_of`）不可靠。"
        ),
    ),
}


def sentence(code: str, parameters: Mapping[str, Any], language: Language) -> str:
    """The finding in words. Raises `KeyError` for a code or a gap that the finding does not have."""
    entry = CATALOGUE[code]
    return filled(entry.english, entry.chinese, parameters, language)


def repair_of(code: str, subject: str) -> str | None:
    """The command line that mends the finding; None when nothing typed here does."""
    match CATALOGUE[code].mending:
        case Mending.REPAIR:
            return f"conductor repair {code} {subject}"
        case Mending.REBUILD:
            return "conductor replay rebuild"
        case Mending.ACKNOWLEDGE:
            return f'conductor repair acknowledge {code} {subject} --reason "..."'
        case Mending.BY_HAND:
            return None

-- What everything in the schema means, `English / 中文`, for whoever meets it in psql (`\d+ jobs`) or another tool.

COMMENT ON TABLE events IS
    'The log: every change there ever was, in order. Append-only, written by commit_batch() alone; all other '
    'tables of jobs, nodes and allocations are folds of it. / '
    '日志：按顺序记录的每一次变化。只能追加，且只由 commit_batch() 写入；作业、节点和分配等各表都由它推导而来。';
COMMENT ON COLUMN events.position IS
    'Place in the whole log, from 1, without gaps, in commit order. / '
    '在整个日志中的位置：从 1 起，无间断，与提交顺序一致。';
COMMENT ON COLUMN events.stream IS
    'What the event is about: job-ID, node-NAME or scheduler. / '
    '事件所属的流：job-编号、node-名称 或 scheduler。';
COMMENT ON COLUMN events.version IS
    'Place in its stream, from 1, without gaps. / '
    '在所属流中的序号：从 1 起，无间断。';
COMMENT ON COLUMN events.type IS
    'Kind of event, past tense, such as ResourcesReserved. / '
    '事件类型，过去式，例如 ResourcesReserved。';
COMMENT ON COLUMN events.schema_version IS
    'Version of the shape of data for this type, from 1. / '
    '该类型 data 结构的版本，从 1 起。';
COMMENT ON COLUMN events.at IS
    'When it was decided, by the clock of the database; the times in the other tables come from here. / '
    '作出决定的时刻（数据库时钟）；其他表中的时间均取自这里。';
COMMENT ON COLUMN events.recorded_at IS
    'When it was written, taken while nobody else could write. / '
    '写入的时刻，取自独占写入期间。';
COMMENT ON COLUMN events.data IS
    'What happened; the fields depend on type and schema_version. / '
    '事件内容；字段由 type 和 schema_version 决定。';
COMMENT ON COLUMN events.metadata IS
    'Who and why: actor, channel, correlation (the request), causation (a position), command_id, '
    'command_index, command_digest; unknown ones are left out. / '
    '来源：actor（操作者）、channel（途径）、correlation（请求）、causation（起因位置）、command_id、'
    'command_index、command_digest；未知的省略。';
COMMENT ON COLUMN events.hash IS
    'sha256 of the previous hash followed by event_text() of this row in UTF-8; the first previous hash is '
    'empty. / '
    'sha256：前一事件的 hash 后接本行 event_text() 的 UTF-8 字节；首个事件之前的 hash 为空。';

COMMENT ON TABLE log_door IS
    'Always empty. commit_batch() locks it while it writes the log, so that commit order is position order; '
    'only the owner may lock it. / '
    '始终为空。commit_batch() 写日志时锁住它，使提交顺序即位置顺序；只有属主可以加锁。';

COMMENT ON TABLE scripts IS
    'Bodies of scripts, each kept once; may be deleted, never altered. Written at submission. / '
    '脚本正文，相同内容只存一份；可以删除，不可更改。提交作业时写入。';
COMMENT ON COLUMN scripts.sha256 IS
    'Digest of body in UTF-8, 64 hexadecimal digits; jobs.script_sha256 points here. / '
    'body（UTF-8）的摘要，64 位十六进制；由 jobs.script_sha256 引用。';
COMMENT ON COLUMN scripts.body IS
    'The script as it was submitted. / '
    '提交时的脚本原文。';

COMMENT ON TABLE environments IS
    'Environment variables that jobs were submitted with; they may hold secrets, so they are not in the log '
    'and may be deleted. / '
    '作业提交时附带的环境变量；可能含有机密，因此不写入日志，并且可以删除。';
COMMENT ON COLUMN environments.id IS
    'Random number; jobs.environment_id points here. / '
    '随机编号；由 jobs.environment_id 引用。';
COMMENT ON COLUMN environments."values" IS
    'Name to value. / '
    '变量名到值。';

COMMENT ON SEQUENCE job_ids IS
    'Gives jobs.id; a submission that failed leaves a gap. / '
    '生成 jobs.id；失败的提交会留下空号。';
COMMENT ON SEQUENCE allocation_ids IS
    'Gives resource_allocations.id; drawn ahead, so gaps are normal. / '
    '生成 resource_allocations.id；会预先领取，有空号属正常。';
COMMENT ON SEQUENCE cpu_blocks IS
    'Gives every new node a block of 1,048,576 CPU numbers of its own, see nodes.cpu_block. / '
    '为每个新节点分配一段独有的 CPU 编号（1,048,576 个），见 nodes.cpu_block。';

COMMENT ON TABLE jobs IS
    'One row a job, as it stands now. A fold of its stream in the log. / '
    '每个作业一行，反映当前状态；由日志中该作业的流推导而来。';
COMMENT ON COLUMN jobs.id IS
    'Number of the job, from 1; lower ones were submitted earlier. / '
    '作业编号，从 1 起；编号小的先提交。';
COMMENT ON COLUMN jobs.name IS
    'Name given at submission; job_ID when none was. / '
    '提交时给出的名称；未给出时为 job_编号。';
COMMENT ON COLUMN jobs.state IS
    'PENDING (waits), RESERVED (CPUs are promised), RUNNING (a process exists), or how it ended: COMPLETED '
    '(exit code 0), FAILED, CANCELLED, TIMEOUT, NODE_FAIL, OUT_OF_MEMORY. / '
    'PENDING（等待）、RESERVED（已预留 CPU）、RUNNING（进程存在），或结局：COMPLETED（退出码 0）、FAILED、'
    'CANCELLED、TIMEOUT、NODE_FAIL、OUT_OF_MEMORY。';
COMMENT ON COLUMN jobs.reason IS
    'Why it waits or how it ended, as far as its own events tell: a stable word, then a colon and details if '
    'any, such as JobHeldUser or NonZeroExitCode. NULL when there is nothing to say. / '
    '等待或结束的原因（仅据作业自身的事件）：固定词，必要时加冒号和细节，例如 JobHeldUser、NonZeroExitCode。'
    '无可说明时为 NULL。';
COMMENT ON COLUMN jobs.final IS
    'True when it has ended; only a requeue makes it false again. / '
    '作业结束后为真；只有重新排队会使其变回假。';
COMMENT ON COLUMN jobs.user_name IS
    'Whose job it is. / '
    '作业所属用户。';
COMMENT ON COLUMN jobs.account IS
    'Account or project named at submission; NULL when none was. / '
    '提交时指定的账户或项目；未指定时为 NULL。';
COMMENT ON COLUMN jobs.submitted_by IS
    'Who submitted it, as the API identified the caller. / '
    '提交者，即 API 认定的调用方身份。';
COMMENT ON COLUMN jobs.script_sha256 IS
    'Digest of the script, see scripts; SELECT j.script FROM jobs j gives the body to roles that may read it. '
    '/ '
    '脚本摘要，见 scripts；有权限的角色可用 SELECT j.script FROM jobs j 取得正文。';
COMMENT ON COLUMN jobs.environment_id IS
    'Its environment variables, see environments; NULL when it brought none. / '
    '环境变量，见 environments；未附带时为 NULL。';
COMMENT ON COLUMN jobs.work_dir IS
    'Folder it runs in, absolute; NULL: one of its own in the spool of its node. / '
    '工作目录，绝对路径；NULL 表示使用节点 spool 中为其单独建立的目录。';
COMMENT ON COLUMN jobs.ntasks_per_node IS
    'Tasks; with cpus_per_task it gives total_cpus_required. / '
    '任务数；与 cpus_per_task 相乘得 total_cpus_required。';
COMMENT ON COLUMN jobs.cpus_per_task IS
    'CPUs a task. / '
    '每个任务的 CPU 数。';
COMMENT ON COLUMN jobs.total_cpus_required IS
    'CPUs it needs, all on one node: ntasks_per_node times cpus_per_task. / '
    '所需 CPU 总数（在同一节点上）：ntasks_per_node 乘以 cpus_per_task。';
COMMENT ON COLUMN jobs.allocated_cpus IS
    'CPUs of its current or last allocation of this attempt; NULL before one is reserved, and again when it '
    'goes back to the queue. / '
    '本次尝试当前或最后一次分配的 CPU 数；预留之前以及回到队列之后为 NULL。';
COMMENT ON COLUMN jobs.memory_mb IS
    'Memory asked for, in MiB; NULL when none was. / '
    '申请的内存，单位 MiB；未申请时为 NULL。';
COMMENT ON COLUMN jobs.time_limit IS
    'Time limit in minutes, rounded up; NULL is none. / '
    '运行时限，单位分钟，向上取整；NULL 表示不限。';
COMMENT ON COLUMN jobs.time_limit_seconds IS
    'Time limit that is enforced, in seconds; NULL is none. / '
    '实际执行的运行时限，单位秒；NULL 表示不限。';
COMMENT ON COLUMN jobs.priority IS
    'Higher goes first; equal ones in the order of id. / '
    '数值大者优先；相同时按 id 顺序。';
COMMENT ON COLUMN jobs.held IS
    'True while somebody keeps it from starting. / '
    '被人为暂缓启动期间为真。';
COMMENT ON COLUMN jobs.requeue IS
    'True when the submission allows a new attempt after its node has failed. / '
    '提交时允许节点故障后重新尝试，则为真。';
COMMENT ON COLUMN jobs.begin_time IS
    'It may not start earlier; NULL when any time will do. / '
    '不得早于该时刻启动；NULL 表示不限。';
COMMENT ON COLUMN jobs.dependency IS
    'What must have happened before it may start; NULL when nothing must. / '
    '启动前必须满足的依赖；NULL 表示没有。';
COMMENT ON COLUMN jobs.array_job_id IS
    'The array it belongs to; NULL when it belongs to none. / '
    '所属的作业数组；不属于任何数组时为 NULL。';
COMMENT ON COLUMN jobs.array_task_id IS
    'Its number within the array; NULL when it belongs to none. / '
    '在作业数组中的序号；不属于任何数组时为 NULL。';
COMMENT ON COLUMN jobs.submit_time IS
    'When it was submitted. / '
    '提交时刻。';
COMMENT ON COLUMN jobs.eligible_time IS
    'Since when this attempt may start, as far as holds and begin_time go; NULL while it is held. / '
    '就暂缓和 begin_time 而言，本次尝试可以启动的时刻；被暂缓期间为 NULL。';
COMMENT ON COLUMN jobs.start_time IS
    'When this attempt began to run; NULL before. / '
    '本次尝试开始运行的时刻；之前为 NULL。';
COMMENT ON COLUMN jobs.end_time IS
    'When it was recorded that this attempt has ended and holds nothing any more; NULL before. Later than the end '
    'itself by as long as the executor was away. / '
    '记录到本次尝试已结束且资源全部释放的时刻；之前为 NULL。执行器离线期间结束的作业，该时刻会晚于实际结束时间。';
COMMENT ON COLUMN jobs.cancel_requested_at IS
    'When its running processes were asked to end, by a cancel or for a requeue; NULL when they were not. / '
    '要求其运行中的进程结束的时刻（取消或重新排队）；未要求时为 NULL。';
COMMENT ON COLUMN jobs.exit_code IS
    'Exit code of the script; NULL before the end, when a signal ended it, when it never ran, and when nobody '
    'could know. / '
    '脚本的退出码；结束前、被信号终止、从未运行或无从得知时为 NULL。';
COMMENT ON COLUMN jobs.exit_signal IS
    'Number of the signal that ended the script; NULL when none did. / '
    '终止脚本的信号编号；不是被信号终止时为 NULL。';
COMMENT ON COLUMN jobs.stdout_path IS
    'Where its output goes, with patterns such as %j; NULL: output/job_ID.out in the spool. / '
    '标准输出的路径，可含 %j 等模式；NULL 表示 spool 中的 output/job_编号.out。';
COMMENT ON COLUMN jobs.stderr_path IS
    'Where its error output goes; NULL: with the output when stdout_path is given, else output/job_ID.err in '
    'the spool. / '
    '标准错误的路径；NULL 表示：给出 stdout_path 时与标准输出合并，否则为 spool 中的 output/job_编号.err。';
COMMENT ON COLUMN jobs.comment IS
    'Text for people, given at submission; NULL when none was. / '
    '提交时附带的说明文字；没有时为 NULL。';
COMMENT ON COLUMN jobs.attempt IS
    'Which try at running it this is, from 1; only a requeue makes it grow. / '
    '第几次尝试，从 1 起；只有重新排队会使其增加。';
COMMENT ON COLUMN jobs.version IS
    'Number of events in its stream; the row says what they come to. / '
    '该作业流中的事件数；本行即这些事件的结果。';

COMMENT ON TABLE resource_allocations IS
    'The current or last allocation of each job, at most one a job. No two that are not released share a CPU: '
    'the constraint resource_allocations_cpu_once refuses it. / '
    '每个作业当前或最后一次的资源分配，每个作业至多一行。未释放的任意两行不会共用 CPU，由约束 '
    'resource_allocations_cpu_once 保证。';
COMMENT ON COLUMN resource_allocations.id IS
    'Number of the allocation. / '
    '分配编号。';
COMMENT ON COLUMN resource_allocations.job_id IS
    'The job it is for. / '
    '所属作业。';
COMMENT ON COLUMN resource_allocations.attempt IS
    'The attempt of the job it is for. / '
    '所属作业的第几次尝试。';
COMMENT ON COLUMN resource_allocations.node_name IS
    'The node whose CPUs these are. / '
    'CPU 所在的节点。';
COMMENT ON COLUMN resource_allocations.allocated_cpus IS
    'How many CPUs: the length of cpu_ids. / '
    'CPU 数，即 cpu_ids 的长度。';
COMMENT ON COLUMN resource_allocations.cpu_ids IS
    'Which CPUs of the node, ascending, in the numbers of the node. / '
    '节点上的 CPU 编号，升序。';
COMMENT ON COLUMN resource_allocations.memory_mb IS
    'Memory promised with the CPUs, in MiB; NULL when the job asked for none. / '
    '一并预留的内存，单位 MiB；作业未申请时为 NULL。';
COMMENT ON COLUMN resource_allocations.status IS
    'reserved (promised), allocated (in use by a process), released (over); only allocated counts as used. / '
    'reserved（已预留）、allocated（进程正在使用）、released（已释放）；只有 allocated 计入已用。';
COMMENT ON COLUMN resource_allocations.process_id IS
    'PID of the script on the node; stays after release; NULL when no process was allocated. / '
    '脚本在节点上的进程号；释放后保留；从未分配进程时为 NULL。';
COMMENT ON COLUMN resource_allocations.boot_id IS
    'Boot of the node in which the PID was given; NULL like process_id. / '
    '该进程号所属的节点启动标识；与 process_id 同时为 NULL。';
COMMENT ON COLUMN resource_allocations.pid_namespace IS
    'PID namespace in which the PID counts; NULL like process_id, or when the executor did not say. / '
    '该进程号所在的 PID 命名空间；与 process_id 同时为 NULL，执行器未说明时亦为 NULL。';
COMMENT ON COLUMN resource_allocations.process_start_ticks IS
    'Start of the process in clock ticks since boot, as field 22 of /proc/PID/stat; NULL like process_id. / '
    '进程启动时间：自开机起的时钟滴答数，即 /proc/PID/stat 第 22 项；与 process_id 同时为 NULL。';
COMMENT ON COLUMN resource_allocations.reservation_time IS
    'When the CPUs were promised. / '
    '预留 CPU 的时刻。';
COMMENT ON COLUMN resource_allocations.expires_at IS
    'Until when a reservation holds unless a process is allocated. / '
    '预留的有效期限；期限内须分配进程。';
COMMENT ON COLUMN resource_allocations.allocation_time IS
    'When the process was recorded, before the first line of the script ran; NULL before. / '
    '登记进程的时刻，早于脚本首行执行；之前为 NULL。';
COMMENT ON COLUMN resource_allocations.release_time IS
    'When the CPUs were free again; NULL before. / '
    'CPU 释放的时刻；之前为 NULL。';
COMMENT ON COLUMN resource_allocations.release_reason IS
    'finished, cancelled, timed_out, expired, launch_failed, node_lost, out_of_memory or repaired; NULL '
    'before release. / '
    'finished、cancelled、timed_out、expired、launch_failed、node_lost、out_of_memory 或 repaired；释放前为 '
    'NULL。';
COMMENT ON COLUMN resource_allocations.exit_code IS
    'Exit code of the script; NULL before release, when a signal ended it, when it never ran, and when nobody '
    'could know. / '
    '脚本的退出码；释放前、被信号终止、从未运行或无从得知时为 NULL。';
COMMENT ON COLUMN resource_allocations.exit_signal IS
    'Number of the signal that ended the script; NULL when none did. / '
    '终止脚本的信号编号；不是被信号终止时为 NULL。';
COMMENT ON COLUMN resource_allocations.cpu_seconds IS
    'CPU time of the processes that were waited for, user and system, in seconds; NULL when unknown. / '
    '已回收进程的 CPU 时间（用户态与内核态之和），单位秒；未知时为 NULL。';
COMMENT ON COLUMN resource_allocations.memory_peak_mb IS
    'Largest resident memory of any one of its processes, in MiB, rounded up; NULL when unknown. / '
    '单个进程的最大常驻内存，单位 MiB，向上取整；未知时为 NULL。';
COMMENT ON COLUMN resource_allocations.version IS
    'Version in the stream of the job of the last event on this allocation. / '
    '作业流中与该分配有关的最后一个事件的序号。';
COMMENT ON COLUMN resource_allocations.cpu_spans IS
    'The same CPUs as numbers that no other node has (cpu_block of the node plus each of cpu_ids), for the '
    'constraint. / '
    '同一批 CPU 的全局唯一编号（节点的 cpu_block 加 cpu_ids 中各编号），供约束使用。';

COMMENT ON TABLE past_allocations IS
    'Allocations that were superseded: reservations that came to nothing, and those of earlier attempts. '
    'Columns as in resource_allocations. / '
    '已被取代的分配：未成事的预留，以及以往各次尝试的分配。各列同 resource_allocations。';
COMMENT ON VIEW allocation_history IS
    'All allocations there ever were: resource_allocations and past_allocations. / '
    '全部分配记录：resource_allocations 与 past_allocations 之和。';

DO $$
DECLARE
    described record;
BEGIN
    FOR described IN
        SELECT attname AS name, col_description(attrelid, attnum) AS meaning
        FROM pg_attribute
        WHERE attrelid = 'resource_allocations'::regclass AND attnum > 0 AND NOT attisdropped
    LOOP
        EXECUTE format('COMMENT ON COLUMN past_allocations.%I IS %L', described.name, described.meaning);
        EXECUTE format('COMMENT ON COLUMN allocation_history.%I IS %L', described.name, described.meaning);
    END LOOP;
END
$$;

COMMENT ON TABLE nodes IS
    'One row for each node that ever registered. A fold of its stream in the log. / '
    '每个注册过的节点一行；由日志中该节点的流推导而来。';
COMMENT ON COLUMN nodes.name IS
    'Name of the node. / '
    '节点名称。';
COMMENT ON COLUMN nodes.state IS
    'UP (takes jobs), DRAINED (running jobs go on, no new ones come), LOST (somebody said that it is gone), '
    'REMOVED (no part of the system any more). Whether it answers now is in node_leases. / '
    'UP（接受作业）、DRAINED（运行中的作业继续，不接新作业）、LOST（已被宣告丢失）、REMOVED（已移除）。当前是'
    '否有应答见 node_leases。';
COMMENT ON COLUMN nodes.reason IS
    'What was said when it was drained, resumed, lost or removed; NULL when nothing was. / '
    '排空、恢复、宣告丢失或移除时给出的理由；没有时为 NULL。';
COMMENT ON COLUMN nodes.total_cpus IS
    'How many CPUs it offers: the length of cpu_ids. / '
    '提供的 CPU 数，即 cpu_ids 的长度。';
COMMENT ON COLUMN nodes.cpu_ids IS
    'Which CPUs it offers, ascending. / '
    '提供的 CPU 编号，升序。';
COMMENT ON COLUMN nodes.memory_mb IS
    'Memory it offers, in MiB; NULL when it did not say, and then memory is not limited. / '
    '提供的内存，单位 MiB；未说明时为 NULL，此时不限制内存。';
COMMENT ON COLUMN nodes.labels IS
    'Labels it registered with, name to value. / '
    '注册时附带的标签，名称到值。';
COMMENT ON COLUMN nodes.incarnation IS
    'How often it registered; whatever comes from an earlier incarnation is refused. / '
    '注册次数（第几代）；来自更早一代的请求会被拒绝。';
COMMENT ON COLUMN nodes.boot_id IS
    'Boot of the machine when it registered. / '
    '注册时机器的启动标识。';
COMMENT ON COLUMN nodes.spool_id IS
    'Random name of its spool folder. / '
    '其 spool 目录的随机标识。';
COMMENT ON COLUMN nodes.cpu_block IS
    'First of the 1,048,576 CPU numbers that are its alone, see resource_allocations.cpu_spans. / '
    '该节点独有的 1,048,576 个 CPU 编号中的第一个，见 resource_allocations.cpu_spans。';
COMMENT ON COLUMN nodes.registered_at IS
    'When it registered last. / '
    '最近一次注册的时刻。';
COMMENT ON COLUMN nodes.version IS
    'Number of events in its stream; the row says what they come to. / '
    '该节点流中的事件数；本行即这些事件的结果。';

COMMENT ON VIEW process_history IS
    'Every process that was ever allocated: which job ran as this PID on this node, and when. / '
    '所有分配过的进程：某节点上的某进程号在何时运行了哪个作业。';
COMMENT ON COLUMN process_history.node_name IS
    'The node it ran on. / '
    '所在节点。';
COMMENT ON COLUMN process_history.process_id IS
    'PID of the script. PIDs are reused: look at the times and at boot_id as well. / '
    '脚本的进程号。进程号会被重复使用，请同时参考时间和 boot_id。';
COMMENT ON COLUMN process_history.job_id IS
    'The job. / '
    '作业编号。';
COMMENT ON COLUMN process_history.attempt IS
    'The attempt of the job. / '
    '作业的第几次尝试。';
COMMENT ON COLUMN process_history.boot_id IS
    'Boot of the node in which the PID was given. / '
    '该进程号所属的节点启动标识。';
COMMENT ON COLUMN process_history.user_name IS
    'Whose job it is. / '
    '作业所属用户。';
COMMENT ON COLUMN process_history.start_time IS
    'When the process was recorded, before the first line of the script ran. / '
    '登记进程的时刻，早于脚本首行执行。';
COMMENT ON COLUMN process_history.end_time IS
    'When it was recorded that the process and all it left behind had ended; NULL while it runs. / '
    '记录到进程及其遗留的一切都已结束的时刻；运行期间为 NULL。';
COMMENT ON COLUMN process_history.exit_code IS
    'Exit code of the script; NULL while it runs, when a signal ended it, and when nobody could know. / '
    '脚本的退出码；运行期间、被信号终止或无从得知时为 NULL。';
COMMENT ON COLUMN process_history.exit_signal IS
    'Number of the signal that ended the script; NULL when none did. / '
    '终止脚本的信号编号；不是被信号终止时为 NULL。';

COMMENT ON VIEW usage IS
    'CPU time held by every attempt that ran, also by those that still run. / '
    '每次实际运行的尝试所占用的 CPU 时间，包括仍在运行的。';
COMMENT ON COLUMN usage.job_id IS
    'The job. / '
    '作业编号。';
COMMENT ON COLUMN usage.attempt IS
    'The attempt of the job. / '
    '作业的第几次尝试。';
COMMENT ON COLUMN usage.user_name IS
    'Whose job it is. / '
    '作业所属用户。';
COMMENT ON COLUMN usage.account IS
    'Account or project of the job; NULL when none was named. / '
    '作业的账户或项目；未指定时为 NULL。';
COMMENT ON COLUMN usage.node_name IS
    'The node it ran on. / '
    '所在节点。';
COMMENT ON COLUMN usage.cpus IS
    'CPUs it held. / '
    '占用的 CPU 数。';
COMMENT ON COLUMN usage.start_time IS
    'When it began to run. / '
    '开始运行的时刻。';
COMMENT ON COLUMN usage.end_time IS
    'When its CPUs were free again; NULL while it runs. / '
    'CPU 释放的时刻；运行期间为 NULL。';
COMMENT ON COLUMN usage.cpu_seconds_allocated IS
    'CPUs times seconds held, up to now while it runs; what was computed with them is '
    'resource_allocations.cpu_seconds. / '
    'CPU 数乘以占用秒数，仍在运行时计至当前；实际消耗的 CPU 时间见 resource_allocations.cpu_seconds。';

COMMENT ON TABLE scheduler_lease IS
    'Which scheduler leads now, at most one row. Not a fold of the log; who led when is in the stream '
    'scheduler. / '
    '当前由哪个调度器主导，至多一行。不由日志推导；历任主导者见日志中的 scheduler 流。';
COMMENT ON COLUMN scheduler_lease.only_row IS
    'Always true: there is one row at most. / '
    '始终为真：至多一行。';
COMMENT ON COLUMN scheduler_lease.holder IS
    'Random name of the scheduler process. / '
    '调度器进程的随机标识。';
COMMENT ON COLUMN scheduler_lease.expires_at IS
    'Until when it leads unless it renews. / '
    '不续租时主导地位的截止时刻。';

COMMENT ON TABLE node_leases IS
    'When each node was heard from last. Not a fold of the log; written by the executors through '
    'renew_lease(). / '
    '各节点最近一次的应答。不由日志推导；由执行器通过 renew_lease() 写入。';
COMMENT ON COLUMN node_leases.node_name IS
    'The node. / '
    '节点名称。';
COMMENT ON COLUMN node_leases.incarnation IS
    'The incarnation of the node that renewed. / '
    '续租的节点是第几代。';
COMMENT ON COLUMN node_leases.renewed_at IS
    'When it renewed. / '
    '续租的时刻。';
COMMENT ON COLUMN node_leases.expires_at IS
    'Until when it gets new jobs unless it renews; its running jobs go on after that. / '
    '不续租时不再派发新作业的时刻；此后运行中的作业仍继续。';
COMMENT ON COLUMN node_leases.allocations IS
    'Allocations it said it holds when it renewed. / '
    '续租时声明持有的分配编号。';

COMMENT ON TABLE conductor_migrations IS
    'The numbered SQL files that made this schema. / '
    '构成本表结构的编号 SQL 文件。';
COMMENT ON COLUMN conductor_migrations.number IS
    'Number of the file. / '
    '文件编号。';
COMMENT ON COLUMN conductor_migrations.name IS
    'Name of the file, without number and ending. / '
    '文件名，不含编号和扩展名。';
COMMENT ON COLUMN conductor_migrations.sha256 IS
    'Digest of the file as it was applied; a file that was edited since is refused. / '
    '文件应用时的摘要；此后被修改的文件会被拒绝。';
COMMENT ON COLUMN conductor_migrations.applied_at IS
    'When it was applied. / '
    '应用的时刻。';

COMMENT ON FUNCTION refuse_change() IS
    'Raises at every UPDATE, DELETE and TRUNCATE of the log. / '
    '对日志的任何 UPDATE、DELETE 和 TRUNCATE 报错。';
COMMENT ON FUNCTION script(jobs) IS
    'The script of a job, as in SELECT j.script FROM jobs j; NULL when its body was deleted. / '
    '作业的脚本正文，用法 SELECT j.script FROM jobs j；正文已删除时为 NULL。';
COMMENT ON FUNCTION commit_batch IS
    'The only way to write the log and its folds: changed rows, then, behind the door, versions, events and '
    'notifications, in one transaction of one statement. / '
    '写入日志及其推导各表的唯一途径：在单条语句的一个事务中先写变更的行，再在独占写入期间检查版本、追加事件并'
    '发出通知。';
COMMENT ON FUNCTION append_events IS
    'Numbers, chains and inserts events; for commit_batch() alone. / '
    '为事件编号、串联散列并写入；仅供 commit_batch() 调用。';
COMMENT ON FUNCTION event_text IS
    'The text that is hashed into events.hash; times are integer microseconds since 1970 UTC. / '
    '参与计算 events.hash 的文本；时间为自 1970 年（UTC）起的整数微秒。';
COMMENT ON FUNCTION write_rows IS
    'Writes the rows of a batch, releases before promises; for commit_batch() alone. / '
    '写入一批变更的行，先释放后预留；仅供 commit_batch() 调用。';
COMMENT ON FUNCTION write_jobs IS
    'Writes rows of jobs; for commit_batch() alone. / '
    '写入 jobs 的行；仅供 commit_batch() 调用。';
COMMENT ON FUNCTION write_allocations IS
    'Writes rows of resource_allocations; for commit_batch() alone. / '
    '写入 resource_allocations 的行；仅供 commit_batch() 调用。';
COMMENT ON FUNCTION supersede_allocations IS
    'Moves rows from resource_allocations to past_allocations; for commit_batch() alone. / '
    '将行从 resource_allocations 移至 past_allocations；仅供 commit_batch() 调用。';
COMMENT ON FUNCTION write_nodes IS
    'Writes rows of nodes; for commit_batch() alone. / '
    '写入 nodes 的行；仅供 commit_batch() 调用。';
COMMENT ON FUNCTION write_bodies IS
    'Keeps scripts and environments of submissions; for commit_batch() alone. / '
    '保存提交的脚本和环境变量；仅供 commit_batch() 调用。';
COMMENT ON FUNCTION take_leadership IS
    'True when this scheduler leads for the next lease_seconds; false while another does. / '
    '调度器在接下来的 lease_seconds 秒内主导则为真；另有主导者时为假。';
COMMENT ON FUNCTION give_up_leadership IS
    'Ends the leadership of this scheduler at once, so that another need not wait. / '
    '立即放弃该调度器的主导地位，使其他调度器无须等待。';
COMMENT ON FUNCTION renew_lease IS
    'The new end of the lease of a node; NULL when it is refused: it has passed, another incarnation took '
    'over, or the node is lost or removed. / '
    '节点租约的新期限；被拒绝时为 NULL：租约已过期、已被新一代接管，或节点已丢失或移除。';

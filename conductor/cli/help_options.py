"""What the options of the commands do: the English as it stands with each command, and its Chinese."""

from collections.abc import Mapping

# English, Chinese
_PAIRS: tuple[tuple[str, str], ...] = (
    ("Print the version.", "显示版本。"),
    ("Install completion for the current shell.", "为当前 shell 安装补全。"),
    (
        "Show completion for the current shell, to copy it or customize the installation.",
        "显示当前 shell 的补全脚本，供复制或自行安装。",
    ),
    ("Show this message and exit.", "显示本帮助并退出。"),
    # submit, run
    ("Instead of FILE: this shell command.", "以此 shell 命令代替 FILE。"),
    ("Tasks, all on one node.", "任务数，都在同一节点上。"),
    ("The same.", "同上。"),
    ("CPUs of each task.", "每个任务的 CPU 数。"),
    ("MM, MM:SS, HH:MM:SS, D-HH, D-HH:MM[:SS].", "时限：MM、MM:SS、HH:MM:SS、D-HH、D-HH:MM[:SS]。"),
    (
        "Default slurm-%j.out; %j id, %x name, %u user, %N node.",
        "默认 slurm-%j.out；%j 编号，%x 名称，%u 用户，%N 节点。",
    ),
    ("Default: joined with the output.", "默认与标准输出合并。"),
    ("Work folder; default: this one.", "工作目录；默认为当前目录。"),
    ("Megabytes, or with K, M, G, T.", "内存，单位 MB，或加 K、M、G、T。"),
    ("One of these: n1,n2 or node[1-3].", "节点之一：n1,n2 或 node[1-3]。"),
    ("The node's labels: zone=a&arch=aarch64.", "节点须有的标签：zone=a&arch=aarch64。"),
    ("Generic resources: gpu:2,licence:1.", "通用资源：gpu:2,licence:1。"),
    ("A whole node, and nobody beside it.", "独占整个节点。"),
    ("Not before: 2026-01-31T18:00, now+1hour.", "不早于此时刻：2026-01-31T18:00、now+1hour。"),
    ("Higher runs earlier; default 0.", "数值越大越早运行；默认 0。"),
    (
        "Many jobs at once: 0-99, 1-10:2, 3,7; %10: ten at a time.",
        "一次提交多个作业：0-99、1-10:2、3,7；%10 表示同时最多十个。",
    ),
    (
        "afterok:ID[:ID], afternotok, afterany, after, singleton; , or ?.",
        "afterok:ID[:ID]、afternotok、afterany、after、singleton；以 , 或 ? 连接。",
    ),
    ("Lowers the priority by this much.", "将优先级降低此数。"),
    ("May be run again when its node fails.", "节点故障时可重新运行。"),
    ("Wait until `conductor unhold`.", "等待，直到执行 `conductor unhold`。"),
    (
        (
            "Variables for the job: NONE (default: a clean environment, so that it runs the same whoever submits it), "
            "ALL (those set here), NAME, NAME=VALUE; several with commas."
        ),
        (
            "作业的环境变量：NONE（默认：干净的环境，无论由谁提交，运行结果相同）、"
            "ALL（此处的全部变量）、NAME、NAME=VALUE；多个以逗号分隔。"
        ),
    ),
    (
        "A signal before the time limit, 60 s unless said; B: for the script's own shell only.",
        "时限到达前发送的信号，未写明时提前 60 秒；B: 表示只发给脚本自身的 shell。",
    ),
    ("Return when it ended, with its code.", "等作业结束后返回，退出码与作业相同。"),
    ("Print the id and nothing else.", "只打印编号。"),
    ("Many jobs, a JSON object a line: all or none.", "多个作业，每行一个 JSON 对象：全部接受或全部不接受。"),
    # what several have
    ("Print the API's JSON.", "打印 API 的 JSON。"),
    ("On a terminal, do not make control characters visible.", "在终端上不将控制字符转为可见形式。"),
    ("As it stood then, by the log.", "按日志显示当时的情形。"),
    ("Cut nothing, however wide it gets.", "无论多宽都不截断。"),
    (
        "From a case file of `conductor export`, with no server.",
        "取自 `conductor export` 的案卷文件，无需服务器。",
    ),
    ("Kept in the log.", "原因，记入日志。"),
    ("At most so many.", "最多显示的条数。"),
    ("Do not ask.", "不询问。"),
    ("A new file; standard output when left out.", "新文件；省略时写到标准输出。"),
    # jobs, job, logs, cancel, policy
    ("Only these; several with commas.", "只看这些状态；多个以逗号分隔。"),
    ("Only the tasks of this array.", "只看此数组的任务。"),
    ("Submitted since: 2026-01-31, now-2hours.", "在此之后提交：2026-01-31、now-2hours。"),
    ("Submitted before.", "在此之前提交。"),
    ("Also those that ended.", "包括已结束的作业。"),
    ("Each waiting task of an array in a line of its own.", "数组中等待的任务各占一行。"),
    ("Those that wait, in the order the scheduler looks at them.", "等待中的作业，按调度器查看的次序。"),
    ("Stay, and keep it true; q ends.", "持续显示并保持最新；按 q 结束。"),
    ("Print its script and nothing else.", "只打印其脚本。"),
    ("Go on until the job ends.", "持续输出，直到作业结束。"),
    ("What it wrote to standard error.", "其写到标准错误的内容。"),
    ("Wait so long for its end.", "结束前最多等待的秒数。"),
    ("Every change, who made it and why.", "每次更改、由谁更改及原因。"),
    ("What each account has used, and its factor.", "各账户的用量及其系数。"),
    # events, pids
    ("From here on; 0 is the beginning.", "从此位置之后开始；0 为开头。"),
    ("Of one stream: job-42, node-NAME.", "只看一个流：job-42、node-NAME。"),
    ("Of one type: ResourcesReleased.", "只看一种类型：ResourcesReleased。"),
    ("Go on as they are recorded; with a filter, from now on.", "随记录持续显示；有筛选时从现在起。"),
    ("With this number.", "进程号为此数。"),
    ("On this node.", "在此节点上。"),
    (
        'Alive then, local time: "2026-11-17 14:02", 14:02, now-2hours.',
        '当时存活的进程，本地时间："2026-11-17 14:02"、14:02、now-2hours。',
    ),
    ("At most so many, newest first.", "最多显示的条数，最新的在前。"),
    # audit, doctor, repair
    ("Leave out what needs the whole log.", "不做需要读取整个日志的检查。"),
    ("At least this severe.", "只看不低于此严重程度的问题。"),
    ("Leave out what is as it should be.", "不列出正常的项目。"),
    ("Only show what would be appended.", "只显示将要追加的内容。"),
    ("Believe the tables; do not replay the log first.", "相信表中的内容，不先重放日志。"),
    # checkpoint, export, import-scns
    ("A job's whole story; several may be given.", "一个作业的全部经历；可给出多个。"),
    ("From this event on.", "从此事件开始。"),
    ("Up to this event; else to the end.", "到此事件为止；否则到末尾。"),
    ("With the jobs' scripts.", "包含作业的脚本。"),
    ("With the jobs' environments; they may hold secrets.", "包含作业的环境变量；其中可能有机密。"),
    ("Only say what would be imported.", "只说明将导入什么。"),
    ("Leave out rows that cannot be understood.", "略过无法理解的行。"),
    (
        "It is the database that was imported before, under another name then.",
        "这就是先前以另一名称导入过的数据库。",
    ),
    ("Of its times without one; it wrote UTC.", "其中未带时区的时间所属的时区；原系统写的是 UTC。"),
    ("Whose the jobs are; else the name of each account.", "作业归谁所有；否则为各账户的名称。"),
    # whatif
    (
        "backfill, or order=backfill,guard_seconds=600,...; several: side by side.",
        "backfill，或 order=backfill,guard_seconds=600,...；给出多个则并列比较。",
    ),
    ("4x64: four of 64 CPUs; 2x64,8x32; 4x64:256G.", "4x64 表示四个 64 CPU 的节点；2x64,8x32；4x64:256G。"),
    ("Only jobs submitted after this.", "只取此后提交的作业。"),
    ("Only jobs submitted up to this.", "只取截至此时提交的作业。"),
    ("A trace in the Standard Workload Format, plain or .gz.", "标准工作负载格式（SWF）的记录，可为 .gz。"),
    (
        "Of a trace's jobs: asked (default), exact, none.",
        "记录中作业的时限：asked（默认，所申请的）、exact、none。",
    ),
    ("Submit a trace's jobs so many times as fast.", "以此倍数的速度提交记录中的作业。"),
    ("Draw use and queue over time: .svg or .png.", "绘制使用率与队列随时间的变化：.svg 或 .png。"),
    # psql, replay
    ("report: may only read, with a time limit.", "report：只读，且有时间限制。"),
    ("Also hold it against this signed note; several may be.", "同时与此签名凭据对照；可给出多个。"),
    ("Whose notes to believe; else the home's own.", "相信谁的凭据；否则为本系统自己的。"),
    ("Trust all before this note; replay what came after.", "信任此凭据之前的全部内容，只重放其后的部分。"),
    ("Only name the rows that differ.", "只列出不一致的行。"),
    ("Only the queue.", "只看队列。"),
    ("Only this job, whole.", "只看此作业，完整显示。"),
    ("Only the nodes.", "只看节点。"),
    ("Only the live allocations.", "只看占用中的分配。"),
    ("Only the numbers.", "只看统计数字。"),
    ("Only such jobs; several with commas.", "只看这类状态的作业；多个以逗号分隔。"),
    ("Only his jobs.", "只看此用户的作业。"),
    ("Also jobs that had ended by then.", "包括当时已结束的作业。"),
    ("At most so many of each.", "每类最多显示的条数。"),
    ("Make the tables of then, for SQL.", "生成当时的各表，供 SQL 查询。"),
    ("Make SCHEMA anew if --into made it.", "若 SCHEMA 由 --into 建立，则重新生成。"),
    # token
    ("viewer, submitter, operator, executor or admin.", "viewer、submitter、operator、executor 或 admin。"),
    ("Whose jobs it submits; default its own name.", "以谁的名义提交作业；默认为令牌自身的名称。"),
    ("The one node of an executor.", "执行器令牌所限定的节点。"),
    ("Not valid from then on: 90, or 2027-01-31T18:00.", "自何时起失效：90（天），或 2027-01-31T18:00。"),
)
OPTIONS: Mapping[str, str] = dict(_PAIRS)

"""What is said of this machine, its settings and its folders: level, English, Chinese, and a command that mends it."""

from collections.abc import Mapping

OF_THE_MACHINE: Mapping[str, tuple[str, ...]] = {
    "python_ok": ("ok", "Python {version}", "Python {version}"),
    "python_old": (
        "wrong",
        "Python {version} is too old; install 3.11 or newer beside it",
        "Python {version} 过旧；请另外安装 3.11 或更新版本",
    ),
    "kernel_ok": ("ok", "{kernel}: pidfds, a boot id", "{kernel}：有 pidfd 和启动标识"),
    "kernel_no_proc": (
        "wrong",
        "/proc is not mounted or cannot be read: no process can be told from another",
        "/proc 未挂载或不可读：无法区分进程",
        "mount -t proc proc /proc",
    ),
    "kernel_no_pidfds": (
        "note",
        (
            "{kernel} has no pidfds (they came with 5.3): processes are told apart by /proc around "
            "each signal, and those "
            "of an earlier supervisor are looked at in intervals"
        ),
        "{kernel} 没有 pidfd（5.3 起提供）：每次发信号前后通过 /proc 辨认进程，前任监管进程留下的进程则定期查看",
    ),
    "kernel_no_child_list": (
        "note",
        "{kernel} does not list a process's children: all of /proc is read at every exit of a job",
        "{kernel} 不提供进程的子进程列表：每个作业退出时都要读遍 /proc",
    ),
    "cpus_ok": (
        "ok",
        "{offered} of {usable} usable CPUs are offered",
        "提供 {offered} 个 CPU，可用 {usable} 个",
    ),
    "cpus_more_than_machine": (
        "warning",
        "TOTAL_CPUS is {offered} and only {usable} CPUs are usable here: jobs share CPUs and are not tied to theirs",
        "TOTAL_CPUS 为 {offered}，而此处只有 {usable} 个 CPU 可用：作业将共用 CPU，且不绑定",
        "export TOTAL_CPUS={usable}",
    ),
    "cgroups_ok": (
        "ok",
        "{path} is ours, and the kernel can limit the memory of jobs",
        "{path} 可写，内核可限制作业内存",
    ),
    "cgroups_none": (
        "note",
        "No control groups of version 2: memory limits are kept by watching, a little late",
        "没有第 2 版控制组：内存限制靠观察来执行，会稍有延迟",
    ),
    "cgroups_not_writable": (
        "note",
        "{path} cannot be written: memory limits are kept by watching. The unit of the supervisor has Delegate=yes",
        "{path} 不可写：内存限制靠观察来执行。监管进程的 systemd 单元带有 Delegate=yes",
    ),
    "cgroups_no_memory": (
        "note",
        "The memory controller is not handed down to {path}: memory limits are kept by watching",
        "内存控制器未下放到 {path}：内存限制靠观察来执行",
    ),
    "limits_ok": (
        "ok",
        "open files {files}, processes {processes}",
        "可打开文件 {files}，进程数 {processes}",
    ),
    "open_files_few": (
        "warning",
        "Only {files} open files are allowed; each running job takes a few",
        "只允许打开 {files} 个文件；每个运行中的作业需要几个",
        "ulimit -n 65536",
    ),
    "open_files_too_few": (
        "wrong",
        "Only {files} open files are allowed: services and jobs will fail to start",
        "只允许打开 {files} 个文件：服务和作业将无法启动",
        "ulimit -n 65536",
    ),
    "processes_few": (
        "warning",
        "Only {processes} processes are allowed for this user, jobs and what they start included",
        "此用户只允许 {processes} 个进程，含作业及其启动的一切",
        "ulimit -u 65536",
    ),
    "accounts_own": ("ok", "Jobs run as this user", "作业以当前用户运行"),
    "accounts_ok": (
        "ok",
        "Jobs run as the accounts that CONDUCTOR_RUN_AS allows",
        "作业以 CONDUCTOR_RUN_AS 允许的账户运行",
    ),
    "accounts_unknown": (
        "wrong",
        "CONDUCTOR_RUN_AS names accounts that this machine does not have: {accounts}. Their jobs would fail here",
        "CONDUCTOR_RUN_AS 所列账户在本机不存在：{accounts}。其作业在此会失败",
    ),
    "run_as_needs_root": (
        "wrong",
        (
            "CONDUCTOR_RUN_AS is set, and this user is not root: every job would run as this user. Run executor and "
            "supervisor as root"
        ),
        "设置了 CONDUCTOR_RUN_AS，但当前用户不是 root：所有作业都会以此用户运行。请以 root 运行执行器和监管进程",
    ),
    "jobs_run_as_root": (
        "warning",
        "This user is root and CONDUCTOR_RUN_AS is not set: everybody's jobs run as root",
        "当前用户是 root 且未设置 CONDUCTOR_RUN_AS：所有人的作业都以 root 运行",
        "export CONDUCTOR_RUN_AS='admin:*'",
    ),
    "tokens_run_as_root": (
        "warning",
        (
            "This user is root, CONDUCTOR_RUN_AS is not set, and tokens beside the home's own may submit ({count}): an "
            "executor started so gives root on this machine to whoever has one. Add the accounts of each, as in "
            "alice:alice"
        ),
        (
            "当前用户是 root，未设置 CONDUCTOR_RUN_AS，且除本系统自己的令牌外还有可提交作业的令牌（{count} 个）："
            "这样启动的执行器会让令牌持有者在本机成为 root。请为每个令牌写明其账户，如 alice:alice"
        ),
        "export CONDUCTOR_RUN_AS='admin:*'",
    ),
    "locale_ok": ("ok", "{encoding}", "{encoding}"),
    "locale_not_utf8": (
        "warning",
        "The locale's characters are {encoding}: names and outputs in other languages will be garbled",
        "区域设置的字符集是 {encoding}：其他语言的名称和输出会显示为乱码",
        "export LANG=C.UTF-8",
    ),
    # settings and folders
    "settings_default": ("ok", "Nothing is set; the defaults hold", "没有设置；采用默认值"),
    "settings_set": ("ok", "{places}", "{places}"),
    "settings_refused": ("wrong", "{what}", "{what}"),
    "grace_over_lease": (
        "wrong",
        (
            "CONDUCTOR_KILL_GRACE_SECONDS ({grace}) is no less than CONDUCTOR_LEASE_SECONDS "
            "({lease}): a node out of touch "
            "would have no time to end its jobs"
        ),
        "CONDUCTOR_KILL_GRACE_SECONDS（{grace}）不小于 CONDUCTOR_LEASE_SECONDS（{lease}）：失联的节点将来不及结束作业",
    ),
    "poll_over_lease": (
        "warning",
        (
            "CONDUCTOR_POLL_SECONDS ({poll}) is more than a third of CONDUCTOR_LEASE_SECONDS ({lease}): without "
            "notifications, nodes would be found silent late"
        ),
        (
            "CONDUCTOR_POLL_SECONDS（{poll}）超过 CONDUCTOR_LEASE_SECONDS（{lease}）的三分之一："
            "没有通知时会很晚才发现节点失联"
        ),
    ),
    "reservation_short": (
        "warning",
        (
            "CONDUCTOR_RESERVATION_SECONDS ({reservation}) is short beside CONDUCTOR_POLL_SECONDS "
            "({poll}): reservations "
            "would expire before their node looks"
        ),
        (
            "CONDUCTOR_RESERVATION_SECONDS（{reservation}）相对 CONDUCTOR_POLL_SECONDS（{poll}）过短："
            "节点查看之前预留就会过期"
        ),
    ),
    "folder_ok": ("ok", "{path}, mode {mode}", "{path}，权限 {mode}"),
    "folder_not_yet": (
        "ok",
        "{path} is not there yet; it is made at the first start",
        "{path} 尚不存在；首次启动时创建",
    ),
    "folder_cannot_be_made": (
        "wrong",
        "{path} is not there, and this user cannot make it; set {setting} to a folder of yours",
        "{path} 不存在，且当前用户无法创建；请将 {setting} 设为自己的目录",
    ),
    "folder_of_another": (
        "wrong",
        "{path} belongs to user {owner}, and this is user {user}; set {setting} to a folder of yours, or be that user",
        "{path} 属于用户 {owner}，而当前是用户 {user}；请将 {setting} 设为自己的目录，或切换到该用户",
    ),
    "folder_open": (
        "wrong",
        "Others may write to {path} (mode {mode})",
        "其他人可写 {path}（权限 {mode}）",
        "chmod go-w '{path}'",
    ),
    "folder_not_writable": (
        "wrong",
        "{path} (mode {mode}) cannot be written by this user",
        "当前用户不能写 {path}（权限 {mode}）",
        "chmod u+rwx '{path}'",
    ),
    "token_ok": ("ok", "{path}, for its owner alone", "{path}，仅所有者可读"),
    "token_given": ("ok", "CONDUCTOR_API_TOKEN is set", "已设置 CONDUCTOR_API_TOKEN"),
    "token_not_yet": (
        "ok",
        "There is none yet; the API makes one when it first starts",
        "还没有令牌；API 首次启动时生成",
    ),
    "token_open": (
        "wrong",
        (
            "{path} can be read by others (mode {mode}); whoever has read it can run jobs as you. Delete it instead to "
            "have a new one made"
        ),
        "其他人可读 {path}（权限 {mode}）；读过它的人可以以你的身份运行作业。也可删除它以生成新令牌",
        "chmod 600 '{path}'",
    ),
    "mount_ok": ("ok", "{path} is on {file_system}", "{path} 位于 {file_system}"),
    "mount_read_only": (
        "wrong",
        "{path} is mounted read-only",
        "{path} 以只读方式挂载",
        "mount -o remount,rw \"$(stat -c %m '{path}')\"",
    ),
    "mount_network": (
        "warning",
        (
            "{path} is on a network file system ({file_system}): its locks and its sockets are not "
            "to be relied on. Set "
            "CONDUCTOR_SPOOL to a local folder of each node"
        ),
        "{path} 位于网络文件系统（{file_system}）：其锁和套接字不可靠。请将 CONDUCTOR_SPOOL 设为各节点的本地目录",
    ),
    "mount_noexec": (
        "note",
        "{path} is mounted noexec: jobs' scripts run, programs that they build in their work folder there do not",
        "{path} 以 noexec 挂载：作业脚本可以运行，但它们在该处工作目录中生成的程序不能执行",
    ),
    "mount_shared_with_wal": (
        "note",
        (
            "{path} shares a file system with PostgreSQL's WAL: every commit flushes the jobs' "
            "files too, which halves the "
            "throughput of many short jobs. Set CONDUCTOR_SPOOL to a folder on another one"
        ),
        (
            "{path} 与 PostgreSQL 的 WAL 在同一文件系统：每次提交都会连带刷写作业文件，大量短作业的吞吐会减半。"
            "请将 CONDUCTOR_SPOOL 设到另一文件系统"
        ),
    ),
    "space_ok": ("ok", "{mebibytes} MiB free for {path}", "{path} 可用 {mebibytes} MiB"),
    "space_low": (
        "warning",
        "Only {mebibytes} MiB are free for {path}",
        "{path} 只剩 {mebibytes} MiB",
        "df -h '{path}'",
    ),
    "space_too_low": (
        "wrong",
        "Only {mebibytes} MiB are free for {path}: PostgreSQL and jobs will stop when it is full",
        "{path} 只剩 {mebibytes} MiB：写满后 PostgreSQL 和作业都会停止",
        "df -h '{path}'",
    ),
    "inodes_low": (
        "warning",
        "Only {inodes} inodes are free for {path}",
        "{path} 只剩 {inodes} 个 inode",
        "df -i '{path}'",
    ),
    "inodes_too_low": (
        "wrong",
        "Only {inodes} inodes are free for {path}: no more files can be made soon",
        "{path} 只剩 {inodes} 个 inode：很快将无法创建文件",
        "df -i '{path}'",
    ),
    "supervisor_ok": ("ok", "A supervisor holds {path} and answers", "监管进程持有 {path} 并有应答"),
    "supervisor_not_yet": (
        "ok",
        "None runs for {path}; the executor starts one",
        "{path} 没有监管进程；由执行器启动",
    ),
    "supervisor_away": (
        "warning",
        (
            "A system runs on this home, and no supervisor holds {path}; it is started again by itself within seconds. "
            "See the end of its log"
        ),
        "本目录上有系统在运行，但没有监管进程持有 {path}；它会在数秒内自动重启。请看其日志末尾",
        "tail '{path}/supervisor.log'",
    ),
    "supervisor_mute": (
        "wrong",
        "A supervisor holds {path}, and nobody takes up connections at its socket. See the end of its log",
        "监管进程持有 {path}，但其套接字无人应答。请看其日志末尾",
        "tail '{path}/supervisor.log'",
    ),
}

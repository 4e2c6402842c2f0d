"""What every setting means, in Chinese; the English is the description in `conductor/settings.py`.

A setting without its meaning here fails `scripts/list_settings.py`, which writes the table of docs/settings.md.
"""

from collections.abc import Mapping

CHINESE: Mapping[str, str] = {
    "home": "本系统的目录：root 为 /var/lib/conductor，其他用户为 ~/.conductor。",
    "spool": "作业脚本与输出的目录；默认为 $CONDUCTOR_HOME/spool。",
    "output_keep_days": "作业结束后输出保留的天数；0 表示永久保留。",
    "database_url": "PostgreSQL 15 或更新版本的地址；不设时由 `conductor up` 自行运行一个。",
    "database_pool_size": "每个进程的数据库连接数。",
    "api_host": "API 监听的地址。",
    "api_port": "API 监听的端口；0 表示任取一个空闲端口。",
    "api_token": "访问令牌；不设时自动生成并保存在系统目录中。",
    "api_auth": "`off` 允许不支持令牌的旧客户端访问，仅限本机回环地址。",
    "api_trusted_proxy": "声明外部只能经由负责保护传输的代理或专用网络访问 API；未声明时拒绝监听非回环地址。",
    "api_hosts": "客户端访问 API 时可用的其他主机名，如 `cluster.example.org,10.0.0.5`；其他主机名的请求一律拒绝。",
    "api_tls_cert": "证书文件（PEM，含证书链）：设置后 API 使用 TLS 1.2 或更新版本。",
    "api_tls_key": "该证书的私钥；除所有者外，任何人都不得有权读取此文件。",
    "api_rate_limit": "每个令牌每秒可发送的请求数，瞬时可达两倍；0 表示不限。",
    "api_failure_limit": "每个地址每分钟可发送的错误令牌数，超过后须等待；0 表示不限。",
    "api_queue_limit": "每个用户同时等待的作业数上限，管理员除外；0 表示不限。",
    "url": "客户端访问 API 的地址。",
    "tls_ca": "客户端访问 https:// 地址时信任的证书（PEM），代替系统自带的证书。",
    "poll_seconds": "没有收到通知时，每隔多少秒检查一次。",
    "poll_only": "从不监听通知（数据库前有事务级连接池时使用）。",
    "policy": "最初处理队列的方式：first_fit、strict_fifo 或 backfill；之后用 `conductor policy` 更改。",
    "lease_seconds": "节点无消息时，仍信任它多少秒。",
    "reservation_seconds": "作业未启动时，为其预留的 CPU 保留多少秒。",
    "kill_grace_seconds": "SIGTERM 与 SIGKILL 之间的秒数。",
    "lang": "提示文字的语言：en 或 zh。",
    "log_format": "日志格式：json、console，或 auto：终端上为 console，其他情况为 json。",
    "log_level": "日志级别。",
    "otlp_endpoint": "链路追踪数据的发送地址；需安装附加组件 `otel`。",
    "run_as": "以 root 运行的执行器以何账户运行哪些作业：身份与账户，如 `admin:*;ops:alice,bob`；"
    "`admin` 的其余作业以执行器自身的账户运行，其他令牌的其余作业则失败。",
    "limits": "每个作业的 `ulimit` 限制，如 `nofile=65536,core=0`；-1 表示不限。",
    "output_limit_mb": "每个作业的每路输出最多保留多少 MiB；0 表示不限。",
    "job_prologue": "站点脚本，每个作业的 shell 启动时首先加载。",
    "crash_at": "测试用：本进程在何处崩溃（见 docs/development.md）。",
    "node_name": "本节点的名称；默认为主机名。",
    "total_cpus": "本节点提供的 CPU 数；默认为本进程可用的 CPU 数。",
    "node_memory_mb": "本节点提供的内存（MiB）；不设时为机器的全部内存。",
    "node_labels": "本节点的标签，供作业选择，如 `zone=a,arch=arm64`；`arch` 自动具备。",
    "node_gres": "本节点的通用资源，名称与数量，如 `gpu:4,fpga:1`；不会自动探测。",
}

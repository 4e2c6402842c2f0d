"""What is said of the database: level, English, Chinese, and a command that mends it."""

from collections.abc import Mapping

OF_THE_DATABASE: Mapping[str, tuple[str, ...]] = {
    "not_looked": ("unknown", "Could not look", "无法查看"),
    "no_settings": (
        "unknown",
        "Could not look: the settings are wrong, see above",
        "无法查看：设置有误，见上",
    ),
    "no_database": (
        "unknown",
        "Could not look: no system runs on {home}, and CONDUCTOR_DATABASE_URL is not set",
        "无法查看：{home} 上没有系统在运行，且未设置 CONDUCTOR_DATABASE_URL",
        "conductor up",
    ),
    "failed_to_look": ("unknown", "Could not look: {why}", "无法查看：{why}"),
    "server_unreachable": ("wrong", "{why}", "{why}"),
    "see_server": ("unknown", "Could not look: the database does not answer", "无法查看：数据库没有应答"),
    "see_schema": (
        "unknown",
        "Could not look: the schema is not this release's",
        "无法查看：数据库结构不是本版本的",
    ),
    "server_ok": ("ok", "PostgreSQL {version}", "PostgreSQL {version}"),
    "server_old": (
        "wrong",
        "PostgreSQL {version} is too old; Conductor needs 15 or newer",
        "PostgreSQL {version} 过旧；Conductor 需要 15 或更新版本",
    ),
    "server_new": (
        "note",
        "PostgreSQL {version} is newer than those this release was tried on (15 to 18)",
        "PostgreSQL {version} 比本版本测试过的（15 至 18）更新",
    ),
    "server_read_only": (
        "wrong",
        (
            "The server is read-only (a standby, or default_transaction_read_only): nothing can be written. Point "
            "CONDUCTOR_DATABASE_URL at the primary"
        ),
        "服务器为只读（备库，或 default_transaction_read_only）：无法写入。请将 CONDUCTOR_DATABASE_URL 指向主库",
    ),
    "schema_ok": ("ok", "At migration {applied}, this release's", "位于迁移 {applied}，与本版本一致"),
    "schema_none": (
        "wrong",
        "The database has no tables of Conductor's yet",
        "数据库中还没有 Conductor 的表",
        "conductor migrate",
    ),
    "schema_old": (
        "wrong",
        "The schema is at migration {applied}; {missing} of this release's are missing",
        "数据库结构位于迁移 {applied}；缺少本版本的 {missing} 个迁移",
        "conductor migrate",
    ),
    "schema_newer": (
        "wrong",
        "The schema is at migration {applied}, newer than this release ({shipped}); upgrade Conductor here",
        "数据库结构位于迁移 {applied}，比本版本（{shipped}）更新；请升级此处的 Conductor",
    ),
    "schema_edited": (
        "wrong",
        "Migrations were edited after they had been applied: {names}. Restore the files of this release",
        "迁移在应用之后被修改：{names}。请恢复本版本的文件",
    ),
    "grants_ok": (
        "ok",
        "{service} reads everything and writes through functions alone; the log is append-only",
        "{service} 可读一切，只能通过函数写入；日志只可追加",
    ),
    "roles_missing": (
        "wrong",
        "Roles are missing: {roles}. A dump restored on another server does not bring them; make them, then migrate",
        "缺少角色：{roles}。在其他服务器上恢复备份时不会带上它们；请创建后再迁移",
        "conductor migrate",
    ),
    "service_not_ours": (
        "wrong",
        "The user of CONDUCTOR_DATABASE_URL may not take on the role {role}; as an administrator, on that database",
        "CONDUCTOR_DATABASE_URL 的用户不能切换到角色 {role}；请以管理员身份在该数据库中执行",
        'GRANT "{role}" TO CURRENT_USER;',
    ),
    "owner_may_log_in": (
        "wrong",
        "Role {role} may log in, and it owns the log: as an administrator",
        "角色 {role} 可以登录，而它拥有日志：请以管理员身份执行",
        'ALTER ROLE "{role}" NOLOGIN;',
    ),
    "role_is_superuser": (
        "wrong",
        "Role {role} is a superuser, and no promise holds against those: as an administrator",
        "角色 {role} 是超级用户，任何保证对其无效：请以管理员身份执行",
        'ALTER ROLE "{role}" NOSUPERUSER;',
    ),
    "role_may_write": (
        "wrong",
        "Role {role} may write to {tables} and must not: as the owner",
        "角色 {role} 可写 {tables}，这是不允许的：请以所有者身份执行",
        'REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON {tables} FROM "{role}";',
    ),
    "functions_missing": (
        "wrong",
        "Role {role} may not call {functions}: services will fail. As the owner",
        "角色 {role} 不能调用 {functions}：服务将会失败。请以所有者身份执行",
        'GRANT EXECUTE ON FUNCTION {functions} TO "{role}";',
    ),
    "tables_unreadable": (
        "wrong",
        "Role {role} may not read {tables}: services will fail. As the owner",
        "角色 {role} 不能读取 {tables}：服务将会失败。请以所有者身份执行",
        'GRANT SELECT ON {tables} TO "{role}";',
    ),
    "guards_off": (
        "wrong",
        (
            "What keeps the log append-only is switched off: {triggers}. Find out who did it, "
            "then, as the owner, `ALTER "
            "TABLE ... ENABLE ALWAYS TRIGGER` each; this tells what was changed meanwhile"
        ),
        (
            "保证日志只可追加的触发器已被关闭：{triggers}。请查明是谁所为，再以所有者身份逐一执行 "
            "`ALTER TABLE ... ENABLE "
            "ALWAYS TRIGGER`；以下命令可看出其间有何改动"
        ),
        "conductor replay verify",
    ),
    "durable": ("ok", "What is committed survives a crash", "已提交的内容在崩溃后仍在"),
    "not_durable": (
        "wrong",
        "{name} is off: a crash of the machine can lose or damage the log. As an administrator, then reload the server",
        "{name} 已关闭：机器崩溃可能丢失或损坏日志。请以管理员身份执行，然后让服务器重新加载配置",
        "ALTER SYSTEM SET {name} = on;",
    ),
    "commits_asynchronous": (
        "wrong",
        (
            "synchronous_commit is off: what other programs commit may be lost in a crash (the log "
            "sets its own). As an "
            "administrator, then reload the server"
        ),
        (
            "synchronous_commit 已关闭：崩溃时可能丢失其他程序的提交（日志会自行设置）。请以管理员身份执行，"
            "然后让服务器重新加载配置"
        ),
        "ALTER SYSTEM SET synchronous_commit = on;",
    ),
    "sessions_ok": ("ok", "No time limit ends the services' sessions", "没有时间限制会中断服务的会话"),
    "sessions_end": (
        "warning",
        (
            "Limits hold for the services' sessions and will interrupt long batches or idle "
            "listeners: {settings}. Unset "
            "them for this role or database (`ALTER ROLE ... RESET`, `ALTER DATABASE ... RESET`)"
        ),
        (
            "服务的会话受以下限制，会打断大批量写入或空闲的监听：{settings}。请对该角色或数据库取消"
            "（`ALTER ROLE ... RESET`、`ALTER DATABASE ... RESET`）"
        ),
    ),
    "isolation_other": (
        "wrong",
        "default_transaction_isolation is {isolation}; the log takes READ COMMITTED only, so nothing can be written",
        "default_transaction_isolation 为 {isolation}；日志只接受 READ COMMITTED，因此无法写入",
        "ALTER SYSTEM SET default_transaction_isolation = 'read committed';",
    ),
    "connections_ok": (
        "ok",
        "About {wanted} of {limit} may be used by the services; {free} are free",
        "服务约需 {limit} 个连接中的 {wanted} 个；空闲 {free} 个",
    ),
    "connections_too_few": (
        "wrong",
        (
            "The services may want {wanted} connections (pools of {pool}) and max_connections is {limit}: raise it, or "
            "lower CONDUCTOR_DATABASE_POOL_SIZE"
        ),
        (
            "服务可能需要 {wanted} 个连接（每池 {pool} 个），而 max_connections 为 {limit}：请调高它，或调低 "
            "CONDUCTOR_DATABASE_POOL_SIZE"
        ),
        "ALTER SYSTEM SET max_connections = {wanted};",
    ),
    "connections_used_up": (
        "warning",
        "Only {free} of {limit} connections are free; see who holds the others",
        "{limit} 个连接只剩 {free} 个空闲；请查看谁占用了其余连接",
        "conductor psql -c 'SELECT usename, application_name, count(*) FROM pg_stat_activity GROUP BY 1, 2'",
    ),
    "pooler_none": ("ok", "Nothing stands between that changes sessions", "中间没有会切换会话的连接池"),
    "pooler_polled": (
        "note",
        "A transaction pooler stands between: nothing is heard through it, and CONDUCTOR_POLL_ONLY is set for that",
        "中间有事务级连接池：收不到通知，已为此设置 CONDUCTOR_POLL_ONLY",
    ),
    "pooler_between": (
        "wrong",
        (
            "A transaction pooler stands between: LISTEN and the role of a session are lost in it. "
            "Connect to the server "
            "itself or by session pooling; where that cannot be, never listen"
        ),
        "中间有事务级连接池：LISTEN 和会话角色会在其中丢失。请直连服务器或改用会话级池；做不到时请不要监听",
        "export CONDUCTOR_POLL_ONLY=true",
    ),
    "statements_unwritten": ("ok", "No statement is written into its log", "语句不写入服务器日志"),
    "statements_written": (
        "warning",
        (
            "{name} is {value}: the server writes statements into its log, and with them scripts and environments. "
            "As an administrator, then reload the server"
        ),
        "{name} 为 {value}：服务器会把语句连同脚本和环境变量写入其日志。请以管理员身份设置，再重新加载配置",
        "ALTER SYSTEM SET {name} = '{wanted}';",
    ),
    "notifications_ok": (
        "ok",
        "A notification came after {milliseconds} ms",
        "通知在 {milliseconds} 毫秒后到达",
    ),
    "notifications_unused": (
        "note",
        "CONDUCTOR_POLL_ONLY is set: everything is looked for every {poll} s",
        "已设置 CONDUCTOR_POLL_ONLY：每 {poll} 秒查看一次",
    ),
    "notifications_slow": (
        "warning",
        "A notification took {seconds} s; the server is overloaded, or the way there is slow",
        "通知用了 {seconds} 秒；服务器过载，或网络缓慢",
    ),
    "notifications_lost": (
        "wrong",
        (
            "A notification did not come within {patience} s: every step of a job waits for the next look, {poll} s. "
            "Something between does not pass them on; connect to the server itself, or say that none will come"
        ),
        (
            "{patience} 秒内没有收到通知：作业的每一步都要等到下一次查看（{poll} 秒）。中间有东西不转发通知；"
            "请直连服务器，或声明不会有通知"
        ),
        "export CONDUCTOR_POLL_ONLY=true",
    ),
    "notifications_pile_up": (
        "warning",
        (
            "The queue of notifications is {percent}% full: a session listens and does not read. "
            "When it is full, nothing "
            "can be committed. Find it: LISTEN and an old transaction"
        ),
        "通知队列已用 {percent}%：有会话监听却不读取。队列写满后将无法提交。请找出它：执行过 LISTEN 且事务很旧",
        "conductor psql -c 'SELECT pid, usename, state, xact_start, query FROM pg_stat_activity ORDER BY xact_start'",
    ),
    "clock_ok": ("ok", "{seconds} s from the database's", "与数据库相差 {seconds} 秒"),
    "clock_off": (
        "warning",
        "This machine's clock is {seconds} s from the database's, which is the one that counts; set it by NTP",
        "本机时钟与数据库相差 {seconds} 秒（以数据库为准）；请用 NTP 校时",
        "timedatectl set-ntp true",
    ),
}

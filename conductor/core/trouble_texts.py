"""What is said when a part cannot begin or go on, in English and Chinese: code -> (English, Chinese)."""

from collections.abc import Mapping

TROUBLES: Mapping[str, tuple[str, str]] = {
    # where the value of a setting was found
    "in_environment": ("{name} in the environment", "环境变量 {name}"),
    "in_file": ("{name} in {path}", "{path} 中的 {name}"),
    "on_command_line": ("the command line", "命令行"),
    "by_locale": ("the locale", "区域设置"),
    # what is wrong with settings
    "setting_wrong": ("{place}: {said}", "{place}：{said}"),
    "settings_wrong": ("{each}", "{each}"),
    "no_setting": (
        "{place} is no setting; did you mean {nearest}?",
        "{place} 不是设置项；是否想写 {nearest}？",
    ),
    "home_in_home": (
        "{place}: a home cannot name itself; set CONDUCTOR_HOME instead",
        "{place}：主目录不能在自身之中指定；请改设 CONDUCTOR_HOME",
    ),
    "settings_not_yours": (
        "cannot read {path}: {why}; set CONDUCTOR_HOME to a folder of yours, or ask its owner",
        "无法读取 {path}：{why}；请将 CONDUCTOR_HOME 设为自己的目录，或询问其所有者",
    ),
    "settings_unreadable": ("cannot read {path}: {why}", "无法读取 {path}：{why}"),
    "no_database": (
        "no database: no embedded PostgreSQL runs on {home}; start `conductor up`, or set CONDUCTOR_DATABASE_URL",
        "没有数据库：{home} 上没有运行内嵌的 PostgreSQL；请启动 `conductor up`，或设置 CONDUCTOR_DATABASE_URL",
    ),
    "token_for_others": (
        "{path} can be read by others; `chmod 600` it, or delete it to have a new one made",
        "{path} 可被他人读取；请执行 `chmod 600`，或将其删除以重新生成",
    ),
    "token_unreadable": (
        "cannot read the API token in {path}: {why}",
        "无法读取 {path} 中的 API 令牌：{why}",
    ),
    "token_empty": (
        "{path} holds no token; delete it to have a new one made",
        "{path} 中没有令牌；请将其删除以重新生成",
    ),
    # folders
    "home_unmakable": (
        "cannot make the home folder {home}: {why}; set CONDUCTOR_HOME to a folder of yours",
        "无法建立主目录 {home}：{why}；请将 CONDUCTOR_HOME 设为自己的目录",
    ),
    "home_no_folder": (
        "the home {home} is not a folder; set CONDUCTOR_HOME to a folder of yours",
        "主目录 {home} 不是目录；请将 CONDUCTOR_HOME 设为自己的目录",
    ),
    "home_not_yours": (
        "the home folder {home} cannot be written by this user; set CONDUCTOR_HOME to a folder of yours",
        "当前用户无法写入主目录 {home}；请将 CONDUCTOR_HOME 设为自己的目录",
    ),
    "home_taken": (
        "{home} is in use by {holder}; stop that one first, or set CONDUCTOR_HOME to another folder",
        "{home} 正由 {holder} 使用；请先停止它，或将 CONDUCTOR_HOME 设为另一目录",
    ),
    "spool_unusable": (
        (
            "the spool {spool} cannot be used: {why}; see to its room and its rights, or name another folder with "
            "CONDUCTOR_SPOOL"
        ),
        "无法使用作业目录 {spool}：{why}；请检查其空间和权限，或用 CONDUCTOR_SPOOL 指定另一目录",
    ),
    # the API's address
    "address_taken": (
        (
            "cannot listen on {host}, port {port}: {why}; set CONDUCTOR_API_HOST and CONDUCTOR_API_PORT to an address "
            "and a port that are free here"
        ),
        (
            "无法监听 {host} 端口 {port}：{why}；请将 CONDUCTOR_API_HOST 和 CONDUCTOR_API_PORT 设为此处"
            "空闲的地址和端口"
        ),
    ),
    "port_taken": (
        "cannot listen on {host}, port {port}: {why}; set CONDUCTOR_API_PORT to a free port, or to 0 for any",
        "无法监听 {host} 端口 {port}：{why}；请将 CONDUCTOR_API_PORT 设为空闲端口，或设为 0 任选",
    ),
    "exposed": (
        (
            "CONDUCTOR_API_HOST={host} can be reached by others and would carry tokens and scripts unencrypted; listen "
            "on 127.0.0.1, or set CONDUCTOR_API_TLS_CERT and CONDUCTOR_API_TLS_KEY, or put a TLS proxy in front and "
            "set CONDUCTOR_URL to its https:// address, or say with CONDUCTOR_API_TRUSTED_PROXY=true that a proxy or a "
            "private network protects the way"
        ),
        (
            "他人可访问 CONDUCTOR_API_HOST={host}，令牌和脚本将以明文传送；请监听 127.0.0.1，或设置 "
            "CONDUCTOR_API_TLS_CERT 和 CONDUCTOR_API_TLS_KEY，或在前面放置 TLS 代理并将 CONDUCTOR_URL 设为其 https:// "
            "地址，或以 CONDUCTOR_API_TRUSTED_PROXY=true 说明有代理或专用网络保护传输"
        ),
    ),
    "never_ready": (
        "the API at {url} did not become ready{words}",
        "{url} 处的 API 未能就绪{words}",
    ),
    # certificates
    "key_unreadable": (
        "cannot read CONDUCTOR_API_TLS_KEY={path}: {why}",
        "无法读取 CONDUCTOR_API_TLS_KEY={path}：{why}",
    ),
    "key_for_others": (
        "{path} can be read by others; `chmod 600` it, and make a new key if others may have read it",
        "{path} 可被他人读取；请执行 `chmod 600`，若他人可能已读取，请更换密钥",
    ),
    "no_certificate_and_key": (
        (
            "CONDUCTOR_API_TLS_CERT={certificate} and CONDUCTOR_API_TLS_KEY={key} are no certificate and its key in "
            "PEM without a password: {why}"
        ),
        (
            "CONDUCTOR_API_TLS_CERT={certificate} 与 CONDUCTOR_API_TLS_KEY={key} 不是 PEM 格式、无密码的证书及其密钥："
            "{why}"
        ),
    ),
    "no_authorities": (
        "CONDUCTOR_TLS_CA={path} holds no certificates in PEM: {why}",
        "CONDUCTOR_TLS_CA={path} 中没有 PEM 格式的证书：{why}",
    ),
    "no_certificate": (
        "CONDUCTOR_API_TLS_CERT={path} holds no certificate in PEM: {why}",
        "CONDUCTOR_API_TLS_CERT={path} 中没有 PEM 格式的证书：{why}",
    ),
    # the database
    "database_away": (
        (
            "PostgreSQL at {where} (database {name}) cannot be reached: {why}. Check that it runs and that "
            "CONDUCTOR_DATABASE_URL names it."
        ),
        (
            "无法连接 {where} 处的 PostgreSQL（数据库 {name}）：{why}。请检查其是否在运行，以及 "
            "CONDUCTOR_DATABASE_URL 是否指向它。"
        ),
    ),
    "no_schema": (
        "Database {name} has no schema yet. Run `conductor migrate` first.",
        "数据库 {name} 尚无表结构。请先运行 `conductor migrate`。",
    ),
    "schema_behind": (
        "The database lacks migrations of this release. Run `conductor migrate` first.",
        "数据库缺少本版本的迁移。请先运行 `conductor migrate`。",
    ),
}

# The operating system's words for an error, as Linux has them: number -> (English, Chinese)
SYSTEM_WORDS: Mapping[int, tuple[str, str]] = {
    1: ("Operation not permitted", "不允许该操作"),
    2: ("No such file or directory", "没有该文件或目录"),
    5: ("Input/output error", "输入输出错误"),
    13: ("Permission denied", "权限不足"),
    17: ("File exists", "文件已存在"),
    20: ("Not a directory", "不是目录"),
    21: ("Is a directory", "这是一个目录"),
    27: ("File too large", "文件过大"),
    28: ("No space left on device", "设备空间不足"),
    30: ("Read-only file system", "文件系统为只读"),
    36: ("File name too long", "名称过长"),
    98: ("Address already in use", "地址已被占用"),
    99: ("Cannot assign requested address", "本机没有该地址"),
    122: ("Disk quota exceeded", "超出磁盘配额"),
}

"""What the commands do, in Chinese: for each its line in the list, and its page. The English is the commands' own."""

from collections.abc import Mapping
from typing import NamedTuple


class Page(NamedTuple):
    line: str  # in the list of commands
    said: str  # paragraphs; the example is the English page's


# the command's words -> its page
PAGES: Mapping[str, Page] = {
    "": Page(
        line="",
        said="""在一组机器上运行批处理脚本，并能证明发生过什么。

先运行 `conductor up`；然后 `conductor submit FILE`，或用 `conductor run FILE` 立即看到输出。

退出码：0 完成；1 被拒绝或失败；2 用法有误；69 服务器没有应答；130 被中断。\
`audit`、`doctor`、`replay verify` 和 `replay rebuild` 在有问题时以 1 结束，无法检查时以 125 结束。\
`run`、`wait` 和 `submit --wait` 的退出码与作业相同（多个作业取最大者）：128 + 信号；TIMEOUT 124，\
CANCELLED 130，NODE_FAIL 75，OUT_OF_MEMORY 137；作业无法启动或无法跟踪时为 125。""",
    ),
    "submit": Page(
        line="提交脚本作为作业。",
        said="""提交脚本作为作业；`-` 表示从标准输入读取。

选项与 sbatch 相同，写在 FILE 之前。""",
    ),
    "run": Page(
        line="提交，实时显示输出，退出码与脚本相同。", said="提交脚本，实时显示其输出，并以其退出码结束。"
    ),
    "jobs": Page(
        line="列出作业。",
        said="列出等待和运行中的作业；加 --all 或 --state 也列出其他作业。数组中等待的任务合为一行。",
    ),
    "job": Page(
        line="显示一个作业的全部信息。",
        said="显示一个作业的全部信息，以时间线列出其经历：每一步、相隔多久、由谁操作、原因为何。",
    ),
    "why": Page(
        line="说明作业为何等待，以及怎样才能启动。",
        said="说明作业为何等待，以及怎样才能启动；对不在等待的作业，说明其结果。",
    ),
    "logs": Page(line="打印作业的输出。", said="打印作业的输出；在终端上，控制字符以可见形式显示。"),
    "wait": Page(
        line="等待作业结束，退出码与作业相同。",
        said="""等待所列作业全部结束；退出码与作业相同，多个作业取最大者。

数组编号代表其全部任务。在终端上以进度条显示进展。""",
    ),
    "cancel": Page(
        line="取消作业。",
        said="""取消作业：等待中的立即取消；运行中的先收到 SIGTERM，宽限期后收到 SIGKILL。

数组编号代表其全部任务，43_7 代表一个，43_[1-5,9] 代表若干。""",
    ),
    "hold": Page(line="不让作业启动。", said="不让作业启动，直到 `unhold`。"),
    "unhold": Page(line="让保留的作业运行。", said="让保留的作业运行。"),
    "requeue": Page(line="将作业放回队列。", said="将作业放回队列，作为下一次尝试；正在运行的先被终止。"),
    "reprioritize": Page(
        line="更改等待中作业的优先级。", said="更改等待中作业的优先级；数值越大越早运行，默认为 0。"
    ),
    "nodes": Page(line="列出节点及其空闲资源。", said="列出节点及其空闲资源。"),
    "node": Page(line="显示一个节点。", said="显示一个节点。"),
    "drain": Page(line="不再向节点分配作业。", said="不再向节点分配作业；其上运行的作业继续运行。"),
    "resume": Page(line="让排空的节点重新接受作业。", said="让排空的节点重新接受作业。"),
    "policy": Page(
        line="显示或更改队列的处理方式。",
        said="显示队列的处理方式，或加以更改：所列的每个 NAME=VALUE，其余不变。",
    ),
    "stats": Page(line="CPU 使用情况与各状态的作业数。", said="CPU、各状态的作业数、最长的等待时间。"),
    "events": Page(line="读取日志。", said="读取日志：最新的事件；有筛选或 --after 时，为最先符合的事件。"),
    "pids": Page(
        line="某 PID 是哪个作业，由谁的命令启动。",
        said="显示哪个作业以某 PID 运行过、何时、由谁启动和结束；永久保存。",
    ),
    "audit": Page(
        line="说明有何问题，以及如何修复。",
        said="""说明有何问题、如何造成、如何修复。

所显示的结果中有错误或警告时退出码为 1，无法检查时为 125，服务器没有应答时为 69。""",
    ),
    "doctor": Page(
        line="说明本安装有何问题。",
        said="""检查本机、设置、数据库和系统，并说明应做什么。

有问题时退出码为 1；没有问题但有项目无法检查时为 125。不作任何更改。""",
    ),
    "repair": Page(
        line="修复审计发现的问题。",
        said="按 `conductor audit` 给出的 CODE 和 SUBJECT 修复一个问题；"
        "前面加上 `acknowledge` 时，则将无法修复者为何如此记入日志。",
    ),
    "checkpoint": Page(
        line="为日志的现状签名，存放于别处。",
        said="为日志的最后位置和散列签名，供 `replay verify --checkpoint` 使用；请将凭据存放于别处。",
    ),
    "export": Page(
        line="写出案卷文件：可在任何地方核对的事件。",
        said="将事件写成案卷文件，`replay verify --file` 和 `job --file` 无需服务器即可读取。",
    ),
    "import-scns": Page(
        line="导入 SCNS-Conductor 数据库中的作业。",
        said="按原有编号导入 URL 处 SCNS-Conductor 数据库中的作业和分配。只读取该数据库。"
        "中断后可再次运行：已导入的会被识别。",
    ),
    "whatif": Page(
        line="在模拟时间中重放：换一种策略或节点。",
        said="在模拟时间中重放日志或一份记录：若策略或节点不同，会怎样？",
    ),
    "up": Page(line="在本机运行整个系统。", said="在本机运行整个系统，直到 Ctrl-C；运行中的作业继续运行。"),
    "api": Page(line="提供 HTTP API。", said="提供 HTTP API。"),
    "scheduler": Page(
        line="将作业分配到节点。", said="将作业分配到节点；有多个调度器时，一个主导，其余待命。"
    ),
    "executor": Page(line="运行本节点的作业。", said="运行本节点的作业。"),
    "supervisor": Page(
        line="作为本节点作业的父进程。",
        said="作为本节点作业的父进程（没有在运行的监督进程时，执行器会自行启动一个）。",
    ),
    "migrate": Page(line="将数据库升级到本版本的结构。", said="将数据库升级到本版本的结构。"),
    "psql": Page(
        line="用 psql 打开数据库。", said="用 psql 打开数据库；无需另行安装。PSQL_ARGUMENTS 原样传给它。"
    ),
    "db-url": Page(line="打印数据库的 URL。", said="打印数据库的 URL（其中可能有密码）。"),
    "completion": Page(
        line="打印 shell 补全脚本。",
        said="""打印使 bash、zsh 或 fish 能补全 conductor 各词的脚本。

要长期生效：将该行写入 ~/.bashrc 或 ~/.zshrc；fish 则用 \
conductor completion fish > ~/.config/fish/completions/conductor.fish""",
    ),
    "replay": Page(line="用日志证明各表、修复各表、回看过去。", said="用日志证明各表、修复各表、回看过去。"),
    "replay verify": Page(
        line="折叠日志并比较每一行。",
        said="""折叠整个日志，并与每个表的每一行比较。

有任何不一致时退出码为 1，无法读到末尾时为 125。""",
    ),
    "replay rebuild": Page(
        line="重新生成不一致的行。",
        said="""由日志重新生成与其不一致的行，不妨碍正常工作；并有事件记下改了哪些行、由谁、为何。

有无法修复者时退出码为 1（加 --dry-run 时：有任何不一致时），无法检查时为 125。""",
    ),
    "replay as-of": Page(
        line="按当时的情形显示一切。",
        said="打印整个系统在 POSITION 个事件之后，或在 TIME 时的情形；未带时区的时间为本地时间。",
    ),
    "token": Page(line="API 的令牌：归谁所有，何种角色。", said="API 的令牌：归谁所有，何种角色。"),
    "token create": Page(line="生成令牌，密文只打印一次。", said="生成令牌并打印其密文，密文仅此一次可见。"),
    "token list": Page(line="列出令牌。", said="列出令牌；其密文无人知晓。"),
    "token revoke": Page(line="令牌从此失效。", said="使此令牌从此失效。"),
    "token show": Page(line="打印本系统自己的令牌。", said="打印本系统自己的令牌：管理员的令牌。"),
}

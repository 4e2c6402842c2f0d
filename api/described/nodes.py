"""Nodes, described."""

from collections.abc import Mapping

from api.document.description import CONFLICT, NOT_MODIFIED, TAGGED, Answer, Body, Both, Description, ok
from api.endpoints.jobs import MomentQuery, ReadQuery, Why
from api.endpoints.nodes import Lease
from conductor.wire.nodes import ChangedNode, LeaseRenewed, Node, Nodes


def _act(name: str, summary: Both, detail: Both) -> Description:
    return Description(
        name=f"{name}_node",
        tag="nodes",
        summary=summary,
        detail=(f"{detail[0]} May be repeated.", f"{detail[1]}可以重复执行。"),
        body=Body(shape=Why, required=False, examples={"because": {"reason": "new memory"}}),
        answers=ok(ChangedNode),
        headers=("If-Match",),
        problems=CONFLICT,
    )


NODES: Mapping[str, Description] = {
    "GET /api/v1/nodes": Description(
        name="list_nodes",
        tag="nodes",
        summary=("All nodes", "所有节点"),
        detail=(
            "What of each is used, reserved and free, and its lease. Nodes that were removed stand here too.",
            "各节点已用、已预留和空闲的资源及其租约。已移除的节点也在其中。",
        ),
        query=MomentQuery,
        answers=ok(Nodes),
    ),
    "GET /api/v1/nodes/{name}": Description(
        name="get_node",
        tag="nodes",
        summary=("One node", "单个节点"),
        detail=(
            "What of it is used, reserved and free, and its lease.",
            "该节点已用、已预留和空闲的资源及其租约。",
        ),
        query=ReadQuery,
        answers={200: Answer(shape=Node, headers=TAGGED), **NOT_MODIFIED},
        headers=("If-None-Match",),
    ),
    "PUT /api/v1/nodes/{name}/lease": Description(
        name="renew_lease",
        tag="executors",
        summary=("Renew a node's lease", "节点续租"),
        detail=(
            (
                "For executors, three times a lease. `cancel` has the allocations that the node should end. Refused "
                "(409 `stale_incarnation`) once the lease has passed: then the node registers anew."
            ),
            (
                "供执行器使用，每个租期续租三次。`cancel` 为该节点应结束的分配。租约过期后会被拒绝"
                "（409 `stale_incarnation`），此时节点须重新注册。"
            ),
        ),
        body=Body(shape=Lease, examples={"idle": {"incarnation": 1, "allocations": []}}),
        answers=ok(LeaseRenewed),
        problems=CONFLICT,
    ),
    "POST /api/v1/nodes/{name}/drain": _act(
        "drain",
        ("Drain", "排空节点"),
        ("Running jobs go on, no new ones come.", "运行中的作业继续，不再接受新作业。"),
    ),
    "POST /api/v1/nodes/{name}/resume": _act(
        "resume", ("Resume", "恢复节点"), ("It takes jobs again.", "重新接受作业。")
    ),
    "POST /api/v1/nodes/{name}/lost": _act(
        "lose",
        ("Declare lost", "宣告丢失"),
        (
            (
                "A person's word that nothing runs there any more: its jobs end as `NODE_FAIL`, or begin again if they "
                "asked for `requeue`. Refused while its lease lives."
            ),
            (
                "由人确认该节点上已无任何进程运行：其作业以 `NODE_FAIL` 结束，要求 `requeue` 的则重新开始。"
                "租约有效期间会被拒绝。"
            ),
        ),
    ),
    "POST /api/v1/nodes/{name}/remove": _act(
        "remove", ("Remove", "移除节点"), ("No part of the system any more.", "不再属于本系统。")
    ),
}

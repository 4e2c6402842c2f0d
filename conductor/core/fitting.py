"""Which nodes a job could ever run on: what it asks for, held against what a node has when it is empty.

Names of generic resources that are licences of the policy are counted over the cluster, so no node has to have them.
"""

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from conductor.core.identifiers import NodeName
from conductor.core.resource_texts import gres_text, labels_text
from conductor.core.said import Said

_NAMES_SHOWN = 10


class Wish(Protocol):
    """What a job asks of a node: `JobSubmitted`, or the `Submit` that it came from."""

    @property
    def total_cpus(self) -> int: ...
    @property
    def memory_mb(self) -> int | None: ...
    @property
    def nodelist(self) -> tuple[NodeName, ...]: ...
    @property
    def labels(self) -> Mapping[str, str]: ...
    @property
    def gres(self) -> Mapping[str, int]: ...


class Offer(Protocol):
    """What a node has: `Node`, or `NodeOffer`."""

    @property
    def node_name(self) -> NodeName: ...
    @property
    def total_cpus(self) -> int: ...
    @property
    def memory_mb(self) -> int | None: ...
    @property
    def labels(self) -> Mapping[str, str]: ...
    @property
    def gres(self) -> Mapping[str, int]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeOffer:
    """A registered node, up or not, as far as it matters for what could ever run there."""

    node_name: NodeName
    total_cpus: int
    memory_mb: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    gres: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfit:
    """Why a job can run nowhere: the field that says too much, and a sentence with the nearest possibility."""

    field: str
    message: str


class Offers:
    """Every node that is registered and not removed. Jobs that ask for the same get one answer, worked out once."""

    def __init__(self, nodes: Sequence[Offer]) -> None:
        self.nodes = tuple(nodes)
        self._answers: dict[object, Unfit | None] = {}
        self._narrowest: dict[object, int | None] = {}

    def unfit(self, wish: Wish, licences: Mapping[str, int]) -> Unfit | None:
        """Why none of them could ever run the job, if so. With no node at all it waits for one."""
        key = _key(wish, licences)
        if key not in self._answers:
            self._answers[key] = _unfit(wish, self.nodes, licences) if self.nodes else None
        return self._answers[key]

    def narrowest(self, wish: Wish, licences: Mapping[str, int]) -> int | None:
        """The CPUs of the narrowest node that could take the job; None when none could."""
        key = _key(wish, licences)
        if key not in self._narrowest:
            could = (node.total_cpus for node in self.nodes if mismatch(wish, node, licences) is None)
            self._narrowest[key] = min(could, default=None)
        return self._narrowest[key]


def _key(wish: Wish, licences: Mapping[str, int]) -> object:
    """What decides where a job could run."""
    return (
        *(wish.total_cpus, wish.memory_mb, wish.nodelist),
        *(tuple(named.items()) for named in (wish.labels, wish.gres, licences)),
    )


def beyond_cap(wish: Wish, *, narrowest: int | None, most: int) -> Unfit | None:
    """Why a user who may have `most` CPUs at a time can never have this job run, if so.

    `narrowest`: of an exclusive job, which is as wide as the narrowest of the nodes that could take it.
    """
    cpus = narrowest or wish.total_cpus
    if cpus <= most:
        return None
    whole = cpus > wish.total_cpus
    return Unfit(
        field="exclusive" if whole else "cpus",
        message=Said("whole_beyond_cap" if whole else "beyond_cap", cpus=cpus, most=most),
    )


def mismatch(wanted: Wish, node: Offer, licences: Collection[str] = ()) -> str | None:
    """Why the job can never run on this node, however empty it is; None when it could."""
    return next((sentence for _, sentence in mismatches(wanted, node, licences)), None)


def mismatches(wanted: Wish, node: Offer, licences: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """Everything that speaks against the node: the submission's field, and a clause."""
    if wanted.nodelist and node.node_name not in wanted.nodelist:
        yield "nodelist", Said("not_named", names=_some(wanted.nodelist))
    for name, value in wanted.labels.items():
        if node.labels.get(name) != value:
            has = node.labels.get(name)
            code = "without_label" if has is None else "other_label"
            yield "labels", Said(code, name=name, value=value, has=has)
    if wanted.total_cpus > node.total_cpus:
        yield "cpus", Said("fewer_cpus", cpus=wanted.total_cpus, has=node.total_cpus)
    if wanted.memory_mb is not None and node.memory_mb is not None and wanted.memory_mb > node.memory_mb:
        yield "memory_mb", Said("less_memory", memory_mb=wanted.memory_mb, has=node.memory_mb)
    for name, count in wanted.gres.items():
        if name not in licences and count > node.gres.get(name, 0):
            yield "gres", Said("fewer_gres", name=name, count=count, has=node.gres.get(name, 0))


def _unfit(wish: Wish, nodes: Sequence[Offer], licences: Mapping[str, int]) -> Unfit | None:
    for name, count in wish.gres.items():
        if name in licences and count > licences[name]:
            code = "few_licences" if licences[name] else "no_licences"
            return Unfit(field="gres", message=Said(code, name=name, count=count, most=licences[name]))
    wanted = set(wish.nodelist)
    possible = [node for node in nodes if node.node_name in wanted] if wanted else nodes
    if any(mismatch(wish, node, licences) is None for node in possible):
        return None
    return next(_alone(wish, nodes, licences), None) or _together(wish, nodes, licences)


def _alone(wish: Wish, nodes: Sequence[Offer], licences: Collection[str]) -> Iterator[Unfit]:
    """What no node has, whatever else is asked for."""
    widest = max(node.total_cpus for node in nodes)
    if wish.total_cpus > widest:
        yield too_wide(wish.total_cpus, widest)
    stated = [node.memory_mb for node in nodes if node.memory_mb is not None]
    if wish.memory_mb is not None and len(stated) == len(nodes) and wish.memory_mb > max(stated):
        yield Unfit(
            field="memory_mb",
            message=Said("too_much_memory", memory_mb=wish.memory_mb, most=max(stated)),
        )
    for name, count in wish.gres.items():
        most = max(node.gres.get(name, 0) for node in nodes)
        if name not in licences and count > most:
            known = sorted({one for node in nodes for one in node.gres} | set(licences))
            code = "few_gres" if most else "no_gres"
            said = Said(code, name=name, count=count, most=most, known=_there(known))
            yield Unfit(field="gres", message=said)
    for name, value in wish.labels.items():
        values = sorted({node.labels[name] for node in nodes if name in node.labels})
        if value not in values:
            known = [f"{name}={one}" for one in values] or sorted(
                {one for node in nodes for one in node.labels}
            )
            yield Unfit(
                field="labels",
                message=Said("no_label", name=name, value=value, known=_there(known)),
            )
    names = [node.node_name for node in nodes]
    if wish.nodelist and not set(wish.nodelist) & set(names):
        said = Said("no_named_node", names=_some(wish.nodelist), near=nearest_node(wish.nodelist[0], names))
        yield Unfit(field="nodelist", message=said)


def nearest_node(name: str, names: Sequence[str]) -> Said:
    """What to do about a name that no node has. A name that is far from it would only mislead."""
    near = difflib.get_close_matches(name, names, n=1)
    return Said("near", name=near[0]) if near else Said("nodes_are")


def too_wide(cpus: int, widest: int) -> Unfit:
    return Unfit(
        field="cpus",
        message=Said("too_wide", cpus=cpus, widest=widest),
    )


def _there(known: Sequence[str]) -> str:
    return Said("known", names=_some(known)) if known else ""


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _together(wish: Wish, nodes: Sequence[Offer], licences: Collection[str]) -> Unfit:
    """Each wish has its nodes, but no node has all: the one with the fewest faults is nearest."""
    against = {node.node_name: list(mismatches(wish, node, licences)) for node in nodes}
    nearest = min(against, key=lambda name: (len(against[name]), name))
    return Unfit(
        field=against[nearest][0][0],
        message=Said(
            "together", wish=_said(wish), node=nearest, clauses=[clause for _, clause in against[nearest]]
        ),
    )


def _said(wish: Wish) -> str:
    parts = [f"{wish.total_cpus} CPUs" if wish.total_cpus > 1 else "1 CPU"]
    if wish.memory_mb is not None:
        parts.append(f"{wish.memory_mb} MB")
    if wish.gres:
        parts.append(gres_text(wish.gres))
    if wish.labels:
        parts.append(labels_text(wish.labels))
    if wish.nodelist:
        parts.append(f"one of {_some(wish.nodelist)}" if len(wish.nodelist) > 1 else wish.nodelist[0])
    return ", ".join(parts)

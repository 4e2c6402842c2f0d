"""Node names, labels and generic resources as people write them, and the one form in which they are kept.

Settings, requests, `#SBATCH` lines and options of the command line all read them here. Raises `Misspelt`,
which says which part is wrong.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from conductor.core.identifiers import NodeName
from conductor.core.misspelt import Misspelt

MOST_NODES = 1000
MOST_GRES = 4096  # of one name: each has a number of its own in the log
MOST_NAMES = 100

_NODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_NODE_PART = re.compile(r"(?:[^,\[\]]|\[[^\[\]]*\])+")
_BRACKETS = re.compile(r"([^\[\]]*)\[([^\[\]]+)\]([^\[\]]*)")
_RANGE = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?", re.ASCII)
_GRES_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_COUNT = re.compile(r"\d{1,9}", re.ASCII)
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,254}")
_LABEL_VALUE = re.compile(r"[\w.+:/-]{1,255}")


def parsed_nodes(text: str) -> tuple[NodeName, ...]:
    """`n1,n2` and `node[1-3,07-09]`, each once, in the order of names."""
    names: list[str] = []
    left = _NODE_PART.sub("", text).replace(",", "").strip()
    if left:
        raise Misspelt("nodes_bracket", part=repr(text[:40]))
    for part in _NODE_PART.findall(text):
        for name in _expanded(part.strip()):
            names.append(name)
            if len(names) > MOST_NODES:  # also of one that is named again and again: others wait meanwhile
                raise Misspelt("nodes_many", most=MOST_NODES)
    return checked_nodes(names)


def checked_nodes(names: Sequence[str]) -> tuple[NodeName, ...]:
    """Each once, in the order of names."""
    for name in names:
        if not _NODE.fullmatch(name):
            raise Misspelt("nodes_name", part=repr(name[:40]))
    if not names:
        raise Misspelt("nodes_none")
    if len(set(names)) > MOST_NODES:
        raise Misspelt("nodes_many", most=MOST_NODES)
    return tuple(NodeName(name) for name in sorted(set(names)))


def _expanded(part: str) -> Iterator[str]:
    found = _BRACKETS.fullmatch(part)
    if found is None:
        if "[" in part:
            raise Misspelt("nodes_brackets", part=repr(part[:40]))
        yield part
        return
    before, inside, after = found.groups()
    for one in inside.split(","):
        for number in _numbers(one.strip()):
            yield before + number + after


def _numbers(text: str) -> Iterator[str]:
    """`07-09`: as wide as its first number is written."""
    found = _RANGE.fullmatch(text)
    if found is None or (found[2] is not None and int(found[2]) < int(found[1])):
        raise Misspelt("nodes_range", part=repr(text[:40]))
    for number in range(int(found[1]), int(found[2] or found[1]) + 1):
        yield str(number).zfill(len(found[1]))


def parsed_gres(text: str) -> dict[str, int]:
    """`gpu:2,licence` -> {"gpu": 2, "licence": 1}; `none` is none."""
    counts: dict[str, int] = {}
    if text.strip().lower() in ("none", ""):
        return counts
    for part in text.split(","):
        name, colon, count = part.strip().partition(":")
        if colon and not _COUNT.fullmatch(count):
            raise Misspelt("gres_count", part=repr(part.strip()[:80]))
        if name in counts:
            raise Misspelt("gres_twice", name=name)
        counts[name] = int(count) if colon else 1
    return checked_gres(counts)


def is_gres_name(name: str) -> bool:
    return _GRES_NAME.fullmatch(name) is not None


def checked_gres(counts: Mapping[str, int]) -> dict[str, int]:
    """In the order of names; those of which there are none are left out."""
    for name, count in counts.items():
        if not is_gres_name(name):
            raise Misspelt("gres_name", part=repr(name[:40]))
        if not 0 <= count <= MOST_GRES:
            raise Misspelt("gres_range", name=name, most=MOST_GRES)
    if len(counts) > MOST_NAMES:
        raise Misspelt("gres_many", most=MOST_NAMES)
    return {name: counts[name] for name in sorted(counts) if counts[name]}


def parsed_labels(text: str) -> dict[str, str]:
    """`zone=a,arch=arm64`, or with `&` between; a name alone has the value `true`."""
    labels: dict[str, str] = {}
    for part in re.split("[,&]", text):
        if not part.strip():
            continue
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not _LABEL.fullmatch(name) or (equals and not _LABEL_VALUE.fullmatch(value)):
            raise Misspelt("labels_part", part=repr(part.strip()[:40]))
        value = value if equals else "true"
        if labels.get(name, value) != value:
            raise Misspelt("labels_twice", name=name, one=labels[name], other=value)
        labels[name] = value
    return checked_labels(labels)


def checked_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """In the order of names."""
    for name, value in labels.items():
        if not _LABEL.fullmatch(name) or not _LABEL_VALUE.fullmatch(value):
            raise Misspelt("labels_letters", part=repr(f"{name}={value}"[:40]))
    if len(labels) > MOST_NAMES:
        raise Misspelt("labels_many", most=MOST_NAMES)
    return {name: labels[name] for name in sorted(labels)}


def gres_text(counts: Mapping[str, int]) -> str:
    """`gpu:2,licence:1`."""
    return ",".join(f"{name}:{count}" for name, count in sorted(counts.items()))


def labels_text(labels: Mapping[str, str]) -> str:
    """`arch=arm64,zone=a`."""
    return ",".join(f"{name}={value}" for name, value in sorted(labels.items()))

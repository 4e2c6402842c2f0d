"""The options of sbatch: how each is written, and what becomes of it here.

Promises: every option that sbatch documents is in the table, so none can be mistaken for a slip of the pen.
What changes how or where a job runs is honoured or refused; only what changes nothing of that is ignored.
Refuses to know what a value means.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum


class Takes(Enum):
    NOTHING = 0
    VALUE = 1
    PERHAPS = 2  # only in the same word: `--nice=5`, and `--nice 5` is something else


class Fate(StrEnum):
    """What becomes of an option; whatever is neither honoured nor refused is ignored, for the reason named."""

    HONOURED = "honoured"
    REFUSED = "refused"
    NO_MAIL = "no_mail"
    NO_QUEUES = "no_queues"
    ONE_NODE = "one_node"
    SUBMITTERS_OWN = "submitters_own"
    NOT_MEASURED = "not_measured"


@dataclass(frozen=True, slots=True)
class Option:
    name: str
    letter: str
    takes: Takes
    fate: Fate

    @property
    def ignored(self) -> bool:
        return self.fate not in (Fate.HONOURED, Fate.REFUSED)


_ROWS = (
    ("account", "A", Takes.VALUE, Fate.HONOURED),
    ("array", "a", Takes.VALUE, Fate.HONOURED),
    ("begin", "b", Takes.VALUE, Fate.HONOURED),
    ("chdir", "D", Takes.VALUE, Fate.HONOURED),
    ("comment", "", Takes.VALUE, Fate.HONOURED),
    ("constraint", "C", Takes.VALUE, Fate.HONOURED),  # labels
    ("cpus-per-task", "c", Takes.VALUE, Fate.HONOURED),
    ("dependency", "d", Takes.VALUE, Fate.HONOURED),
    ("error", "e", Takes.VALUE, Fate.HONOURED),
    ("exclusive", "", Takes.PERHAPS, Fate.HONOURED),  # without a value
    ("export", "", Takes.VALUE, Fate.HONOURED),
    ("gres", "", Takes.VALUE, Fate.HONOURED),
    ("hold", "H", Takes.NOTHING, Fate.HONOURED),
    ("job-name", "J", Takes.VALUE, Fate.HONOURED),
    ("mem", "", Takes.VALUE, Fate.HONOURED),
    ("nice", "", Takes.PERHAPS, Fate.HONOURED),
    ("no-requeue", "", Takes.NOTHING, Fate.HONOURED),
    ("nodelist", "w", Takes.VALUE, Fate.HONOURED),
    ("nodes", "N", Takes.VALUE, Fate.HONOURED),  # as long as one will do
    ("ntasks", "n", Takes.VALUE, Fate.HONOURED),
    ("ntasks-per-node", "", Takes.VALUE, Fate.HONOURED),
    ("open-mode", "", Takes.VALUE, Fate.HONOURED),  # append is what is done
    ("output", "o", Takes.VALUE, Fate.HONOURED),
    ("priority", "", Takes.VALUE, Fate.HONOURED),
    ("requeue", "", Takes.NOTHING, Fate.HONOURED),
    ("signal", "", Takes.VALUE, Fate.HONOURED),
    ("time", "t", Takes.VALUE, Fate.HONOURED),
    # ignored, with a warning
    ("acctg-freq", "", Takes.VALUE, Fate.NOT_MEASURED),
    ("contiguous", "", Takes.NOTHING, Fate.ONE_NODE),
    ("distribution", "m", Takes.VALUE, Fate.ONE_NODE),
    ("ignore-pbs", "", Takes.NOTHING, Fate.SUBMITTERS_OWN),
    ("mail-type", "", Takes.VALUE, Fate.NO_MAIL),
    ("mail-user", "", Takes.VALUE, Fate.NO_MAIL),
    ("no-kill", "k", Takes.PERHAPS, Fate.ONE_NODE),
    ("parsable", "", Takes.NOTHING, Fate.SUBMITTERS_OWN),
    ("partition", "p", Takes.VALUE, Fate.NO_QUEUES),
    ("profile", "", Takes.VALUE, Fate.NOT_MEASURED),
    ("qos", "q", Takes.VALUE, Fate.NO_QUEUES),
    ("quiet", "Q", Takes.NOTHING, Fate.SUBMITTERS_OWN),
    ("spread-job", "", Takes.NOTHING, Fate.ONE_NODE),
    ("switches", "", Takes.VALUE, Fate.ONE_NODE),
    ("tree-width", "", Takes.VALUE, Fate.ONE_NODE),
    ("use-min-nodes", "", Takes.NOTHING, Fate.ONE_NODE),
    ("verbose", "v", Takes.NOTHING, Fate.SUBMITTERS_OWN),
    ("wait", "W", Takes.NOTHING, Fate.SUBMITTERS_OWN),
    ("wait-all-nodes", "", Takes.VALUE, Fate.ONE_NODE),
    ("wckey", "", Takes.VALUE, Fate.NO_QUEUES),
    # refused
    ("bb", "", Takes.VALUE, Fate.REFUSED),
    ("bbf", "", Takes.VALUE, Fate.REFUSED),
    ("cluster-constraint", "", Takes.VALUE, Fate.REFUSED),
    ("clusters", "M", Takes.VALUE, Fate.REFUSED),
    ("container", "", Takes.VALUE, Fate.REFUSED),
    ("container-id", "", Takes.VALUE, Fate.REFUSED),
    ("core-spec", "S", Takes.VALUE, Fate.REFUSED),
    ("cores-per-socket", "", Takes.VALUE, Fate.REFUSED),
    ("cpu-freq", "", Takes.VALUE, Fate.REFUSED),
    ("cpus-per-gpu", "", Takes.VALUE, Fate.REFUSED),
    ("deadline", "", Takes.VALUE, Fate.REFUSED),
    ("delay-boot", "", Takes.VALUE, Fate.REFUSED),
    ("exclude", "x", Takes.VALUE, Fate.REFUSED),
    ("export-file", "", Takes.VALUE, Fate.REFUSED),
    ("extra", "", Takes.VALUE, Fate.REFUSED),
    ("extra-node-info", "B", Takes.VALUE, Fate.REFUSED),
    ("get-user-env", "", Takes.PERHAPS, Fate.REFUSED),
    ("gid", "", Takes.VALUE, Fate.REFUSED),
    ("gpu-bind", "", Takes.VALUE, Fate.REFUSED),
    ("gpu-freq", "", Takes.VALUE, Fate.REFUSED),
    ("gpus", "G", Takes.VALUE, Fate.REFUSED),
    ("gpus-per-node", "", Takes.VALUE, Fate.REFUSED),
    ("gpus-per-socket", "", Takes.VALUE, Fate.REFUSED),
    ("gpus-per-task", "", Takes.VALUE, Fate.REFUSED),
    ("gres-flags", "", Takes.VALUE, Fate.REFUSED),
    ("help", "h", Takes.NOTHING, Fate.REFUSED),
    ("hint", "", Takes.VALUE, Fate.REFUSED),
    ("input", "i", Takes.VALUE, Fate.REFUSED),
    ("kill-on-invalid-dep", "", Takes.VALUE, Fate.REFUSED),
    ("licenses", "L", Takes.VALUE, Fate.REFUSED),
    ("mcs-label", "", Takes.VALUE, Fate.REFUSED),
    ("mem-bind", "", Takes.VALUE, Fate.REFUSED),
    ("mem-per-cpu", "", Takes.VALUE, Fate.REFUSED),
    ("mem-per-gpu", "", Takes.VALUE, Fate.REFUSED),
    ("mincpus", "", Takes.VALUE, Fate.REFUSED),
    ("network", "", Takes.VALUE, Fate.REFUSED),
    ("nodefile", "F", Takes.VALUE, Fate.REFUSED),
    ("ntasks-per-core", "", Takes.VALUE, Fate.REFUSED),
    ("ntasks-per-gpu", "", Takes.VALUE, Fate.REFUSED),
    ("ntasks-per-socket", "", Takes.VALUE, Fate.REFUSED),
    ("overcommit", "O", Takes.NOTHING, Fate.REFUSED),
    ("oversubscribe", "s", Takes.NOTHING, Fate.REFUSED),
    ("power", "", Takes.VALUE, Fate.REFUSED),
    ("prefer", "", Takes.VALUE, Fate.REFUSED),
    ("propagate", "", Takes.PERHAPS, Fate.REFUSED),
    ("reboot", "", Takes.NOTHING, Fate.REFUSED),
    ("reservation", "", Takes.VALUE, Fate.REFUSED),
    ("resv-ports", "", Takes.PERHAPS, Fate.REFUSED),
    ("segment", "", Takes.VALUE, Fate.REFUSED),
    ("sockets-per-node", "", Takes.VALUE, Fate.REFUSED),
    ("stepmgr", "", Takes.NOTHING, Fate.REFUSED),
    ("test-only", "", Takes.NOTHING, Fate.REFUSED),
    ("thread-spec", "", Takes.VALUE, Fate.REFUSED),
    ("threads-per-core", "", Takes.VALUE, Fate.REFUSED),
    ("time-min", "", Takes.VALUE, Fate.REFUSED),
    ("tmp", "", Takes.VALUE, Fate.REFUSED),
    ("tres-bind", "", Takes.VALUE, Fate.REFUSED),
    ("tres-per-task", "", Takes.VALUE, Fate.REFUSED),
    ("uid", "", Takes.VALUE, Fate.REFUSED),
    ("usage", "u", Takes.NOTHING, Fate.REFUSED),
    ("version", "V", Takes.NOTHING, Fate.REFUSED),
    ("wrap", "", Takes.VALUE, Fate.REFUSED),
)

OPTIONS: Mapping[str, Option] = {row[0]: Option(*row) for row in _ROWS}
LETTERS: Mapping[str, Option] = {option.letter: option for option in OPTIONS.values() if option.letter}
# Refused options -> what asks for the same here
INSTEAD: Mapping[str, str] = {
    "licenses": "--gres matlab:1",
    "gpus": "--gres gpu:1",
    "gpus-per-node": "--gres gpu:1",
    "gpus-per-task": "--gres gpu:1",
    "mem-per-cpu": "--mem 4G",  # of the whole job
}


def option_named(name: str) -> Option | None:
    """By its name, or by the beginning of one name only, as getopt has it."""
    if name in OPTIONS:
        return OPTIONS[name]
    begun = [option for known, option in OPTIONS.items() if name and known.startswith(name)]
    return begun[0] if len(begun) == 1 else None

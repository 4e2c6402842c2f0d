"""What an executor finds out about its machine, and what it takes from its settings."""

import platform
from pathlib import Path

import pytest

from conductor.machine import numa_nodes, read_machine
from conductor.settings import Settings, SettingsError


def topology(folder: Path, **lists: str) -> Path:
    for name, text in lists.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "cpulist").write_text(text + "\n")
    return folder


@pytest.mark.parametrize(
    ("lists", "expected"),
    [
        ({"node0": "0-3", "node1": "4-7"}, ((0, 1, 2, 3), (4, 5))),
        ({"node0": "0,2,4", "node10": "5", "node2": "1,3"}, ((0, 2, 4), (1, 3), (5,))),
        ({"node0": "0-7", "node1": ""}, ((0, 1, 2, 3, 4, 5),)),  # memory without CPUs
        ({"node0": "6-7", "node1": "0-5"}, ((0, 1, 2, 3, 4, 5),)),  # CPUs that are not ours
        ({"node0": "x"}, ()),
        ({}, ()),
    ],
)
def test_numa_nodes_are_the_kernels_as_far_as_the_cpus_are_ours(
    tmp_path: Path, lists: dict[str, str], expected: tuple[tuple[int, ...], ...]
) -> None:
    assert numa_nodes(range(6), topology(tmp_path / "node", **lists)) == expected


def test_a_folder_that_is_not_there_tells_nothing(tmp_path: Path) -> None:
    assert numa_nodes((0, 1), tmp_path / "nowhere") == ()


def test_a_spool_that_cannot_be_used_is_told_with_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"Not a directory; .* CONDUCTOR_SPOOL"):
        read_machine(Settings(home=tmp_path, spool=tmp_path / "file" / "spool"))


def test_a_machine_offers_what_its_settings_say(tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path, total_cpus=1, node_memory_mb=512, node_labels="zone=a,fast", node_gres="gpu:2"
    )
    machine = read_machine(settings)
    assert machine.labels == {"arch": platform.machine(), "zone": "a", "fast": "true"}
    assert (machine.gres, machine.memory_mb) == ({"gpu": 2}, 512)
    assert {cpu for cpus in machine.numa for cpu in cpus} <= set(machine.cpu_ids)


def test_nothing_is_guessed(tmp_path: Path) -> None:
    machine = read_machine(Settings(home=tmp_path, total_cpus=60_000))
    assert (machine.labels, machine.gres, machine.numa) == ({"arch": platform.machine()}, {}, ())
    assert machine.memory_mb > 0

"""sbatch's options, as they become a submission."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from conductor.cli.exits import WrongUsage, code_of_job
from conductor.cli.sbatch_words import words_sorted_out
from conductor.cli.screen import Screen
from conductor.cli.submission import SCRIPT_BYTES, Wishes, amount_mb, exported, slurm_output, submission_of
from conductor.client.models import Submission

SCREEN = Screen(language="en", out_is_terminal=False, err_is_terminal=False)
NOT_GIVEN: dict[str, Any] = dict.fromkeys(field.name for field in fields(Wishes)) | {
    "requeue": False, "hold": False, "exclusive": False, "as_sbatch": (),
}  # fmt: skip


def submission(*arguments: str, environ: Mapping[str, str] | None = None, **wishes: Any) -> Submission:
    given = {**NOT_GIVEN, "command": "submit", "arguments": arguments, **wishes}
    return submission_of(Wishes(**given), environ or {}, SCREEN)


def test_what_is_not_asked_for_is_left_to_the_server() -> None:
    sent = submission(wrap="echo hi").to_json()
    assert sent.pop("user_name")
    assert sent == {"script": "#!/bin/sh\necho hi\n", "work_dir": str(Path.cwd())}


def test_tasks_are_all_on_one_node() -> None:
    assert submission(wrap="x", ntasks=4).ntasks_per_node == 4
    assert submission(wrap="x", ntasks_per_node=3).ntasks_per_node == 3
    assert submission(wrap="x", ntasks=2, ntasks_per_node=3).ntasks_per_node == 2
    with pytest.raises(WrongUsage, match="contradict"):
        submission(wrap="x", ntasks=4, ntasks_per_node=3)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("--mem-per-cpu=1G", "--mem-per-cpu is not read here; ask for it as in `--mem 4G`"),
        ("--licenses=matlab:1", "--licenses .* `--gres matlab:1`"),
        ("--gpus=1", "--gpus .* `--gres gpu:1`"),
        ("--nodes=2", "--nodes must be 1: a job runs on one node"),
        ("--nodes", "--nodes needs a value"),
        ("--open-mode=truncate", "--open-mode must be append"),
        ("--output=x", "--output is an option of sbatch that this version does not have"),
    ],
)
def test_what_a_scripts_line_would_refuse_is_refused_on_the_command_line(word: str, said: str) -> None:
    with pytest.raises(WrongUsage, match=f"^{said}"):
        submission("job.sh", as_sbatch=[word])


def test_what_a_scripts_line_ignores_is_ignored_with_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--nodes=1", "--partition=lo'n\\g\"", "--no-requeue"]
    assert submission(wrap="x", as_sbatch=words).requeue is False
    assert "--partition is ignored: there are no partitions" in capsys.readouterr().err


OWN = {"-c": True, "--cpus-per-task": True, "-H": False, "--hold": False, "-W": False, "--wait": False,
       "--job-name": True, "--help": False}  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "sorted_out"),
    [
        ("-N 1 -p long -c 4 job.sh -N 2",
         "--as-sbatch=--nodes=1 --as-sbatch=--partition=long -c 4 job.sh -N 2"),
        ("-plong -HQp long -c4 -",
         "--as-sbatch=--partition=long -H --as-sbatch=--quiet --as-sbatch=--partition=long -c4 -"),
        ("--part=long --job x --wait --help", "--as-sbatch=--partition=long --job-name x --wait --help"),
        ("--job-name -N --nodes", "--job-name -N --as-sbatch=--nodes"),
        ("--frobnicate -Y1 -- -N 1", "--frobnicate -Y1 -- -N 1"),
    ],
)  # fmt: skip
def test_the_words_of_sbatchs_before_the_script_are_found(typed: str, sorted_out: str) -> None:
    assert list(words_sorted_out(typed.split(), OWN)) == sorted_out.split()


def test_other_unknown_options_and_arguments_of_the_script_are_refused(tmp_path: Path) -> None:
    script = tmp_path / "job.sh"
    script.write_text("echo\n")
    with pytest.raises(WrongUsage, match="there is no option --frobnicate"):
        submission("--frobnicate", str(script))
    with pytest.raises(
        WrongUsage, match=r"arguments for the script are not supported: -n 4\. Options go before"
    ):
        submission(str(script), "-n", "4")
    with pytest.raises(WrongUsage, match="either FILE or --wrap"):
        submission(str(script), wrap="x")
    for wrap in (None, "  "):
        with pytest.raises(WrongUsage, match="give a script FILE"):
            submission(wrap=wrap)


def test_a_script_that_cannot_be_sent_is_refused_with_what_to_do(tmp_path: Path) -> None:
    script = tmp_path / "job.sh"
    with pytest.raises(WrongUsage, match="no such file or directory"):
        submission(str(script))
    script.write_bytes("echo 中文\n".encode("gb18030"))
    with pytest.raises(WrongUsage, match=r"not valid UTF-8 \(byte 6\).*iconv"):
        submission(str(script))
    script.write_bytes(b"x" * (SCRIPT_BYTES + 1))
    with pytest.raises(WrongUsage, match="larger than 1,048,576 bytes"):
        submission(str(script))


def test_what_is_not_utf8_is_refused_by_name() -> None:
    with pytest.raises(WrongUsage, match="the value of name is not valid UTF-8"):
        submission(wrap="x", job_name="a\udcffb")
    with pytest.raises(WrongUsage, match="the value of BAD is not valid UTF-8"):
        submission(wrap="x", export="ALL", environ={"BAD": "\udcff"})


@pytest.mark.parametrize(
    ("given", "megabytes"),
    [("512", 512), ("2G", 2048), ("1g", 1024), ("1025K", 2), ("1T", 1048576), ("5MB", 5)],
)
def test_memory_is_rounded_up_to_megabytes(given: str, megabytes: int) -> None:
    assert amount_mb(given, SCREEN) == megabytes


@pytest.mark.parametrize("given", ["", "lots", "-1", "1.5G", "2P"])
def test_what_is_no_amount_of_memory_is_refused(given: str) -> None:
    with pytest.raises(WrongUsage, match="no amount of memory"):
        amount_mb(given, SCREEN)


def test_the_environment_is_clean_unless_asked_for() -> None:
    here = {"HOME": "/h", "LD_LIBRARY_PATH": "/l"}
    assert exported("NONE", here, SCREEN) == {}
    assert exported("ALL", here, SCREEN) == here
    assert exported("HOME,X=1", here, SCREEN) == {"HOME": "/h", "X": "1"}
    assert exported("ALL,HOME=/other", here, SCREEN) == {"HOME": "/other", "LD_LIBRARY_PATH": "/l"}
    assert exported("A='1,2',B=c\\d", {}, SCREEN) == {"A": "1,2", "B": "c\\d"}


def test_no_secret_and_nothing_of_the_submitting_shell_goes_along_with_all() -> None:
    here = {
        "CONDUCTOR_API_TOKEN": "secret", "CONDUCTOR_DATABASE_URL": "secret", "NODE_NAME": "n", "TOTAL_CPUS": "4",
        "SLURM_JOB_ID": "1", "PWD": "/", "SHLVL": "2", "_": "/bin/x", "BASH_FUNC_ls%%": "() { :; }", "KEPT": "1",
    }  # fmt: skip
    assert exported("ALL", here, SCREEN) == {"KEPT": "1"}


def test_exports_that_name_nothing_are_refused() -> None:
    with pytest.raises(WrongUsage, match="MISSING, which is not set"):
        exported("MISSING", {}, SCREEN)
    with pytest.raises(WrongUsage, match="1X in --export"):
        exported("1X", {}, SCREEN)


@pytest.mark.parametrize(
    ("script", "output", "path"),
    [
        ("#!/bin/sh\necho\n", None, "slurm-%j.out"),
        ("#!/bin/sh\necho\n", "mine", "mine"),
        ("#!/bin/sh\n#SBATCH -c 2\n#SBATCH --output=own.txt\n", None, None),
        ("#!/bin/sh\n#SBATCH -c 2 -o own.txt\n", None, None),
        ("#!/bin/sh\n#SBATCH -o own.txt\n", "mine", "mine"),
        ("#!/bin/sh\n#SBATCH -oown.txt\n", None, None),
        ("#!/bin/sh\n#SBATCH --output-nothing x\necho\n", None, "slurm-%j.out"),
        ("#!/bin/sh\necho\n#SBATCH -o too-late.txt\n", None, "slurm-%j.out"),
        ("#!/bin/sh\n#SBATCH -a 0-3\necho\n", None, "slurm-%A_%a.out"),
    ],
)
def test_output_goes_where_slurms_users_look_for_it(
    script: str, output: str | None, path: str | None
) -> None:
    assert slurm_output(Submission(script=script), output) == path


def test_what_a_script_says_of_folder_clock_and_environment_is_seen_from_here(tmp_path: Path) -> None:
    script = tmp_path / "job.sh"
    script.write_text("#!/bin/sh\n#SBATCH -D sub -b 2099-01-01T08:00 --export=ALL,B=2 -n 4\ntrue\n")
    found = submission(str(script), environ={"A": "1"})
    assert found.work_dir == str(Path.cwd() / "sub")
    assert found.environment == {"A": "1", "B": "2"}
    assert found.begin_time is not None
    assert found.begin_time == datetime(2099, 1, 1, 8).astimezone()
    assert found.ntasks_per_node is None, "the server reads the rest"
    typed = submission(str(script), work_dir=Path("/typed"), export="NONE", begin="2098-01-01T00:00Z")
    assert (typed.work_dir, typed.environment) == ("/typed", {})
    assert typed.begin_time == datetime(2098, 1, 1, tzinfo=UTC)


def test_what_cannot_be_read_in_a_script_is_left_to_the_server(tmp_path: Path) -> None:
    script = tmp_path / "job.sh"
    script.write_text("#!/bin/sh\n#SBATCH -b whenever -n four 'open\ntrue\n")
    assert submission(str(script)).begin_time is None


@pytest.mark.parametrize(
    ("state", "exit_code", "exit_signal", "code"),
    [
        ("COMPLETED", 0, None, 0),
        ("FAILED", 7, None, 7),
        ("FAILED", None, 9, 137),
        ("FAILED", None, None, 125),
        ("TIMEOUT", None, 15, 124),
        ("CANCELLED", None, None, 130),
        ("NODE_FAIL", None, None, 75),
        ("OUT_OF_MEMORY", None, 9, 137),
    ],
)
def test_a_job_ends_us_as_it_ended(
    state: str, exit_code: int | None, exit_signal: int | None, code: int
) -> None:
    assert code_of_job(state, exit_code, exit_signal) == code


def test_what_is_asked_of_nodes_goes_as_it_was_typed() -> None:
    sent = submission(
        wrap="x", nodelist="n[1-3]", constraint="zone=a&fast", gres="gpu:2", exclusive=True
    ).to_json()
    assert {name: sent[name] for name in ("nodelist", "labels", "gres", "exclusive")} == {
        "nodelist": "n[1-3]", "labels": "zone=a&fast", "gres": "gpu:2", "exclusive": True,
    }  # fmt: skip

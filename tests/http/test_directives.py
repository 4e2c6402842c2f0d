"""A script's own lines fill what its request leaves out; each one counts, is told of, or is refused."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from api.answers.field_texts import FIELDS
from conductor.core.sbatch import FaultCode, RemarkCode
from conductor.core.sbatch_options import OPTIONS, Fate
from conductor.core.sbatch_texts import DIRECTIVES, IGNORED
from tests.fix_api import Api

ROOT = Path(__file__).parent.parent.parent
DOCUMENT = (ROOT / "docs" / "from-slurm.md").read_text("utf-8")
LINES = """#!/bin/bash
#SBATCH --job-name=from-script --comment='of the script'
#SBATCH -n 2 -c 2 --mem=1G --time=30 --priority=5 --nice=1 --requeue --hold
#SBATCH --begin=2099-01-01T00:00:00Z --account=of-script
#SBATCH -o script.out -e script.err -D /of/script --export=A=1
true
"""


@pytest.fixture(scope="module", autouse=True)
def rich_node(shared_api: Api) -> None:
    """Whatever a printed line asks for, this node has it."""
    shared_api.register(
        "n1",
        memory_mb=4096,
        labels={"zone": "a", "arch": "aarch64", "intel": "true"},
        gres={"gpu": 2, "licence": 1},
    )


def table(heading: str) -> list[tuple[str, str]]:
    """Every line that a table of the document prints, with what stands beside it."""
    section = DOCUMENT.split(f"\n{heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`#SBATCH.*?) \|(?: (.*?) )?\|$", section, re.MULTILINE)
    assert rows, heading
    return [(line, beside) for lines, beside in rows for line in re.findall(r"`(#SBATCH[^`]*)`", lines)]


def script(line: str) -> str:
    return f"#!/bin/bash\n{line}\ntrue\n"


def refusal(api: Api, body: dict[str, Any]) -> list[tuple[str, str, str]]:
    before = api.count_events()
    answer = api.post("/jobs/submit", body)
    assert answer.status_code == 422, answer.text
    assert api.count_events() == before
    return [(error["field"], error["code"], error["message"]) for error in answer.json()["errors"]]


@pytest.mark.parametrize(("line", "columns"), table("## Lines that count"))
def test_a_printed_line_counts(shared_api: Api, line: str, columns: str) -> None:
    answer = shared_api.post("/jobs/submit", {"script": script(line)})
    assert answer.status_code == 201, answer.text
    assert "warnings" not in answer.json()
    job_id = answer.json()["job_id"]
    job = {**shared_api.get(f"/jobs/{job_id}"), **shared_api.get(f"/jobs/{job_id}/environment")}
    expected = json.loads(columns.strip("`"))
    assert {name: job[name] for name in expected} == expected


@pytest.mark.parametrize(("line", "why"), table("## Lines that are ignored, with a warning"))
def test_a_printed_line_is_ignored_with_a_warning(shared_api: Api, line: str, why: str) -> None:
    answer = shared_api.post("/jobs/submit", {"script": script(line)})
    assert answer.status_code == 201, answer.text
    [warning] = answer.json()["warnings"]
    assert re.fullmatch(rf"line 2: --[a-z-]+ is ignored: {re.escape(why)}", warning), warning


@pytest.mark.parametrize(("line", "beside"), table("## Lines that are refused"))
def test_a_printed_line_is_refused_with_the_code_of_the_requests_own_field(
    shared_api: Api, line: str, beside: str
) -> None:
    [(field, code, message)] = refusal(shared_api, {"script": script(line)})
    assert (field, code) == ("script", "unsupported"), beside
    assert re.match(r"script line 2: --[a-z-]+ ", message)


@pytest.mark.parametrize(("line", "said"), table("## Lines that cannot be understood"))
def test_a_printed_line_that_cannot_be_understood_is_refused_with_what_to_do(
    shared_api: Api, line: str, said: str
) -> None:
    [(field, code, message)] = refusal(shared_api, {"script": script(line)})
    assert field == "script"
    assert code != "unsupported"
    assert message.startswith("script line 2: ")
    assert said in message


def test_every_option_of_sbatch_is_in_the_document() -> None:
    printed = {name for name in OPTIONS if re.search(rf"#SBATCH --{name}[=` ]", DOCUMENT)}
    assert OPTIONS.keys() - printed == set()


def test_every_fault_and_remark_has_its_sentence() -> None:
    assert {str(code) for code in FaultCode} <= DIRECTIVES.keys() | FIELDS.keys()
    assert DIRECTIVES.keys() <= set(FaultCode) | {"use_instead"}
    assert DIRECTIVES.keys().isdisjoint(FIELDS)
    reasons = {str(fate) for fate in Fate} - {Fate.HONOURED, Fate.REFUSED}
    assert reasons | set(RemarkCode) == IGNORED.keys()


@pytest.mark.parametrize("texts", [DIRECTIVES, IGNORED])
def test_both_languages_say_it(texts: dict[str, tuple[str, str]]) -> None:
    for english, chinese in texts.values():
        assert re.search(r"[\u4e00-\u9fff]", chinese)
        assert re.findall(r"{\w+}", english) == re.findall(r"{\w+}", chinese)


def test_a_scripts_lines_fill_every_field_that_is_left_out(shared_api: Api) -> None:
    job = shared_api.get(f"/jobs/{shared_api.submit(LINES)}")
    expected = {
        "name": "from-script", "comment": "of the script", "ntasks_per_node": 2, "cpus_per_task": 2,
        "memory_mb": 1024, "time_limit": 30, "priority": 4, "requeue": True, "held": True,
        "begin_time": "2099-01-01T00:00:00+00:00", "account": "of-script", "stdout_path": "script.out",
        "stderr_path": "script.err", "work_dir": "/of/script",
    }  # fmt: skip
    assert {name: job[name] for name in expected} == expected


def test_the_lines_of_the_example_count(shared_api: Api) -> None:
    job = shared_api.get(f"/jobs/{shared_api.submit((ROOT / 'examples' / 'hello.sh').read_text('utf-8'))}")
    assert (job["name"], job["total_cpus_required"], job["time_limit"]) == ("hello", 1, 1)


def test_the_request_wins_over_the_script(shared_api: Api) -> None:
    request: dict[str, Any] = {
        "name": "mine", "comment": "mine", "ntasks_per_node": 1, "cpus_per_task": 3, "memory_mb": 1,
        "time_limit": 1, "priority": 0, "nice": 0, "requeue": False, "hold": False, "account": "mine",
        "begin_time": "2098-01-01T00:00:00+00:00", "stdout_path": "o", "stderr_path": "e", "work_dir": "/mine",
        "environment": {},
    }  # fmt: skip
    job_id = shared_api.submit(LINES, **request)
    job = shared_api.get(f"/jobs/{job_id}") | shared_api.get(f"/jobs/{job_id}/environment")
    expected = request | {"held": job["held"]}
    del expected["nice"], expected["hold"]
    assert {name: job[name] for name in expected} == expected
    assert job["held"] is False


def test_what_the_request_says_itself_is_not_looked_for_in_the_script(shared_api: Api) -> None:
    wrong = "#SBATCH --time=soon -n four --begin=then --export=ALL\ntrue\n"
    asked = {"script": wrong, "time_limit": 1, "cpus": 2, "begin": "2099-01-01T00:00:00Z", "environment": {}}
    answer = shared_api.post("/jobs/submit", asked)
    assert answer.status_code == 201, answer.text
    assert "warnings" not in answer.json()
    assert shared_api.get(f"/jobs/{answer.json()['job_id']}")["total_cpus_required"] == 2


def test_plain_cpus_stand_for_the_whole_shape(shared_api: Api) -> None:
    job = shared_api.get(f"/jobs/{shared_api.submit(LINES, cpus=1)}")
    assert (job["ntasks_per_node"], job["cpus_per_task"]) == (1, 1)


def test_every_wrong_line_is_named_beside_every_wrong_field(shared_api: Api) -> None:
    body = {"script": "#SBATCH --array=5-1\n#SBATCH --time=soon\n#SBATCH -n x\ntrue\n", "memory_mb": 0}
    said = [message for _, _, message in refusal(shared_api, body)]
    assert [re.split(" must| is|:? '5-1'", message)[0] for message in said] == [
        "memory_mb", "script line 1: --array", "script line 2: --time", "script line 3: --ntasks",
    ]  # fmt: skip


def test_no_answer_repeats_a_lines_value(shared_api: Api) -> None:
    for line in (
        "--time=hunter2",
        "-n hunter2",
        "--export=1X=hunter2",
        "hunter2",
        "--mem=hunter2",
        "-N hunter2",
    ):
        assert "hunter2" not in str(refusal(shared_api, {"script": script(f"#SBATCH {line}")}))


def test_a_batch_tells_and_names_each_jobs_own_lines(shared_api: Api) -> None:
    good = {"script": "true\n"}
    told = {"script": script("#SBATCH -p long --mail-type=END")}
    answer = shared_api.post("/jobs/submit/batch", {"jobs": [good, told]})
    assert answer.status_code == 201, answer.text
    first, second = answer.json()["jobs"]
    assert "warnings" not in first
    assert [warning.split(" is")[0] for warning in second["warnings"]] == [
        "line 2: --partition",
        "line 2: --mail-type",
    ]
    wrong = {
        "jobs": [good, {"script": script("#SBATCH --mem-per-cpu=1")}, {"script": script("#SBATCH -t soon")}]
    }
    errors = shared_api.post("/jobs/submit/batch", wrong).json()["errors"]
    assert [(error["field"], error["code"]) for error in errors] == [
        ("jobs[1].script", "unsupported"),
        ("jobs[2].script", "bad_time_limit"),
    ]
    assert errors[1]["message"].startswith("jobs[2].script line 2: --time must be")


def test_the_original_path_and_the_command_submit_do_the_same(shared_api: Api) -> None:
    body = {"script": script("#SBATCH -J named -p long")}
    original = shared_api.client.post("/jobs/submit", json={"job": body})
    told = shared_api.command("Submit", **body)
    assert original.status_code == 200
    assert original.json()["warnings"] == told["warnings"]
    assert told["events"][0]["data"]["name"] == "named"
    assert shared_api.get(f"/jobs/{original.json()['job_id']}")["name"] == "named"
    wrong = shared_api.post("/commands", {"type": "Submit", "script": script("#SBATCH -a 1 -t soon")})
    assert {(error["field"], error["code"]) for error in wrong.json()["errors"]} == {
        ("script", "array_alone"),
        ("script", "bad_time_limit"),
    }


def test_a_line_after_the_first_command_is_told(shared_api: Api) -> None:
    answer = shared_api.post("/jobs/submit", {"script": "#!/bin/bash\necho\n#SBATCH -n 4\n"})
    [warning] = answer.json()["warnings"]
    assert warning.startswith("line 3: #SBATCH is ignored: it stands after the first command")


def test_warnings_and_refusals_are_said_in_chinese_too(shared_api: Api) -> None:
    chinese = {"Accept-Language": "zh"}
    told = shared_api.post("/jobs/submit", {"script": script("#SBATCH -p long")}, headers=chinese).json()
    assert told["warnings"][0].startswith("第 2 行：忽略 --partition：")
    wrong = shared_api.post("/jobs/submit", {"script": script("#SBATCH -t soon")}, headers=chinese).json()
    assert wrong["errors"][0]["message"].startswith("script 第 2 行：--time 必须")


def test_a_repeat_under_the_same_key_is_the_same_job(shared_api: Api) -> None:
    first, again = (
        shared_api.post("/jobs/submit", {"script": LINES}, headers={"Idempotency-Key": "lines"})
        for _ in range(2)
    )
    assert first.status_code == 201
    assert first.json() == again.json()

"""Whatever is wrong with a request, the answer names the field and what to do, and nothing is appended."""

import json
from typing import Any

import pytest

from tests.fix_api import Api

GOOD: dict[str, Any] = {"script": "echo hello\n"}
BIG_SCRIPT = "#!/bin/bash\n" + "# padding\n" * (1024 * 1024)

# what is wrong with an otherwise sound submission, the field that is named, its code, a word that helps
WRONG_FIELDS: list[tuple[dict[str, Any], str, str, str]] = [
    ({"script": ""}, "script", "blank", "blank"),
    ({"script": " \n\t\n"}, "script", "blank", "blank"),
    ({"script": None}, "script", "not_a_string", "text"),
    ({"script": ["echo"]}, "script", "not_a_string", "text"),
    ({"script": "echo hello\r\n"}, "script", "crlf", "dos2unix"),
    ({"script": "\ufeffecho hello\n"}, "script", "byte_order_mark", "dos2unix"),
    ({"script": "echo \0\n"}, "script", "nul", "NUL"),
    ({"cpus": 0}, "cpus", "too_small", "at least 1"),
    ({"cpus": -1}, "cpus", "too_small", "at least 1"),
    ({"cpus": 1_000_000}, "cpus", "too_big", "at most 65536"),
    ({"cpus": 10**30}, "cpus", "not_an_integer", "whole number"),
    ({"cpus": 10**18}, "cpus", "too_big", "at most 65536"),
    ({"cpus": 5}, "cpus", "invalid", "Ask for 4 or fewer"),
    ({"cpus": True}, "cpus", "not_an_integer", "whole number"),
    ({"cpus": 1.0}, "cpus", "not_an_integer", "whole number"),
    ({"cpus": "1"}, "cpus", "not_an_integer", "whole number"),
    ({"cpus": 2, "cpus_per_task": 1}, "cpus", "contradiction", "cpus_per_task"),
    ({"cpus": 2, "ntasks_per_node": 3}, "cpus", "contradiction", "ntasks_per_node"),
    ({"cpus_per_task": 60_000, "ntasks_per_node": 60_000}, "cpus_per_task", "too_many_cpus", "65536"),
    ({"memory_mb": 0}, "memory_mb", "too_small", "at least 1"),
    ({"memory_mb": "1G"}, "memory_mb", "not_an_integer", "whole number"),
    ({"time_limit": 0}, "time_limit", "zero_time_limit", "leave it out"),
    ({"time_limit": "0:00"}, "time_limit", "zero_time_limit", "leave it out"),
    ({"time_limit": -5}, "time_limit", "too_small", "at least 1"),
    ({"time_limit": 1.5}, "time_limit", "bad_time_limit", "minutes"),
    ({"time_limit": True}, "time_limit", "bad_time_limit", "minutes"),
    ({"time_limit": "1h"}, "time_limit", "bad_time_limit", "HH:MM:SS"),
    ({"time_limit": 10**12}, "time_limit", "too_big", "at most"),
    ({"work_dir": "data/run"}, "work_dir", "not_absolute", "beginning with /"),
    ({"work_dir": "~/run"}, "work_dir", "not_absolute", "beginning with /"),
    ({"work_dir": "/data\nrun"}, "work_dir", "control_character", "control characters"),
    ({"name": "x" * 256}, "name", "too_long", "255"),
    ({"name": "a\tb"}, "name", "control_character", "control characters"),
    ({"name": "a\u202eb"}, "name", "control_character", "control characters"),
    ({"account": "a\u2069b"}, "account", "control_character", "control characters"),
    ({"labels": {"zone=a,arch": "x"}}, "labels", "bad_labels", "no NAME=VALUE"),
    ({"labels": {"zone": "x&y"}}, "labels", "bad_labels", "no NAME=VALUE"),
    ({"name": "  "}, "name", "blank", "blank"),
    ({"environment": {"1X": "y"}}, "environment", "bad_variable", "1X"),
    ({"environment": {"A=B": "y"}}, "environment", "bad_variable", "A=B"),
    ({"environment": {"X": 1}}, "environment.X", "not_a_string", "text"),
    ({"environment": {"X": "a\0b"}}, "environment.X", "nul", "NUL"),
    ({"environment": ["X=1"]}, "environment", "not_an_object", "object"),
    ({"user_name": "root; rm"}, "user_name", "bad_name", "letters"),
    ({"user_name": "../x"}, "user_name", "bad_name", "letters"),
    ({"user": "a", "user_name": "b"}, "user", "contradiction", "user_name"),
    ({"account": "a\nb"}, "account", "control_character", "control characters"),
    ({"requeue": "yes"}, "requeue", "not_a_boolean", "true or false"),
    ({"hold": 1}, "hold", "not_a_boolean", "true or false"),
    ({"priority": 2**40}, "priority", "too_big", "at most"),
    ({"nice": "10"}, "nice", "not_an_integer", "whole number"),
    ({"begin_time": "2030-01-01T00:00:00"}, "begin_time", "naive_time", "Z"),
    ({"begin_time": "tomorrow"}, "begin_time", "bad_time", "ISO 8601"),
    ({"begin_time": 1900000000}, "begin_time", "not_a_string", "text"),
    ({"begin_time": "0001-01-01T00:00:00+14:00"}, "begin_time", "bad_time", "ISO 8601"),
    ({"stdout_path": "out-%q.txt"}, "stdout_path", "unknown_pattern", "%q"),
    ({"stderr_path": "50%"}, "stderr_path", "unknown_pattern", "%%"),
    ({"comment": "a\0b"}, "comment", "nul", "NUL"),
    ({"tim_limit": 5}, "tim_limit", "unknown_field", "time_limit"),
    ({"job_id": 5}, "job_id", "unknown_field", "no field"),
    ({"dependency": "afterok:99"}, "dependency", "invalid", "no job 99"),
    ({"dependency": "afterok"}, "dependency", "bad_dependency", "afterok:42"),
    ({"array": "3-1"}, "array", "bad_array", "counts backwards"),
    ({"nodelist": "n[1-"}, "nodelist", "bad_nodelist", "bracket"),
    ({"nodelist": "n[3-1]"}, "nodelist", "bad_nodelist", "no number or range"),
    ({"nodelist": "n[1-9999]"}, "nodelist", "bad_nodelist", "more than 1000"),
    ({"nodelist": "n1,-n2"}, "nodelist", "bad_nodelist", "no name of a node"),
    ({"nodelist": ""}, "nodelist", "bad_nodelist", "no node is named"),
    ({"nodelist": []}, "nodelist", "too_few", "at least 1"),
    ({"nodelist": [1]}, "nodelist[0]", "not_a_string", "text"),
    ({"nodelist": 7}, "nodelist", "not_a_list", "list"),
    ({"labels": "zone==a"}, "labels", "bad_labels", "NAME=VALUE"),
    ({"labels": "zone=a&zone=b"}, "labels", "bad_labels", "zone cannot be a and b"),
    ({"labels": "amd|intel"}, "labels", "bad_labels", "NAME=VALUE"),
    ({"labels": {"zone": 1}}, "labels.zone", "not_a_string", "text"),
    ({"labels": ["zone"]}, "labels", "not_an_object", "object"),
    ({"exclusive": "user"}, "exclusive", "not_a_boolean", "true or false"),
    ({"gres": "gpu:two"}, "gres", "bad_gres", "NAME:COUNT"),
    ({"gres": "gpu:1,gpu:2"}, "gres", "bad_gres", "named twice"),
    ({"gres": {"gpu": -1}}, "gres", "bad_gres", "from 0"),
    ({"gres": {"gpu": 10**9}}, "gres", "bad_gres", "4096"),
    ({"gres": {"1x": 1}}, "gres", "bad_gres", "no name"),
    ({"gres": {"gpu": "2"}}, "gres.gpu", "not_an_integer", "whole number"),
    # what no node could ever run, with the nearest that could
    ({"memory_mb": 1001}, "memory_mb", "invalid", "Ask for 1000 MB or less"),
    ({"gres": "gpu:1"}, "gres", "invalid", "no node has any"),
    ({"labels": {"zone": "a"}}, "labels", "invalid", "no node has that label"),
    ({"nodelist": "nod-1"}, "nodelist", "invalid", "did you mean node-1?"),
    ({"signal": "USR9"}, "signal", "bad_signal", "USR1@60"),
]


def assert_refused(api: Api, answer: Any, status: int, field: str, code: str, word: str) -> None:
    document = answer.json()
    assert answer.status_code == status, document
    assert answer.headers["content-type"] == "application/problem+json"
    assert document["status"] == status
    assert document["type"].startswith("urn:conductor:problem:")
    assert document["title"]
    assert document["detail"]
    found = {(error["field"], error["code"]): error["message"] for error in document["errors"]}
    assert (field, code) in found, found
    assert word in found[field, code], found
    assert api.count_events() == 2  # the node and the job that were there before


@pytest.mark.parametrize(
    ("wrong", "field", "code", "word"), WRONG_FIELDS, ids=[json.dumps(case[0])[:40] for case in WRONG_FIELDS]
)
def test_a_wrong_field_is_named_with_what_to_do(
    shared_api: Api, wrong: dict[str, Any], field: str, code: str, word: str
) -> None:
    answer = shared_api.client.post(
        "/api/v1/jobs/submit",
        content=json.dumps({**GOOD, **wrong}),
        headers={"Content-Type": "application/json"},
    )
    assert_refused(shared_api, answer, 422, field, code, word)


def test_a_missing_script_is_named(shared_api: Api) -> None:
    assert_refused(shared_api, shared_api.post("/jobs/submit", {}), 422, "script", "missing", "required")


def test_every_wrong_field_is_named_at_once(shared_api: Api) -> None:
    answer = shared_api.post("/jobs/submit", {"script": "", "cpus": 0, "work_dir": "x", "nmae": "y"})
    fields = {error["field"] for error in answer.json()["errors"]}
    assert fields == {"script", "cpus", "work_dir", "nmae"}


@pytest.mark.parametrize("body", ["[]", "3", '"echo"', "null"])
def test_a_submission_that_is_no_object_is_refused(shared_api: Api, body: str) -> None:
    answer = shared_api.client.post(
        "/api/v1/jobs/submit", content=body, headers={"Content-Type": "application/json"}
    )
    assert_refused(shared_api, answer, 422, "body", "not_an_object", "object")


def test_a_script_of_10_mb_is_refused_with_the_limit_named(shared_api: Api) -> None:
    assert len(BIG_SCRIPT) > 10_000_000
    answer = shared_api.post("/jobs/submit", {"script": BIG_SCRIPT})
    assert_refused(shared_api, answer, 413, "script", "too_large", "1 MiB")


def test_a_script_just_over_the_limit_is_refused_with_the_limit_named(shared_api: Api) -> None:
    script = ": " + "中" * (1024 * 1024 // 3)
    answer = shared_api.post("/jobs/submit", {"script": script})
    assert_refused(shared_api, answer, 413, "script", "too_large", "1 MiB")


def test_a_large_environment_is_refused_with_the_limit_named(shared_api: Api) -> None:
    answer = shared_api.post("/jobs/submit", {**GOOD, "environment": {"X": "y" * 131_072}})
    assert_refused(shared_api, answer, 413, "environment", "too_large", "128 KiB")


@pytest.mark.parametrize(
    "body",
    [
        b'{"script": "echo \xe9\n"}'.replace(b"\n", b"\\n"),
        b'{"cpus": 1, "script": "\xff\xfe"}',
        b'{"script": "\\ud800"}',
    ],
)
def test_a_script_that_is_not_utf8_is_refused_naming_iconv(shared_api: Api, body: bytes) -> None:
    answer = shared_api.client.post(
        "/api/v1/jobs/submit", content=body, headers={"Content-Type": "application/json"}
    )
    assert_refused(shared_api, answer, 422, "script", "invalid_utf8", "iconv")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"script": "echo"',
        b"{'script': 'echo'}",
        b'{"script": "echo", "cpus": NaN}',
        b'{"script": "echo", "cpus": Infinity}',
        b"[" * 100_000 + b"]" * 100_000,
        b'{"script": "echo", "cpus": ' + b"9" * 5000 + b"}",
        b'{"script": "a\nb"}',
        b'{"script": "a"} {"script": "b"}',
    ],
    ids=["empty", "cut", "quotes", "nan", "infinity", "deep", "huge number", "raw line feed", "two values"],
)
def test_broken_json_is_a_400_that_says_where(shared_api: Api, body: bytes) -> None:
    answer = shared_api.client.post(
        "/api/v1/jobs/submit", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400, answer.text
    assert answer.json()["code"] == "broken_json"
    assert "JSON" in answer.json()["detail"]
    assert shared_api.count_events() == 2


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/x-sh", None],
)
def test_a_body_that_is_not_called_json_is_a_415_that_names_the_type(
    shared_api: Api, content_type: str | None
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = shared_api.client.post("/api/v1/jobs/submit", content=json.dumps(GOOD), headers=headers)
    assert answer.status_code == 415
    assert "application/json" in answer.json()["detail"]
    assert shared_api.count_events() == 2


def test_a_compressed_body_is_refused(shared_api: Api) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = shared_api.client.post("/api/v1/jobs/submit", content=b"\x1f\x8b", headers=headers)
    assert answer.status_code == 415
    assert "uncompressed" in answer.json()["detail"]


@pytest.mark.parametrize(
    "job_id", ["9", "0", "-1", "x", "9" * 17, "9" * 5000, "1.0", "%31%00", "..%2f1", "١"]
)
@pytest.mark.parametrize("verb", ["", "/script", "/environment", "/events", "/output"])
def test_an_unknown_job_is_a_404_to_read(shared_api: Api, job_id: str, verb: str) -> None:
    answer = shared_api.client.get(f"/api/v1/jobs/{job_id}{verb}")
    assert answer.status_code == 404, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("verb", ["cancel", "hold", "unhold", "requeue"])
@pytest.mark.parametrize("job_id", ["9", "x", "9" * 30])
def test_an_unknown_job_is_a_404_to_act_on(shared_api: Api, job_id: str, verb: str) -> None:
    answer = shared_api.post(f"/jobs/{job_id}/{verb}")
    assert answer.status_code == 404, answer.text
    assert answer.json()["code"] == "not_found"
    assert "Check the number" in answer.json()["detail"]
    assert shared_api.count_events() == 2


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/jobs?state=RUNING", "state"),
        ("/jobs?limit=0", "limit"),
        ("/jobs?limit=many", "limit"),
        ("/jobs?limit=100000", "limit"),
        ("/jobs?cursor=-1", "cursor"),
        ("/jobs?since=2030-01-01", "since"),
        ("/jobs?user_name=%00", "user_name"),
        ("/jobs?name=%00", "name"),
        ("/jobs?usr_name=a", "usr_name"),
        ("/jobs/1?wait=DONE", "wait"),
        ("/jobs/1?wait=RUNNING&timeout=nan", "timeout"),
        ("/jobs/1/output?stream=stdlog", "stream"),
        ("/jobs/1/output?offset=-1", "offset"),
        ("/allocations?status=free", "status"),
        ("/events?type=JobStarted", "type"),
        ("/events?after=-1", "after"),
        ("/events?stream=%00", "stream"),
    ],
)
def test_a_wrong_parameter_is_named(shared_api: Api, path: str, field: str) -> None:
    answer = shared_api.client.get(f"/api/v1{path}")
    assert answer.status_code == 422, answer.text
    assert field in {error["field"] for error in answer.json()["errors"]}


def test_a_wrong_job_of_a_batch_is_named_by_its_index_and_none_is_submitted(shared_api: Api) -> None:
    jobs = [GOOD, GOOD, {"script": "", "cpus": "x"}, {**GOOD, "array": "2-1"}]
    answer = shared_api.post("/jobs/submit/batch", {"jobs": jobs})
    assert_refused(shared_api, answer, 422, "jobs[2].script", "blank", "blank")
    assert_refused(shared_api, answer, 422, "jobs[2].cpus", "not_an_integer", "whole number")
    assert_refused(shared_api, answer, 422, "jobs[3].array", "bad_array", "counts backwards")


def test_one_job_too_wide_for_every_node_refuses_the_whole_batch(shared_api: Api) -> None:
    answer = shared_api.post("/jobs/submit/batch", {"jobs": [GOOD, {**GOOD, "cpus": 64}, GOOD]})
    assert_refused(shared_api, answer, 422, "jobs[1].cpus", "invalid", "Ask for 4 or fewer")
    assert len(answer.json()["errors"]) == 1


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"jobs": []}, "jobs", "too_few"),
        ({"jobs": {}}, "jobs", "not_a_list"),
        ({"job": [GOOD]}, "job", "unknown_field"),
        ({}, "jobs", "missing"),
        ([GOOD], "body", "not_an_object"),
        ({"jobs": [3]}, "jobs[0]", "not_an_object"),
        ({"jobs": [GOOD] * 10_001}, "jobs", "too_many"),
    ],
)
def test_a_batch_of_the_wrong_shape_is_refused(shared_api: Api, body: Any, field: str, code: str) -> None:
    assert_refused(shared_api, shared_api.post("/jobs/submit/batch", body), 422, field, code, "")


def test_a_broken_line_is_named_by_its_number(shared_api: Api) -> None:
    answer = shared_api.client.post(
        "/api/v1/jobs/submit/batch",
        content='{"script": "a"}\n{"script": \n',
        headers={"Content-Type": "application/x-ndjson"},
    )
    assert answer.status_code == 400
    assert "line 2" in answer.json()["detail"]
    assert shared_api.count_events() == 2


def test_thousands_of_errors_are_cut_short_and_counted(shared_api: Api) -> None:
    answer = shared_api.post("/jobs/submit/batch", {"jobs": [{"script": ""}] * 10_000})
    assert answer.status_code == 422
    errors = answer.json()["errors"]
    assert len(errors) == 51
    assert errors[-1]["code"] == "more_errors"


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "clé"])
def test_a_key_that_cannot_be_compared_is_refused(shared_api: Api, key: str) -> None:
    answer = shared_api.post("/jobs/submit", GOOD, headers={b"Idempotency-Key": key.encode("latin-1")})
    assert_refused(shared_api, answer, 422, "Idempotency-Key", "bad_key", "ASCII")


def test_no_answer_repeats_what_was_sent(shared_api: Api) -> None:
    secret = "hunter2-very-secret"
    bodies = [
        {"script": f"{secret}\r\n", "environment": {"1TOKEN": secret}, "cpus": secret, "begin": secret},
        {"script": "x", "environment": {"TOKEN": f"{secret}\0"}},
    ]
    for body in bodies:
        answer = shared_api.post("/jobs/submit", body)
        assert answer.status_code == 422
        assert secret not in answer.text


def test_chinese_is_answered_in_chinese_with_the_same_codes(shared_api: Api) -> None:
    answer = shared_api.post(
        "/jobs/submit", {"script": "a\r\n"}, headers={"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}
    )
    [error] = answer.json()["errors"]
    assert (error["field"], error["code"]) == ("script", "crlf")
    assert "回车符" in error["message"]
    assert "dos2unix" in error["message"]
    assert answer.json()["title"] == "某些字段有误"

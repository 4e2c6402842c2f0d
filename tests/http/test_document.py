"""The API's description of itself is whole and true, in both languages; its examples work; its page needs nobody."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api.answers.texts import TITLES
from api.app import _written
from api.described import DESCRIPTIONS
from api.document import names, schemas
from api.document.names import EXAMPLES, NAMES
from api.document.openapi import document
from api.document.shapes import SHAPES
from api.document.texts import HEADERS, STATUSES, TAGS
from api.routes import OPERATIONS
from conductor.client.models import Job, JobPage, Node, Nodes, read
from conductor.core.node import NodeState
from conductor.wire.shapes import NODE_STATES
from tests.answers import documented, faults_of
from tests.fix_api import Api

CHINESE = re.compile(r"[\u4e00-\u9fff]")
Json = dict[str, Any]


def written(language: Any) -> Json:
    found: Json = json.loads(_written(language))
    return found


def texts(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Every sentence for people, with its place."""
    if isinstance(value, dict):
        for key, one in value.items():
            if key in ("description", "summary") and isinstance(one, str):
                yield f"{place}/{key}", one
            elif key not in ("example", "examples", "default", "enum"):
                yield from texts(one, f"{place}/{key}")
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from texts(one, f"{place}/{index}")


def test_every_operation_is_described_and_nothing_else() -> None:
    assert {f"{one.method} {one.path}" for one in OPERATIONS} == DESCRIPTIONS.keys()
    names = [one.name for one in DESCRIPTIONS.values()]
    assert len(set(names)) == len(names)
    assert {one.tag for one in DESCRIPTIONS.values()} == TAGS.keys()


def test_every_text_of_the_catalogues_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: set[str] = set()
    shapes: set[str] = set()

    def meaning(shape: str, name: str, language: Any) -> str:
        asked.add(f"{shape}.{name}" if f"{shape}.{name}" in NAMES else name)
        return names.meaning(shape, name, language)

    class Asked(dict[str, tuple[str, str]]):
        def __getitem__(self, name: str) -> tuple[str, str]:
            shapes.add(name)
            return SHAPES[name]

    monkeypatch.setattr(schemas, "meaning", meaning)
    monkeypatch.setattr("api.document.openapi.meaning", meaning)
    monkeypatch.setattr(schemas, "SHAPES", Asked())
    found = json.loads(document(OPERATIONS, DESCRIPTIONS, "en"))
    assert asked == NAMES.keys()
    assert shapes == SHAPES.keys() == found["components"]["schemas"].keys()
    headers = found["components"]["headers"] | found["components"]["parameters"]
    assert headers.keys() == HEADERS.keys()


def test_both_languages_say_everything_and_nothing_else_differs() -> None:
    english, chinese = dict(texts(written("en"))), dict(texts(written("zh")))
    assert english.keys() == chinese.keys()
    assert len(english) > 500
    assert [place for place, text in english.items() if CHINESE.search(text)] == []
    bare = {"`Bearer`。", "PostgreSQL。"}
    assert [place for place, text in chinese.items() if not CHINESE.search(text) and text not in bare] == []
    assert without_texts(written("en")) == without_texts(written("zh"))


def without_texts(value: Any) -> Any:
    if isinstance(value, dict):
        said = {"description", "summary"}
        return {
            key: without_texts(one)
            for key, one in value.items()
            if not (key in said and isinstance(one, str))
        }
    return [without_texts(one) for one in value] if isinstance(value, list) else value


def test_a_reader_chooses_the_language(shared_api: Api) -> None:
    def title(path: str, **headers: str) -> Any:
        with httpx.Client(base_url=shared_api.url, headers=headers, trust_env=False) as stranger:
            answer = stranger.get(path)
        assert answer.status_code == 200
        return answer.json()["paths"]["/api/v1/nodes"]["get"]["summary"]

    assert title("/openapi.json") == "All nodes"
    assert title("/openapi.json", **{"Accept-Language": "zh-CN,zh;q=0.9"}) == "所有节点"
    assert title("/openapi.json?lang=en", **{"Accept-Language": "zh"}) == "All nodes"
    assert shared_api.client.get("/openapi.json?lang=fr").status_code == 422


def test_the_document_says_who_may_and_every_code() -> None:
    found = written("en")
    for one in OPERATIONS:
        said = found["paths"][one.path][one.method.lower()]
        assert said["x-roles"] == sorted(one.roles or ())
        assert said["security"] == ([{"bearer": []}] if one.roles else [])
        assert all(f"`{role}`" in said["description"] for role in one.roles or ())
    problem = found["components"]["schemas"]["ProblemDocument"]
    assert problem["properties"]["code"]["enum"] == sorted(TITLES)
    assert {f"Problem{status}" for status in STATUSES} == found["components"]["responses"].keys()


def test_what_is_referred_to_exists_and_no_name_is_anothers() -> None:
    found = written("en")
    references = set(re.findall(r'"\$ref": ?"#/([^"]+)"', json.dumps(found)))
    for reference in references:
        value: Any = found
        for part in reference.split("/"):
            value = value[part]
    assert [name for name in found["components"]["schemas"] if "__" in name or "-" in name] == []


def story(api: Api) -> None:
    """One job, waiting, on a node of a known spool; another has run; a third runs."""
    api.register()
    api.submit("echo waits\n")
    ran = api.submit("echo ran\n", user_name="alice")
    api.end(api.start(ran))
    api.start(api.submit("echo runs\n"), pid=4712)


def test_the_examples_of_bodies_work(api: Api) -> None:
    story(api)
    for key, said in DESCRIPTIONS.items():
        if said.body is None:
            continue
        method, path = key.split(" ")
        url = path.format(**{**EXAMPLES, "job_id": "3" if key.startswith("PUT") else "1"})
        query = {"offset": EXAMPLES["offset"]} if "output" in path else {}
        examples = [("application/json", json.dumps(one)) for one in said.body.examples.values()]
        if "lost" in path:  # refused while its lease lives
            api.sql("UPDATE node_leases SET expires_at = now() - interval '1 minute'")
        for media_type, body in [*examples, *said.body.others.items()]:
            answer = api.client.request(
                method, url, content=body, params=query, headers={"Content-Type": media_type}
            )
            assert answer.status_code in said.answers, (key, answer.text)


def test_the_examples_of_paths_work(api: Api) -> None:
    story(api)
    for path, operations in written("en")["paths"].items():
        for one in operations.get("get", {}).get("parameters", ()):
            assert "example" in one or one.get("in") != "path"
        if "get" in operations:
            with api.client.stream("GET", path.format(**EXAMPLES)) as answer:  # one of them has no end
                assert answer.status_code == 200, path


def test_an_answer_with_a_key_that_is_not_described_fails() -> None:
    """The test's own measure: it is by this that every test of HTTP holds answers against the document."""
    page = {"$ref": "#/components/schemas/Stats"}
    required = documented()["components"]["schemas"]["Stats"]["required"]
    stats: Json = {**dict.fromkeys(required, 0), "jobs_by_state": {}, "nodes": {}}
    assert faults_of(page, stats) == []
    assert faults_of(page, {**stats, "more": 1}) != []
    assert faults_of(page, {**stats, "total_cpus": None}) != []
    assert faults_of(page, {**stats, "total_cpus": "4"}) != []
    assert faults_of(page, {name: one for name, one in stats.items() if name != "position"}) != []


def test_answers_with_as_little_as_possible_are_described_too(api: Api) -> None:
    """What may be null is; what may be empty is. Held against the document as they come."""
    api.get("/jobs/stats")
    api.get("/policy")
    api.get("/policy/fair-share")
    api.get("/audit")
    api.client.get("/health")
    api.register(memory_mb=None)
    job_id = api.submit()
    api.submit(array="0-1")
    api.post("/jobs/2/hold")
    for path in ("/nodes", "/jobs", "/jobs/2", "/jobs/2/why", "/jobs/1/why", "/allocations", "/pids"):
        api.get(path)
        if path != "/pids":
            api.get(path, as_of=4)
    api.start(job_id)
    for path in (
        "/allocations",
        "/pids",
        "/jobs/1",
        "/jobs/1/why",
        "/jobs/1/environment",
        "/audit",
        "/events",
    ):
        api.get(path)


def test_every_default_is_a_value_that_may_be_given() -> None:
    """Or else generators of clients leave the operation out."""
    parameters = [
        one
        for path in documented()["paths"].values()
        for operation in path.values()
        for one in operation["parameters"]
        if "schema" in one
    ]
    told = [one for one in parameters if "default" in one["schema"]]
    assert {"replay", "follow", "limit"} <= {one["name"] for one in told}
    assert [one["name"] for one in told if faults_of(one["schema"], one["schema"]["default"])] == []


def test_nodes_have_the_states_that_are_described() -> None:
    assert list(NODE_STATES) == list(NodeState)


def test_the_client_reads_what_a_newer_server_adds() -> None:
    job = read(Job, {"id": 1, "state": "PAUSED", "colour": "blue"})
    assert job.state == "PAUSED"
    assert job.raw["colour"] == "blue"
    assert read(JobPage, {"jobs": [{"id": 1, "state": "PENDING", "more": 1}], "next": None}).jobs[0].id == 1
    assert read(Nodes, {"nodes": [{"name": "n", "state": "UP"}]}).nodes == (Node(name="n", state="UP"),)


def test_the_page_loads_nothing_from_elsewhere_and_runs_no_script_but_files(shared_api: Api) -> None:
    with httpx.Client(base_url=shared_api.url, trust_env=False) as stranger:
        page = stranger.get("/docs")
        assert page.status_code == 200
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert re.findall(r"<script(?![^>]* src=)", page.text) == []
        assert all(one.startswith(("/docs", "data:,")) for one in loaded)
        for one in loaded:
            if one.startswith("/docs/"):
                assert stranger.get(one).status_code == 200
        assert '<html lang="zh">' in stranger.get("/docs?lang=zh").text
        for odd in ("NOTICE", "page.html", "..%2froutes.py", "%2e%2e"):
            assert stranger.get(f"/docs/{odd}").status_code == 404

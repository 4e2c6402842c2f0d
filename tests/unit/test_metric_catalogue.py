"""What a scrape says is what Prometheus can read, by its own rules of naming; documents, dashboard and alerts name only
what there is.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from conductor.telemetry.exposition import Told, exposition
from conductor.telemetry.instruments import Counter, Gauge, Histogram
from conductor.telemetry.metric_catalogue import METRICS
from conductor.telemetry.process import Who
from tests.source import ROOT

UNITS = ("_seconds", "_bytes", "_ratio", "_total", "_info", "_position", "_events")
WITHOUT_UNIT = {  # numbers of things, named for the things
    *("conductor_batch_commands", "conductor_scheduler_leads", "conductor_scheduler_waiting_jobs"),
    *(
        "conductor_executor_held",
        "conductor_http_requests_in_progress",
        "conductor_database_pool_connections",
    ),
    *(
        "conductor_database_pool_waiting",
        "conductor_process_open_fds",
        "conductor_database_up",
        "conductor_jobs",
    ),
    *("conductor_nodes", "conductor_cpus", "conductor_leader_term", "conductor_audit_findings"),
    "conductor_processes",
}
GRAFANA = ROOT / "docs/grafana/conductor.json"
ALERTS = ROOT / "docs/prometheus/alerts.yml"


def families(text: str) -> dict[str, Any]:
    return {family.name: family for family in text_string_to_metric_families(text)}


def every_number() -> dict[str, Any]:
    """A snapshot in which every metric of a process has a value."""
    values: dict[str, Any] = {}
    for name, metric in METRICS.items():
        if metric.of_process:
            labels = [f'a\\b"c\n{index}' for index in range(len(metric.labels))]
            histogram = [1.0] * (len(metric.bounds) + 2)
            values[name] = [(labels, histogram if metric.kind == "histogram" else 3)]
    return values


def test_whatever_is_counted_can_be_read() -> None:
    who = [Who(process="api", node="n1", pid=1), Who(process="executor", node='n"2', pid=2)]
    system: dict[str, Any] = {
        name: [(["x"] * len(one.labels), 5)] for name, one in METRICS.items() if not one.of_process
    }
    text = exposition([Told(who=one, counted=every_number(), position=10) for one in who], system)
    read = families(text)
    assert set(read) == {name.removesuffix("_total") for name in METRICS}
    for name, metric in METRICS.items():
        family = read[name.removesuffix("_total")]
        assert family.type == metric.kind
        samples = family.samples
        assert samples, name
        if metric.of_process:
            assert {sample.labels["node"] for sample in samples} == {"n1", 'n"2'}
        assert len({(one.name, *sorted(one.labels.items())) for one in samples}) == len(samples)


def test_a_histogram_adds_up() -> None:
    histogram = Histogram((1, 5))
    for value in (0.5, 1, 3, 100):
        histogram.observe(value)
    counted = {"conductor_batch_events": histogram.values()}
    assert counted["conductor_batch_events"] == [((), [2, 1, 1, 104.5])]


def test_buckets_are_cumulative_and_end_with_all() -> None:
    counts = [1.0] * (len(METRICS["conductor_batch_events"].bounds) + 2)
    told = Told(who=Who(process="api", node="n"), counted={"conductor_batch_events": [((), counts)]})
    samples = families(exposition([told], {}))["conductor_batch_events"].samples
    buckets = [one.value for one in samples if one.name.endswith("_bucket")]
    assert buckets == sorted(buckets)
    assert buckets[-1] == next(one.value for one in samples if one.name.endswith("_count"))


def test_what_another_release_counts_is_left_out() -> None:
    strange: dict[str, Any] = {"conductor_novel": [((), 1)], "conductor_jobs_ended_total": [(("one",), 1)]}
    strange["conductor_batch_events"] = [((), [1.0, 2.0])]
    text = exposition([Told(who=Who(process="api", node="n"), counted=strange)], {})
    assert [line for line in text.splitlines() if not line.startswith("#")] == []


def test_labels_that_nobody_foresaw_stay_few() -> None:
    counter, gauge = Counter(), Gauge()
    for number in range(2000):
        counter.add(str(number))
    assert len(counter.values()) <= 501
    assert sum(value for _, value in counter.values()) == 2000
    gauge.read(lambda: None, "absent")
    assert gauge.values() == []


@pytest.mark.parametrize("name", METRICS)
def test_a_name_says_its_unit_and_a_counter_ends_in_total(name: str) -> None:
    metric = METRICS[name]
    assert re.fullmatch(r"conductor_[a-z_]+", name)
    assert name.endswith("_total") == (metric.kind == "counter")
    assert name.endswith(UNITS) or name in WITHOUT_UNIT
    assert not set(metric.labels) & {"process", "node", "pid"} or not metric.of_process
    assert metric.en.endswith(".")
    assert metric.zh.endswith("。")


def test_the_documents_are_made_from_the_catalogues() -> None:
    checked = [sys.executable, str(ROOT / "scripts/draw_telemetry.py"), "--check"]
    done = subprocess.run(checked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def expressions() -> Iterator[str]:
    for panel in json.loads(GRAFANA.read_text("utf-8"))["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield from re.findall(r"expr: (?:>-\n)?((?:.|\n\s{10,})*)", ALERTS.read_text("utf-8"))


def test_the_alerts_are_what_yaml_takes_for_plain_text() -> None:
    """Prometheus loads none of a file's rules when it cannot read one; `promtool test rules` says the rest."""
    for line in ALERTS.read_text("utf-8").splitlines():
        name, _, text = line.strip().removeprefix("- ").partition(": ")
        if name == "summary":
            assert text[0] in "\"'" or not re.search(r": |\s#|^[{\[>|&*!%@`]", text), line


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool comes with Prometheus")
def test_alerts_fire_on_the_right_breakages() -> None:
    done = subprocess.run(
        ["promtool", "test", "rules", ALERTS.with_name("alerts_test.yml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_dashboard_and_alerts_ask_for_what_there_is() -> None:
    asked = list(expressions())
    assert len(asked) > 40
    known = {
        f"{name}{suffix}"
        for name, one in METRICS.items()
        for suffix in (("_bucket", "_sum", "_count") if one.kind == "histogram" else ("",))
    }
    for expression in asked:
        assert set(re.findall(r"conductor_\w+", expression)) <= known, expression
        assert expression.count("(") == expression.count(")"), expression
        for name, labels in re.findall(r"(conductor_\w+)\{([^}]*)\}", expression):
            metric = METRICS[re.sub(r"_(bucket|sum|count)$", "", name) if name not in METRICS else name]
            used = set(re.findall(r"(\w+)\s*[=!]", labels))
            assert used <= {*metric.labels, "process", "node", "pid"}, expression


def test_every_metric_is_on_the_dashboard_or_left_out_on_purpose() -> None:
    shown = set(re.findall(r"conductor_\w+", GRAFANA.read_text("utf-8")))
    absent = {
        name for name in METRICS if not any(one in (name, f"{name}_bucket", f"{name}_sum") for one in shown)
    }
    assert absent == {
        *("conductor_follower_position", "conductor_log_position", "conductor_node_lease_age_seconds"),
        *("conductor_audit_age_seconds", "conductor_processes", "conductor_build_info", "conductor_nodes"),
        *("conductor_process_open_fds", "conductor_process_start_time_seconds"),
        "conductor_scheduler_waiting_jobs",
    }


def test_every_alert_has_a_name_a_severity_and_a_sentence_in_both_languages() -> None:
    rules = ALERTS.read_text("utf-8").split("- alert: ")[1:]
    assert len(rules) >= 10
    for rule in rules:
        assert re.match(r"Conductor\w+\n", rule)
        assert re.search(r"labels: \{severity: (critical|warning)\}", rule)
        assert re.search(r"summary: .* / .*[\u4e00-\u9fff]", rule)

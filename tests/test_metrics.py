"""What Prometheus is told: readable by its own parser, equal to the records, and enough for the dashboard."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from edge.database import reading
from edge.drivers.simulated import SimulatedClock
from edge.recorder import Recorder
from edge.verdict import Reason, outcome_of
from edge.web import metrics
from edge.web.metrics import metrics_text
from tests.recorded import parts, write_parts
from tests.sites import Client, site_of
from tests.test_recorder import record_parts
from tests.test_web_operator import beating

DASHBOARD = Path(metrics.__file__).parent / "grafana.json"
NUMBER = 2000


def read(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """By name and labels; each is there once."""
    found = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    values = {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for sample in found}
    assert len(values) == len(found)
    return values


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("metrics")
    write_parts(found, NUMBER)
    return found


def test_parts_are_counted_by_outcome_and_reason(folder: Path) -> None:
    found = read(metrics_text(folder))
    expected = Counter(record.verdict.reason for record in parts(NUMBER))
    for reason in Reason:
        labels = (("outcome", outcome_of(reason).value), ("reason", reason.value))
        assert found["kensa_parts_total", labels] == expected[reason]
    assert found["kensa_last_part_sequence", ()] == NUMBER


def test_histograms_of_stages_hold_every_part(folder: Path) -> None:
    found = read(metrics_text(folder))
    takts = [record.takt_ms for record in parts(NUMBER) if record.takt_ms is not None]
    for bound_ms in (50, 100, 200):
        labels = (("le", f"{bound_ms / 1000:g}"), ("stage", "takt"))
        assert found["kensa_stage_seconds_bucket", labels] == sum(takt <= bound_ms for takt in takts)
    assert found["kensa_stage_seconds_bucket", (("le", "+Inf"), ("stage", "takt"))] == NUMBER
    assert found["kensa_stage_seconds_count", (("stage", "takt"),)] == NUMBER
    assert found["kensa_stage_seconds_sum", (("stage", "takt"),)] == pytest.approx(sum(takts) / 1000)
    assert found["kensa_stage_seconds_sum", (("stage", "align"),)] == pytest.approx(11e-3 * NUMBER)


def test_running_core_disk_pictures_and_model_are_told(tmp_path: Path) -> None:
    zone = tmp_path / "sys" / "class" / "thermal" / "thermal_zone0"
    zone.mkdir(parents=True)
    (zone / "type").write_text("cpu-thermal\n")
    (zone / "temp").write_text("61250\n")
    with Recorder(tmp_path / "data", clock=SimulatedClock()) as kept, beating(tmp_path / "data"):
        record_parts(kept, 1, 2)
        found = read(metrics_text(tmp_path / "data", sys=tmp_path / "sys"))
    assert found["kensa_core_alive", ()] == found["kensa_ready", ()] == found["kensa_records_readable", ()] == 1
    assert [found["kensa_phase", (("phase", phase),)] for phase in ("Ready", "Halted")] == [1, 0]
    assert (found["kensa_model_serial", ()], found["kensa_temperature_celsius", ()]) == (3, 61.25)
    assert found["kensa_model_info", (("product", "test"), ("serial", "3"), ("sha256", "ab" * 32))] == 1
    assert found["kensa_pictures", (("class", "ng"),)] == found["kensa_pictures", (("class", "working"),)] == 2
    size = sum(path.stat().st_size for path in (tmp_path / "data" / "pictures").rglob("*.jpg"))
    assert found["kensa_picture_bytes", (("class", "ng"),)] == size
    assert found["kensa_disk_size_bytes", ()] > found["kensa_disk_free_bytes", ()] > 0
    assert found["kensa_database_bytes", ()] > 0


def test_station_without_records_says_so_and_answers(tmp_path: Path) -> None:
    found = read(metrics_text(tmp_path / "nowhere"))
    assert found["kensa_core_alive", ()] == found["kensa_ready", ()] == found["kensa_records_readable", ()] == 0


def test_silent_core_is_not_ready(folder: Path, tmp_path: Path) -> None:
    with beating(tmp_path):
        pass
    assert read(metrics_text(tmp_path))["kensa_ready", ()] == 0


def test_labels_cannot_break_out_of_their_quotes() -> None:
    nasty = 'a"b\\c\nd{e="f"} 7'
    (line,) = list(metrics.Metric("x", "gauge", "Words.", [("", {"name": nasty}, 1.0)]).lines())[2:]
    assert read(line + "\n") == {("x", (("name", nasty),)): 1.0}


def test_page_answers_without_a_log_in(folder: Path) -> None:
    answer = Client(site_of(folder)).get("/metrics")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert read(answer.text)["kensa_last_part_sequence", ()] == NUMBER


def test_every_name_and_label_of_the_dashboard_exists(tmp_path: Path) -> None:
    with Recorder(tmp_path, clock=SimulatedClock()) as kept, beating(tmp_path):
        record_parts(kept, 1)
        told = metrics_text(tmp_path) + "# TYPE kensa_temperature_celsius gauge\nkensa_temperature_celsius 1\n"
    names = {name for name, _ in read(told)}
    labels = {label for _, values in read(told) for label, _ in values} | {"instance"}
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert len(expressions) > 10
    for expression in expressions:
        used = set(re.findall(r"kensa_\w+", expression))
        assert used <= names, used - names
        assert set(re.findall(r"(\w+)(?:=~|!=|=)\"", expression)) <= labels


def test_sums_survive_a_part_that_is_recorded_twice(tmp_path: Path) -> None:
    with Recorder(tmp_path, clock=SimulatedClock()) as kept:
        record_parts(kept, 1, 1, 1)
    with reading(tmp_path) as connection:
        assert connection.execute("SELECT sum(number) FROM counts WHERE level_s = 86400").fetchone()[0] == 1

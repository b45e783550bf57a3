"""What `edge bench` says and how it reckons; nothing here holds how fast anything is."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge.__main__ import main
from edge.bundle import Bundle
from edge.commands import bench, bench_programs
from edge.commands.bench_load import load
from edge.commands.bench_machine import POLICY, conditions, machine
from edge.commands.bench_stages import WARM_UP_PARTS, measure, quantile, summary, tail
from edge.errors import EdgeError
from edge.inspection import Inspector
from edge.machine import GET_THROTTLED
from tests.conftest import ROOT
from tests.test_machine import put

THERMOMETER = Path("sys/class/thermal/thermal_zone0")


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50.0), (0.99, 99.0), (0.999, 100.0), (1.0, 100.0), (0.001, 1.0)])
def test_a_quantile_is_the_least_value_that_so_many_do_not_exceed(share: float, expected: float) -> None:
    assert quantile([float(value) for value in range(1, 101)], share) == expected


def test_the_summary_takes_values_in_any_order() -> None:
    assert summary({"map": [3.0, 1.0, 2.0]}) == {"map": {"p50": 2.0, "p99": 3.0, "p99.9": 3.0, "max": 3.0}}


def test_the_tail_counts_what_is_later_than_the_budget() -> None:
    whole = [2.0] * 997 + [10.0, 10.1, 6.0]
    assert tail(whole, budget_ms=10.0) == {"p99.9_of_p50": 5.0, "budget_ms": 10.0, "missed": 1}


def test_every_part_has_every_stage_and_the_whole_is_no_less_than_its_stages(
    demo_bundle: Bundle, demo_inspector: Inspector
) -> None:
    found = measure(demo_inspector, [golden.frame for golden in demo_bundle.golden], 3).stages
    assert list(found) == ["read", "align", "quality", "map", "embed", "judge", "whole"]
    for *stages, whole in zip(*found.values(), strict=True):
        assert 0 < sum(stages) <= whole


def test_gaps_are_kept_and_are_not_in_the_times(demo_bundle: Bundle, demo_inspector: Inspector) -> None:
    began = time.monotonic()
    found = measure(demo_inspector, [demo_bundle.golden[0].frame], 2, gap_ms=30.0)
    took_ms = 1000 * (time.monotonic() - began)
    assert took_ms >= 30.0 * (2 + WARM_UP_PARTS) + sum(found.stages["whole"])


def test_everything_is_in_the_json_and_on_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "IDLE_S", 0.1)
    monkeypatch.setattr(bench_programs, "PARTS", 2)
    out = tmp_path / "bench.json"
    arguments = ["--parts", "2", "--gap-ms", "1", "--load", str(tmp_path), "--json", str(out)]
    assert main(["bench", "--bundle", "demo", *arguments]) == 0
    found = json.loads(out.read_text())
    assert (found["parts"], found["gap_ms"], found["frame"]) == (2, 1.0, [640, 480])
    for measured in (found, found["under_load"]):
        assert set(measured["stages"]["whole"]) == {"p50", "p99", "p99.9", "max"}
        assert measured["tail"]["budget_ms"] == pytest.approx(5 * found["stages"]["whole"]["p50"], abs=0.01)
        assert measured["first_ms"] > 0
        assert measured["page_faults_per_part"] >= 0
    assert found["memory"]["peak_mb"] >= found["memory"]["rss_mb"] > 0
    assert set(found["before"]) == set(found["after"]) >= {"governor", "temperature_c", "is_throttled", "load"}
    assert found["core"]["start_s"] > 0
    assert found["core"]["peak_mb"] >= found["core"]["rss_mb"] > 0
    assert found["page"]["start_s"] > 0
    said = capsys.readouterr().out
    for words in ("p99.9", "governor", "while the machine is loaded", "core: READY after", "page: first byte after"):
        assert words in said
    assert [path.name for path in tmp_path.iterdir()] == ["bench.json"]


def test_what_loads_the_machine_is_gone_afterwards(tmp_path: Path) -> None:
    before = children()
    with load(tmp_path) as by:
        assert f"{len(os.sched_getaffinity(0))} processes that compute" in by
        assert len(children() - before) == len(os.sched_getaffinity(0)) + 1
        deadline = time.monotonic() + 30
        while not list(tmp_path.glob("bench-*/*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert list(tmp_path.glob("bench-*/*"))
    assert children() == before
    assert list(tmp_path.iterdir()) == []


def test_it_is_gone_as_well_when_whoever_started_it_was_killed(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys, time\nfrom edge.commands.bench_load import load\n"
        f"with load(pathlib.Path({str(tmp_path)!r})):\n    print('loaded', flush=True)\n    time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=ROOT)
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"loaded\n"
    started = {child for child in processes() if parent_of(child) == parent.pid}
    assert started
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 30
    while started & processes() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not started & processes()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_loads_nothing(tmp_path: Path) -> None:
    with pytest.raises(EdgeError, match="name a folder that can be written to"), load(tmp_path / "gone"):
        pass


def test_what_the_machine_tells_is_told(tmp_path: Path) -> None:
    put(tmp_path, POLICY / "scaling_governor", "performance\n")
    put(tmp_path, POLICY / "scaling_cur_freq", "1800000\n")
    put(tmp_path, THERMOMETER / "type", "cpu-thermal\n")
    put(tmp_path, THERMOMETER / "temp", "61234\n")
    put(tmp_path, GET_THROTTLED, "20000\n")
    put(tmp_path, "proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\0")
    found = conditions(tmp_path)
    assert (found.governor, found.frequency_mhz, found.temperature_c) == ("performance", 1800, pytest.approx(61.234))
    assert (found.is_throttled, found.was_throttled) == (False, True)
    assert "governor performance, 61 °C, not throttled, load" in str(found)
    assert machine(tmp_path).model == "Raspberry Pi 4 Model B Rev 1.4"


def test_what_it_does_not_tell_is_said(tmp_path: Path) -> None:
    assert "governor not told, temperature not told, throttling not told" in str(conditions(tmp_path))
    assert machine(tmp_path).model is None


def test_a_core_that_does_not_become_ready_ends_in_one_sentence(
    tmp_path: Path, demo_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_programs, "START_S", 20.0)
    (tmp_path / "bundle").write_bytes(b"no bundle")
    frames = [golden.frame for golden in demo_bundle.golden]
    with pytest.raises(EdgeError, match="the core did not become READY; the last it said"):
        bench_programs.measure_programs(str(tmp_path / "bundle"), frames, idle_s=0.1)


@pytest.mark.parametrize(
    "wrong",
    [["--parts", "0"], ["--gap-ms", "-1"], ["--gap-ms", "nan"], ["--load", "/nowhere"], ["--json", "/nowhere/out"]],
)
def test_bad_input_is_one_clear_sentence(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--bundle", "demo", "--parts", "1", "--stages-only", *wrong]) == 1
    said = capsys.readouterr().err
    assert said.startswith("edge bench: ")
    assert wrong[0] in said or wrong[1] in said
    assert said.count("\n") == 1


def processes() -> set[int]:
    return {int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()}


def children() -> set[int]:
    return {process for process in processes() if parent_of(process) == os.getpid()}


def parent_of(process: int) -> int | None:
    """Its parent; None if it has ended."""
    try:
        after_name = (Path("/proc") / str(process) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if after_name[0] == "Z" else int(after_name[1])

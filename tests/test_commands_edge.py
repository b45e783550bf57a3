"""The device's commands as people use them: what they print, what they leave behind, and their exit codes."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest

from edge.__main__ import main
from edge.commands.check import SILENT_MS
from edge.commands.loading import demo_bundle_path
from edge.commands.tally import Tally
from edge.control import ask
from edge.drivers.connector import Defect, DefectKind, render
from edge.errors import BundleError
from edge.heartbeat import read_beat
from edge.priority import LINE, OTHERS
from edge.record import Record
from edge.verdict import Outcome, Reason, Verdict
from tests.stations import until
from tests.test_recorder import rows

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(
    not (ROOT / "models" / "demo" / "bundle").is_file(), reason="the demo model is not in this checkout"
)

STATION = """\
station: test
bundle: demo
data: data
deadline_ms: 5000
camera: {driver: line}
trigger: {driver: interval, interval_ms: 0, parts: 6}
outputs: {driver: simulated}
"""


@pytest.fixture
def station(tmp_path: Path) -> Path:
    path = tmp_path / "station.yaml"
    path.write_text(STATION)
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    bent = Defect(kind=DefectKind.BENT_X, pin="42", amount=14.0)
    for name, defect in (("good", None), ("bent", bent)):
        (folder / name).mkdir(parents=True)
        for number in range(2):
            cv2.imwrite(str(folder / name / f"{number}.png"), render(seed=77, part=number, defect=defect))
    (folder / "ground_truth" / "bent").mkdir(parents=True)
    cv2.imwrite(str(folder / "ground_truth" / "bent" / "0_mask.png"), np.zeros((64, 64), np.uint8))
    return folder


@contextmanager
def started(*arguments: str | Path, cwd: Path = ROOT) -> "Iterator[subprocess.Popen[str]]":
    """A command that is killed when its test fails: a station has no end of its own to wait for."""
    command = [sys.executable, "-m", "edge", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd, env=environment
    ) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_run_judges_the_line_to_its_end_and_keeps_every_part(station: Path) -> None:
    with started("run", "--config", station) as process:
        _, log = process.communicate(timeout=60)
    assert process.returncode == 0, log
    assert [row["sequence"] for row in rows(station.parent / "data")] == [1, 2, 3, 4, 5, 6]
    assert "part=6 outcome=" in log
    assert "Traceback" not in log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_ends_in_order_on_a_signal_and_goes_on_counting(station: Path, number: signal.Signals) -> None:
    station.write_text(STATION.replace("interval_ms: 0, parts: 6", "interval_ms: 20"))
    data = station.parent / "data"
    last = 0
    for _ in range(2):
        with started("run", "--config", station) as process:
            until(lambda enough=last + 2: len(list(data.rglob("*.jpg"))) > enough, seconds=30)  # type: ignore[misc]
            process.send_signal(number)
            _, log = process.communicate(timeout=30)
        assert process.returncode == 0, log
        sequences = [row["sequence"] for row in rows(data)]
        assert sequences == list(range(1, len(sequences) + 1))
        assert len(sequences) > last
        last = len(sequences)


def test_run_killed_in_the_middle_misses_at_most_the_part_in_flight_and_says_so(station: Path) -> None:
    station.write_text(STATION.replace("interval_ms: 0, parts: 6", "interval_ms: 0"))
    data = station.parent / "data"
    with started("run", "--config", station) as process:
        until(lambda: len(list(data.rglob("*.jpg"))) > 5, seconds=30)
        process.kill()
        process.communicate(timeout=30)
    kept = [row["sequence"] for row in rows(data)]
    assert kept == list(range(1, len(kept) + 1))
    station.write_text(STATION)
    with started("run", "--config", station) as process:
        _, log = process.communicate(timeout=60)
    sequences = [row["sequence"] for row in rows(data)]
    missing = set(range(1, sequences[-1] + 1)) - set(sequences)
    assert len(missing) <= 1
    assert [f"part {number} was begun and never recorded" in log for number in missing] == [True] * len(missing)
    assert process.returncode == 0


def test_run_without_a_valid_model_stays_up_and_is_not_ready(station: Path) -> None:
    (station.parent / "bad").write_bytes(b"not a bundle")
    station.write_text(STATION.replace("bundle: demo", "bundle: bad"))
    heartbeat = station.parent / "data" / "heartbeat.json"
    with started("run", "--config", station) as process:
        until(lambda: heartbeat.is_file() and "no valid model" in heartbeat.read_text(), seconds=30)
        assert process.poll() is None
        process.terminate()
        _, log = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "there is no valid model" in log


def told(station: Path, what: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "edge", "tell", what, "--config", str(station)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)


def test_running_core_takes_commands_and_answers_a_trigger_with_its_verdict(station: Path) -> None:
    station.write_text(STATION.replace("{driver: interval, interval_ms: 0, parts: 6}", "{driver: software}"))
    assert "no core listens here" in told(station, "status").stderr
    with started("run", "--config", station) as process:
        until(lambda: "phase: Ready" in told(station, "status").stdout, seconds=60)
        answer = told(station, "trigger")
        assert answer.returncode == 0
        assert "sequence: 1\noutcome: " in answer.stdout
        assert "why: paused by a person" in told(station, "pause").stdout + told(station, "status").stdout
        assert "reason: station not ready" in told(station, "trigger").stdout
        told(station, "resume")
        until(lambda: "phase: Ready" in told(station, "status").stdout, seconds=60)
        process.send_signal(signal.SIGHUP)
        _, log = process.communicate(timeout=60)
    assert process.returncode == 0, log
    assert [row["sequence"] for row in rows(station.parent / "data")] == [1, 2]
    assert not (station.parent / "data" / "control.sock").exists()


def test_every_thread_of_the_core_goes_before_other_programs(station: Path) -> None:
    """One that were put off while it holds the interpreter's lock would put off the verdict."""
    station.write_text(STATION.replace("interval_ms: 0, parts: 6", "interval_ms: 50"))
    with started("run", "--config", station) as process:
        until(lambda: "sequence: " in told(station, "status").stdout, seconds=60)
        threads = [int(task.name) for task in Path(f"/proc/{process.pid}/task").iterdir()]
        priorities = [(os.sched_getscheduler(thread), os.sched_getparam(thread).sched_priority) for thread in threads]
        main = os.sched_getscheduler(process.pid), os.sched_getparam(process.pid).sched_priority
        process.terminate()
        _, log = process.communicate(timeout=60)
    if "no real-time priority" in log:
        pytest.skip("this user may not set real-time priorities")
    assert main == (os.SCHED_FIFO, LINE)
    assert len(threads) > 4
    assert set(priorities) <= {(os.SCHED_FIFO, OTHERS), (os.SCHED_FIFO, LINE)}


def test_command_for_a_line_with_a_trigger_of_its_own_is_refused(station: Path) -> None:
    station.write_text(STATION.replace("interval_ms: 0, parts: 6", "interval_ms: 3600000"))
    with started("run", "--config", station) as process:
        until(lambda: "phase: Ready" in told(station, "status").stdout, seconds=60)
        answer = told(station, "trigger")
        process.terminate()
        process.communicate(timeout=60)
    assert answer.returncode == 1
    assert "this station has a trigger of its own" in answer.stderr


def test_deadline_beyond_the_watchdogs_patience_is_refused(
    station: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(station.parent / "nobody"))
    monkeypatch.setenv("WATCHDOG_USEC", "5000000")
    assert main(["run", "--config", str(station)]) == 1
    assert "deadline_ms: 5000 is more than half of the service's WatchdogSec (5 s)" in capsys.readouterr().err


HANGING = """
import sys, threading
import edge.drivers.line as line
whole = line.LineCamera.capture
def capture(self, **options):
    if self.captured == 2:
        threading.Event().wait()
    return whole(self, **options)
line.LineCamera.capture = capture
from edge.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def test_camera_call_that_never_comes_back_ends_the_core_with_its_records_kept(station: Path) -> None:
    station.write_text(STATION.replace("deadline_ms: 5000", "deadline_ms: 1500\nhang_deadlines: 2"))
    command = [sys.executable, "-c", HANGING, "run", "--config", str(station)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.returncode == 1
    assert "part 3 has hung for 2 deadlines; restart" in done.stderr
    found = rows(station.parent / "data")
    assert [row["sequence"] for row in found] == list(range(1, len(found) + 1))
    assert found[2]["reason"] == "verdict after the deadline"


def test_replay_writes_one_line_a_picture(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.jsonl"
    assert main(["replay", "--bundle", "demo", str(pictures), "--json", str(out)]) == 0
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["file"] for line in lines] == ["bent/0.png", "bent/1.png", "good/0.png", "good/1.png"]
    assert [line["label"] for line in lines] == ["bent", "bent", "good", "good"]
    assert {"outcome", "reason", "distance", "limit", "nearest_label", "ms"} <= set(lines[0])
    assert [line["outcome"] for line in lines[:2]] == ["NG", "NG"]
    assert lines[0]["nearest_label"] == "bent_42"
    assert "4 pictures" in capsys.readouterr().out


def test_replay_goes_on_after_an_unreadable_picture_and_fails_at_the_end(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pictures / "bent" / "0.png").write_text("no picture")
    assert main(["replay", "--bundle", "demo", str(pictures), "--json", "-"]) == 1
    captured = capsys.readouterr()
    lines = [json.loads(line) for line in captured.out.splitlines()]
    assert [line["outcome"] for line in lines][:2] == ["FAULT", "NG"]
    assert lines[0]["reason"] == "capture failed"
    assert lines[0]["ms"] is None
    assert "bent/0.png: this is no picture" in captured.err


def test_replay_of_other_things_is_never_ok(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(1)
    others = {
        "black": np.zeros((480, 640, 3), np.uint8),
        "white": np.full((480, 640, 3), 255, np.uint8),
        "noise": rng.integers(0, 255, (480, 640, 3), dtype=np.uint8),
        "grey": rng.integers(0, 255, (480, 640), dtype=np.uint8),
        "small": rng.integers(0, 255, (100, 100, 3), dtype=np.uint8),
    }
    for name, pixels in others.items():
        cv2.imwrite(str(tmp_path / f"{name}.png"), pixels)
    assert main(["replay", "--bundle", "demo", str(tmp_path), "--json", "-"]) == 0
    outcomes = [json.loads(line)["outcome"] for line in capsys.readouterr().out.splitlines()]
    assert len(outcomes) == len(others)
    assert "OK" not in outcomes


def test_demo_ends_by_itself_and_counts_against_the_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--parts", "12", "--no-web", "--data", str(tmp_path / "kept")]) == 0
    out = capsys.readouterr().out
    assert "12 parts" in out
    assert "escapes among clear defects: 0 of" in out
    assert "bent pins named by their address:" in out
    assert len(rows(tmp_path / "kept")) == 12


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel of Linux ends the page")
def test_demo_that_is_killed_takes_its_page_along(tmp_path: Path) -> None:
    port = free_port()

    def answers() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/", timeout=1).status_code == 200
        except httpx.TransportError:
            return False

    with started("demo", "--port", str(port), "--data", tmp_path) as process:
        until(answers, seconds=60)
        process.kill()
        process.communicate(timeout=30)
    until(lambda: not answers(), seconds=30)


def test_demo_shows_its_page_meanwhile(tmp_path: Path) -> None:
    port = free_port()
    with started("demo", "--port", str(port), "--data", tmp_path) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "truth:" in line:
                break
        address = f"http://127.0.0.1:{port}/"

        def answers() -> bool:
            try:
                return httpx.get(address, timeout=1).status_code == 200
            except httpx.TransportError:
                return False

        until(answers, seconds=30)
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert "escapes among clear defects" in out
    assert not answers()


def test_demo_on_a_port_that_is_taken_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["demo", "--parts", "1", "--port", str(port)]) == 1
    assert "choose another with --port" in capsys.readouterr().err


def test_check_of_a_sound_station_has_one_line_for_each_part(station: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config", str(station)]) == 0
    lines = capsys.readouterr().out.splitlines()
    named = ["config", "keys", "bundle", "camera", "trigger", "outputs", "page", "wires", "power", "clock"]
    named += ["data", "database"]
    assert [line.split()[:2] for line in lines] == [["ok", name] for name in named]
    assert not (station.parent / "data").exists()


@pytest.mark.parametrize(
    ("change", "failing", "words"),
    [
        (("bundle: demo", "bundle: gone"), "bundle", "No such file"),
        (("{driver: line}", "{driver: folder, path: nowhere}"), "camera", "there is no such folder"),
        (("data: data", "data: station.yaml/x"), "data", "cannot be"),
        (("deadline_ms: 5000", "deadline_ms: 0"), "config", "station.yaml:4: deadline_ms"),
    ],
)
def test_check_names_what_is_wrong(
    station: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], failing: str, words: str
) -> None:
    station.write_text(STATION.replace(*change))
    assert main(["check", "--config", str(station)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith(f"FAIL {failing}") and words in line for line in lines), lines


@pytest.mark.parametrize("command", ["run", "check", "web"])
def test_unknown_duplicate_and_out_of_range_keys_are_said_at_once(
    command: str, station: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    station.write_text(STATION.replace("deadline_ms: 5000", "deadline_ms: -1") + "speed: 9\ndata: again\n")
    assert main([command, "--config", str(station)]) == 1
    said = "".join(capsys.readouterr())
    assert "station.yaml:4: deadline_ms" in said
    assert "station.yaml:8: speed: unknown key" in said
    assert "station.yaml:9: data: written twice" in said
    assert not (station.parent / "data").exists()


def test_check_leaves_a_running_core_its_devices_and_says_how_it_is(
    station: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    station.write_text(STATION.replace("interval_ms: 0, parts: 6", "interval_ms: 20"))
    with started("run", "--config", station) as process:
        until(lambda: len(list((station.parent / "data").rglob("*.jpg"))) > 2, seconds=60)
        assert main(["check", "--config", str(station)]) == 0
        process.send_signal(signal.SIGSTOP)
        time.sleep(SILENT_MS / 1000 + 5.5)  # and the deadline, for a part may be in the works
        assert main(["check", "--config", str(station)]) == 1
        process.kill()
        process.communicate(timeout=30)
    lines = [line for line in capsys.readouterr().out.splitlines() if " core " in line]
    assert lines[0].startswith("ok   core      it runs and is ")
    assert lines[1].startswith("FAIL core      it holds the station, and its loop does not come round")


def test_core_that_cannot_keep_up_and_whose_log_nobody_reads_judges_on_and_answers_at_once(station: Path) -> None:
    """A pipe that is full would hold up whoever writes to it; here it is full after some thirty lines."""
    overrun = "interval_ms: 20, waits_for_ready: false"
    station.write_text(STATION.replace("interval_ms: 0, parts: 6", overrun))
    data = station.parent / "data"
    with started("run", "--config", station) as process:
        assert process.stderr is not None
        fcntl.fcntl(process.stderr, fcntl.F_SETPIPE_SZ, 4096)
        until(lambda: (beat := read_beat(data)) is not None and beat.sequence > 300, seconds=60)
        for command in ("status", "pause", "resume", "reset"):
            began = time.monotonic()
            assert ask(data / "control.sock", command, timeout_s=10)["is_done"]  # type: ignore[arg-type]
            assert time.monotonic() - began < 5  # of which a part on a busy machine takes most
        assert main(["check", "--config", str(station)]) == 0
        process.terminate()
        _, log = process.communicate(timeout=60)
    assert process.returncode == 0, log
    sequences = [row["sequence"] for row in rows(data)]
    assert len(sequences) > 300
    assert sequences == list(range(1, len(sequences) + 1))


def test_check_says_that_a_running_core_is_not_ready(station: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (station.parent / "bad").write_bytes(b"not a bundle")
    station.write_text(STATION.replace("bundle: demo", "bundle: bad"))
    heartbeat = station.parent / "data" / "heartbeat.json"
    with started("run", "--config", station) as process:
        until(lambda: heartbeat.is_file() and "no valid model" in heartbeat.read_text(), seconds=60)
        assert main(["check", "--config", str(station)]) == 1
        process.terminate()
        process.communicate(timeout=30)
    assert "FAIL core      it runs and is not READY: there is no valid model" in capsys.readouterr().out


def test_check_finds_a_damaged_database(station: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (station.parent / "data").mkdir()
    (station.parent / "data" / "records.sqlite").write_bytes(b"no database" * 100)
    assert main(["check", "--config", str(station)]) == 1
    assert "the database is damaged" in capsys.readouterr().out


def test_web_on_an_address_that_cannot_be_used_says_so(station: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        station.write_text(STATION + f"web: {{port: {taken.getsockname()[1]}}}\n")
        assert main(["web", "--config", str(station)]) == 1
    assert "the page cannot be served at 127.0.0.1" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--config", "gone.yaml"],
        ["web", "--config", "gone.yaml"],
        ["replay", "--bundle", "gone", "."],
        ["replay", "--bundle", "demo", "nowhere"],
        ["replay", "--bundle", "demo", str(ROOT / "models"), "--json", "/nowhere/out"],
        ["bench", "--bundle", "demo", "--parts", "0"],
        ["bench", "--bundle", "."],
        ["demo", "--parts", "0"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_done_is_one_plain_sentence_and_exit_1(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    message = capsys.readouterr().err
    assert message.startswith(f"edge {arguments[0]}: ")
    assert message.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["fly"], ["run"], ["replay", "x"], ["demo", "--parts", "many"]])
def test_wrong_use_is_exit_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    from edge.__main__ import COMMANDS

    for command in COMMANDS:
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0
        assert f"edge {command}" in capsys.readouterr().out


def test_missing_demo_model_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("edge.commands.loading.PACKAGE", tmp_path / "edge")
    with pytest.raises(BundleError, match="the demo model is not there"):
        demo_bundle_path()


def judged(outcome: str, *, label: str | None = None) -> Record:
    reason, distance = {"OK": (Reason.WITHIN_LIMIT, 0.5), "NG": (Reason.TOO_FAR, 2.0)}[outcome]
    found = Verdict(outcome=Outcome(outcome), reason=reason, distance=distance, limit=1.0, nearest_label=label)
    return Record(sequence=1, verdict=found, triggered_ns=0, wall_ns=0, output_ns=10**6)


def test_tally_counts_escapes_overkills_and_named_pins() -> None:
    tally = Tally()
    clear = Defect(kind=DefectKind.BENT_Y, pin="42", amount=12.0)
    small = Defect(kind=DefectKind.BENT_X, pin="11", amount=3.0)
    assert "escape" in tally.count(judged("OK"), clear)
    assert "escape (small)" in tally.count(judged("OK"), small)
    assert "overkill" in tally.count(judged("NG"), None)
    assert "<-" not in tally.count(judged("NG", label="bent_42"), clear)
    tally.count(judged("NG", label="bent_41"), clear)
    tally.count(judged("NG", label="pushed_in_42"), clear)
    summary = tally.summary()
    assert "escapes among clear defects: 1 of 4" in summary
    assert "escapes among small bends:   1 of 1" in summary
    assert "overkills:                   1 of 1 good parts" in summary
    assert "bent pins named by their address: 2 of 3 found, 1 of them as bent" in summary


def test_help_loads_nothing_large() -> None:
    code = (
        "import sys; from edge.__main__ import main\n"
        "try: main(['--help'])\n"
        "finally: print(sorted({'cv2', 'numpy', 'onnxruntime', 'torch', 'starlette', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "replay" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"

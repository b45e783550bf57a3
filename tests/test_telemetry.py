"""onnxruntime tells nobody anything: no file in anybody's home, no thread, no socket.

From 1.29 on its wheels report home unless they are told not to before they are imported. The project does both: it
stays below that version, and says it all the same, for the day when somebody raises the version.
"""

import json
import os
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOOK = """
import json, os, pathlib, sys, threading
def threads(): return len(os.listdir("/proc/self/task"))
def sockets(): return sum(os.readlink(f"/proc/self/fd/{fd}").startswith("socket:") for fd in open_files())
def open_files(): return [fd for fd in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{fd}")]
before = threads()
{work}
import time; time.sleep(1)
home = sorted(str(path) for path in pathlib.Path.home().rglob("*") if path.is_file())
optout = os.environ.get("ORT_DISABLE_TELEMETRY")
print(json.dumps(dict(threads=threads() - before, sockets=sockets(), home=home, optout=optout)))
"""
JUDGE = """
from edge.drivers import open_embedder
from edge.commands.loading import demo_bundle_path
from edge.model_store import read_bundle
bundle = read_bundle(demo_bundle_path())
before = threads()
embedder = open_embedder(bundle)  # imports onnxruntime, loads the network, runs it ten times
assert "onnxruntime" in sys.modules
"""
REPORTER = """
import socket
threading.Thread(target=threading.Event().wait, daemon=True).start()
kept = socket.socket()
pathlib.Path.home().joinpath("deviceid").write_text("1")
"""


def traces(work: str, home: Path) -> dict[str, object]:
    """What a process left behind that did `work` with an empty home."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("ORT_", "XDG_"))}
    environment |= {"HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", LOOK.replace("{work}", work)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        cwd=home,
    )
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_model_is_loaded_and_run_without_file_thread_or_socket(tmp_path: Path) -> None:
    found = traces(JUDGE, tmp_path)
    assert (found["threads"], found["sockets"], found["home"]) == (0, 0, [])
    assert found["optout"] == "1"


def test_one_that_reports_home_would_be_found(tmp_path: Path) -> None:
    found = traces(REPORTER, tmp_path)
    assert (found["threads"], found["sockets"]) == (1, 1)
    assert found["home"] == [str(tmp_path / "deviceid")]


def test_the_version_is_one_that_cannot_report() -> None:
    assert any("onnxruntime" in line and "<1.29" in line for line in requires("kensa") or [])


@pytest.mark.parametrize("unit", ["kensa.service", "kensa-web.service"])
def test_the_service_says_so_too_or_has_no_model(unit: str) -> None:
    text = (ROOT / "systemd" / unit).read_text(encoding="utf-8")
    assert "ORT_DISABLE_TELEMETRY=1" in text or "edge web" in text

"""The core and the page as programs: how soon they are there, what memory they take, what they do while nothing comes.

Each is started as on a device, with a configuration of its own in a temporary folder: pictures of a folder as the
camera, a trigger by command, simulated outputs. Nothing of a station that runs here is touched.
"""

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import cv2
import yaml

from edge.child_process import environment, python
from edge.commands.bench_stages import quantile
from edge.control import ask
from edge.errors import EdgeError
from edge.frame import Frame
from edge.state import Phase

START_S, END_S, CALM_S = 120.0, 20.0, 1.0
PARTS = 20
PART_EVERY_S = 0.2
DATAGRAM_BYTES = 4096
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
USER_TICKS, SYSTEM_TICKS = 11, 12  # of /proc/PID/stat, after the name


def measure_programs(bundle: str, frames: list[Frame], *, idle_s: float) -> dict[str, dict[str, float]]:
    """The core and the page. bundle: a path, or "demo". Raises EdgeError if one of them does not come up.

    core: start_s from its start to READY; idle_cpu_percent of one processor over idle_s; rss_mb then, and peak_mb after
    some parts; first_takt_ms, takt_p50_ms from trigger to outputs, reading the picture's file included.
    page: start_s from its start to the first byte of its first page; rss_mb.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        config = _configure(Path(folder), bundle, frames)
        with _core(Path(folder), config) as (core, start_s):
            time.sleep(CALM_S)
            idle = _cpu_percent(core.pid, idle_s)
            idle_rss_mb = _memory_mb(core.pid, "VmRSS")
            takts = _judge_parts(Path(folder) / "data" / "control.sock")
            found = {
                "start_s": round(start_s, 2),
                "idle_cpu_percent": round(idle, 2),
                "rss_mb": idle_rss_mb,
                "peak_mb": _memory_mb(core.pid, "VmHWM"),
                "first_takt_ms": round(takts[0], 1),
                "takt_p50_ms": round(quantile(sorted(takts), 0.5), 1),
            }
            with _page(config) as (page, page_s):
                return {"core": found, "page": {"start_s": round(page_s, 2), "rss_mb": _memory_mb(page.pid, "VmRSS")}}


def own_memory_mb() -> dict[str, float]:
    """Of this process: now, and the most that it ever had."""
    return {"rss_mb": _memory_mb(os.getpid(), "VmRSS"), "peak_mb": _memory_mb(os.getpid(), "VmHWM")}


def _configure(folder: Path, bundle: str, frames: list[Frame]) -> Path:
    pictures, path = folder / "pictures", folder / "station.yaml"
    pictures.mkdir()
    for number, frame in enumerate(frames[:PARTS]):
        cv2.imwrite(str(pictures / f"{number:03}.png"), frame.pixels)
    station = {
        "station": "bench",
        "bundle": bundle if bundle == "demo" else str(Path(bundle).resolve()),
        "models": {"unsigned": "accept"},
        "data": "data",
        "deadline_ms": 10_000.0,
        "faults_until_halt": 1000,
        "camera": {"driver": "folder", "path": "pictures", "repeat": True},
        "trigger": {"driver": "software"},
        "outputs": {"driver": "simulated"},
        "watch": {"least_free_mb": 0.0, "hottest_c": 100.0},
        "web": {"port": _free_port()},
    }
    path.write_text(yaml.safe_dump(station), encoding="utf-8")
    return path


@contextmanager
def _core(folder: Path, config: Path) -> Iterator[tuple["subprocess.Popen[bytes]", float]]:
    """A core that is READY, as it tells systemd, and after how many seconds it was."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(folder / "notify.sock"))
        began = time.monotonic()
        with _program("run", config, {"NOTIFY_SOCKET": str(folder / "notify.sock")}) as core:
            heard: set[bytes] = set()
            told.settimeout(0.5)
            while not {b"READY=1", f"STATUS={Phase.READY}".encode()} <= heard:
                if core.poll() is not None or time.monotonic() - began > START_S:
                    raise EdgeError(
                        f"the core did not become READY; the last it said: {_last_word(folder / 'run.log')}"
                    )
                with suppress(TimeoutError):
                    heard.add(told.recv(DATAGRAM_BYTES))
            yield core, time.monotonic() - began


@contextmanager
def _page(config: Path) -> Iterator[tuple["subprocess.Popen[bytes]", float]]:
    """A page that has answered, and after how many seconds its first byte came."""
    port = yaml.safe_load(config.read_text(encoding="utf-8"))["web"]["port"]
    began = time.monotonic()
    with _program("web", config, {}) as page:
        while not _answers(port):
            if page.poll() is not None or time.monotonic() - began > START_S:
                raise EdgeError(f"the page did not answer; the last it said: {_last_word(config.parent / 'web.log')}")
            time.sleep(0.005)
        yield page, time.monotonic() - began


@contextmanager
def _program(name: str, config: Path, more: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    command = python("edge", name, "--config", str(config))
    with (config.parent / f"{name}.log").open("wb") as log:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log, env={**environment(), **more})
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(END_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _judge_parts(control: Path) -> list[float]:
    """Trigger to outputs of some parts, in milliseconds."""
    takts = []
    for _ in range(PARTS):
        answer = ask(control, "trigger", timeout_s=START_S)
        takt_ms = answer.get("takt_ms")
        if not isinstance(takt_ms, float | int):
            raise EdgeError(f"the core judged no part: {answer.get('why', answer)}")
        takts.append(float(takt_ms))
        time.sleep(PART_EVERY_S)
    return takts


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return client.recv(1) != b""
    return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _cpu_percent(pid: int, seconds: float) -> float:
    """Of one processor."""
    began, ticks = time.monotonic(), _ticks(pid)
    time.sleep(seconds)
    return 100 * (_ticks(pid) - ticks) / TICKS_A_SECOND / (time.monotonic() - began)


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return int(fields[USER_TICKS]) + int(fields[SYSTEM_TICKS])


def _memory_mb(pid: int, name: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    kilobytes = next((line.split()[1] for line in lines if line.startswith(f"{name}:")), "0")
    return round(int(kilobytes) * 1024 / 1e6, 1)


def _last_word(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "nothing"

"""Whether the page can delay a verdict: the core's takt alone, and with 20 viewers and an upload of garbage.

    python -m tests.benchmarks.page_load [--pairs 3] [--seconds 30]

The core (`edge run`) judges 10 parts a second from a folder of rendered pictures with the demo model. In every second
run `edge web` serves 20 viewers, each with the stream of news and the pictures of new parts as browsers ask for them,
and one client that sends garbage as fast as it is taken. Page and clients have the low priority that the service gives
the page (`Nice=10` in `systemd/kensa-web.service`). Trigger to outputs of all parts but the first 20, from the records;
parts that came while one was judged are counted apart. The core may use the processors that its service may use, and
has the real-time priority that it asks for where this user may give it that (root, or LimitRTPRIO).

It does not imitate: a network between; the browsers' own work, which is done on other machines; processor shares of a
service (`CPUWeight=20`); a Pi.
"""

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import cv2
import numpy as np

from edge.drivers.connector import render
from edge.drivers.connector_part import line_part
from edge.heartbeat import read_beat
from edge.verdict import Reason

PICTURES, VIEWERS, NICE, SKIPPED = 40, 20, 10, 20
INTERVAL_MS = 100
CORE = "1-3"  # CPUAffinity in `systemd/kensa.service`
NAMES = {False: "no page", True: "with page"}
BUSY = Reason.TRIGGER_WHILE_BUSY.value
PARTS = """
    SELECT (output_ns - triggered_ns) / 1e6, reason FROM parts WHERE sequence > ? AND output_ns IS NOT NULL
"""
STATION = """
station: load
bundle: demo
data: {data}
deadline_ms: 5000
faults_until_halt: 1000
camera: {{driver: folder, path: {pictures}, repeat: true}}
trigger: {{driver: interval, interval_ms: {interval}, waits_for_ready: false}}
outputs: {{driver: simulated}}
watch: {{least_free_mb: 0}}
web: {{port: {port}}}
"""
GARBAGE = (
    b"POST /sign-in HTTP/1.1\r\nHost: station\r\nCookie: kensa=x\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n"
)


def make_pictures(folder: Path) -> None:
    """Rendered parts as PNG."""
    folder.mkdir()
    for number in range(PICTURES):
        part = render(seed=54, part=number, defect=line_part(seed=54, number=number))
        cv2.imwrite(str(folder / f"{number:03d}.png"), part)


async def view(port: int) -> None:
    """One browser: the stream of news, and the picture of each new part."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /events HTTP/1.1\r\nHost: station\r\n\r\n")
    last = b""
    while line := await reader.readline():
        if line.startswith(b"id: ") and line != last:
            last = line
            await fetch(port, f"/picture/{int(line[4:])}")


async def fetch(port: int, address: str) -> None:
    """One answer, read to its end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {address} HTTP/1.1\r\nHost: station\r\nConnection: close\r\n\r\n".encode())
    while await reader.read(65536):
        pass
    writer.close()


async def upload(port: int) -> None:
    """Garbage, again and again, until each connection is closed."""
    piece = b"8000\r\n" + os.urandom(0x8000) + b"\r\n"
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(GARBAGE)
            for _ in range(100):
                writer.write(piece)
                await writer.drain()
                if reader.at_eof():
                    break
            writer.close()
        await asyncio.sleep(0)


def attach(port: int) -> None:
    """All clients at once, in a process of their own."""
    os.nice(NICE)

    async def everybody() -> None:
        await asyncio.gather(*(view(port) for _ in range(VIEWERS)), upload(port))

    asyncio.run(everybody())


def wait_until_served(port: int) -> None:
    """Raises RuntimeError if the page does not come up."""
    for _ in range(1200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise RuntimeError("the page does not answer")


@contextmanager
def page(config: Path, port: int) -> Iterator[None]:
    """`edge web` with all its clients."""
    command = ["nice", "-n", str(NICE), sys.executable, "-m", "edge", "web", "--config", str(config)]
    web = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    clients = multiprocessing.Process(target=attach, args=(port,), daemon=True)
    try:
        wait_until_served(port)
        clients.start()
        yield
        if not clients.is_alive() or web.poll() is not None:
            raise RuntimeError("the page or its clients have ended: nothing was measured")
    finally:
        if clients.pid is not None:
            clients.kill()
        web.terminate()
        web.wait(10)


def run(pictures: Path, *, seconds: float, has_page: bool) -> tuple[list[float], int]:
    """Milliseconds from trigger to outputs of each part, and how many came too early."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
        probe.close()
        data, config = Path(folder) / "data", Path(folder) / "station.yaml"
        config.write_text(STATION.format(data=data, pictures=pictures, interval=INTERVAL_MS, port=port))
        core = subprocess.Popen(
            ["taskset", "-c", CORE, sys.executable, "-m", "edge", "run", "--config", str(config)],
            stderr=subprocess.DEVNULL,
        )
        try:
            with page(config, port) if has_page else contextlib.nullcontext():
                wait_until_ready(data)
                time.sleep(seconds)
        finally:
            core.terminate()
            core.wait(20)
        with closing(sqlite3.connect(data / "records.sqlite")) as database:
            rows = database.execute(PARTS, (SKIPPED,)).fetchall()
    return [took_ms for took_ms, reason in rows if reason != BUSY], sum(reason == BUSY for _, reason in rows)


def wait_until_ready(data: Path) -> None:
    """Raises RuntimeError if the core does not come up."""
    for _ in range(600):
        beat = read_beat(data)
        if beat is not None and beat.sequence > SKIPPED:
            return
        time.sleep(0.1)
    raise RuntimeError("the core does not judge")


def told(name: str, times: list[float], busy: int) -> str:
    """One line."""
    p50, p99, most = np.percentile(times, [50, 99, 100])
    return f"{name:10} {len(times):5} parts   p50 {p50:6.1f}   p99 {p99:6.1f}   max {most:6.1f} ms   {busy} too early"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args()
    every: dict[bool, list[float]] = {False: [], True: []}
    busy = {False: 0, True: 0}
    changes = []
    with tempfile.TemporaryDirectory() as folder:
        pictures = Path(folder) / "pictures"
        make_pictures(pictures)
        for pair in range(options.pairs):
            found = {}
            for has_page in (False, True) if pair % 2 == 0 else (True, False):
                found[has_page], early = run(pictures, seconds=options.seconds, has_page=has_page)
                every[has_page] += found[has_page]
                busy[has_page] += early
                print(f"load {os.getloadavg()[0]:4.1f}  {told(NAMES[has_page], found[has_page], early)}", flush=True)
            changes.append(np.percentile(found[True], 99) / np.percentile(found[False], 99) - 1)
    for has_page, times in every.items():
        print(f"all        {told(NAMES[has_page], times, busy[has_page])}")
    change = np.percentile(every[True], 99) / np.percentile(every[False], 99) - 1
    print(f"p99 with page against without: {change:+.1%} of all, {np.median(changes):+.1%} the median of the pairs")


if __name__ == "__main__":
    main()

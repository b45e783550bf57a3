"""A database of a million parts, and how long looking something up in it takes.

    python -m tests.benchmarks.records make FOLDER [--parts 1000000]
    python -m tests.benchmarks.records measure FOLDER    queries, each on a connection of its own
    python -m tests.benchmarks.records pages FOLDER      whole pages, each when nobody has asked before
    python -m tests.benchmarks.records write FOLDER      how long a part takes to be kept, while somebody looks or not

The maps are those of the rendered connector, judged by the demo model, in turns; there are no pictures.
"""

import argparse
import multiprocessing
import sqlite3
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge.commands.loading import demo_bundle_path
from edge.counters import ShiftCounter
from edge.database import FILE_NAME, reading
from edge.drivers import open_embedder
from edge.drivers.clock import SystemClock
from edge.drivers.connector import render
from edge.drivers.connector_part import line_part
from edge.frame import Frame, Pixels
from edge.history import Search, labels, search
from edge.inspection import Inspector
from edge.model_store import arm, name_of, read_bundle
from edge.part_story import nearest_good, story_of
from edge.recorder import Recorder
from edge.takt_times import takts
from edge.trends import points, spans
from edge.verdict import Verdict
from edge.web.trends import PERIODS_S
from tests.recorded import SHIFT_PARTS, SHIFTS_A_DAY, parts, write_parts
from tests.sites import Client, site_of

RUNS = 21
DAY_NS = 86_400 * 10**9


def make(folder: Path, number: int) -> None:
    """Write the database."""
    bundle = read_bundle(demo_bundle_path())
    inspector = arm(bundle, open_embedder(bundle))
    name = name_of(bundle)
    maps, verdicts = connector_maps(inspector, 200)
    began = time.perf_counter()
    models = (replace(name, sha256="0" * 64, serial=0), name)
    days = -(-number // (SHIFT_PARTS * SHIFTS_A_DAY))  # ends today, or the pages would find nothing in their periods
    write_parts(folder, number, maps=maps, verdicts=verdicts, models=models, began_ns=time.time_ns() - days * DAY_NS)
    size = (folder / FILE_NAME).stat().st_size
    took_s = time.perf_counter() - began
    print(f"{number} parts in {took_s:.0f} s, {size / 1e6:.0f} MB, {size / number:.0f} bytes a part")


def connector_maps(inspector: Inspector, number: int) -> tuple[Pixels, tuple[Verdict, ...]]:
    """(number, 36, 39) uint8 of rendered parts, some of them defective, and what the model says of them."""
    seen = [
        inspector.inspect(Frame(pixels=render(seed=9, part=part, defect=line_part(seed=9, number=part, ng_share=0.04))))
        for part in range(number)
    ]
    judged = [(found.cell_map, found.verdict) for found in seen if found.cell_map is not None]
    return np.stack([cell_map for cell_map, _ in judged]), tuple(verdict for _, verdict in judged)


def measure(folder: Path) -> None:
    """Print the median and the slowest of each query, each on a connection of its own."""
    size = (folder / FILE_NAME).stat().st_size
    with reading(folder) as connection:
        query = "SELECT count(*), min(wall_ns), max(wall_ns) FROM parts"
        number, first_ns, last_ns = connection.execute(query).fetchone()
        _print_sizes(connection, number, size)
    week_ago, shift_ago = last_ns - 7 * DAY_NS, last_ns - DAY_NS // 3
    queries: dict[str, Callable[[sqlite3.Connection], object]] = {
        "history: the last 50": lambda found: search(found, Search()),
        "history: NG of a week": lambda found: search(found, Search(outcomes=("NG",), since_ns=week_ago)),
        "history: one label, a day in the middle": lambda found: search(
            found, Search(label="bent_42", since_ns=first_ns + 10 * DAY_NS, until_ns=first_ns + 11 * DAY_NS)
        ),
        "history: OK near the limit, rare": lambda found: search(found, Search(outcomes=("OK",), least_margin=0.9)),
        "history: margin of most parts": lambda found: search(found, Search(least_margin=0.05)),
        "history: nothing to be found": lambda found: search(found, Search(label="unheard of")),
        "history: labels to choose from": labels,
        "history: NG page 100": lambda found: search(found, Search(outcomes=("NG",), before=number * 5 // 6)),
        "trends: everything": lambda found: spans(found, since_ns=first_ns, until_ns=last_ns),
        "trends: a week": lambda found: spans(found, since_ns=week_ago, until_ns=last_ns),
        "trends: a shift": lambda found: spans(found, since_ns=shift_ago, until_ns=last_ns),
        "trends: an hour, part by part": lambda found: points(found, since_ns=last_ns - DAY_NS // 24, until_ns=last_ns),
        "takts: everything": lambda found: takts(found, since_ns=first_ns, until_ns=last_ns),
        "takts: a shift": lambda found: takts(found, since_ns=shift_ago, until_ns=last_ns),
        "counters: a shift, from nothing": lambda found: ShiftCounter().counts(found, since_ns=shift_ago),
        "last part: its story": lambda found: story_of(found, number),
        "last part: its story and nearest good part": lambda found: _page_of(found, number),
    }
    for name, query in queries.items():
        walls, works = zip(*_times_ms(folder, query), strict=True)
        _print_times(name, walls, works)


def pages(folder: Path) -> None:
    """Print the median and the slowest of each page, and how much it is."""
    with reading(folder) as connection:
        number, last_ns = connection.execute("SELECT max(sequence), max(wall_ns) FROM parts").fetchone()
    print(f"the last of {number} parts is {(time.time_ns() - last_ns) / DAY_NS:.1f} days old")
    addresses = ["/", "/history", "/history?outcome=NG", "/history?label=bent_42", f"/part/{number}"]
    addresses += [f"/trends{what}?period={period}" for what in ("", "/data") for period in PERIODS_S]
    for address in addresses:
        walls, works = [], []
        for _ in range(RUNS):
            client = Client(site_of(folder))
            client.get("/sign-in")  # templates, threads
            began, began_work = time.perf_counter(), time.process_time()
            answer = client.get(address)
            walls.append(1000 * (time.perf_counter() - began))
            works.append(1000 * (time.process_time() - began_work))
            assert answer.status_code == 200, (address, answer.status_code)
        _print_times(address, walls, works)


def write(folder: Path, pairs: int = 4, parts_each: int = 50) -> None:
    """Print how long parts take to the disk, alone and while another process looks things up all the time."""
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 255, (480, 640, 3), dtype=np.uint8)
    kept_ms: dict[bool, list[float]] = {False: [], True: []}
    with Recorder(folder, clock=SystemClock()) as recorder:
        recorder.accept_clock()
        for is_looked_at in [False, True] * pairs:
            looking = multiprocessing.get_context("spawn").Process(target=_look, args=(folder,), daemon=True)
            if is_looked_at:
                looking.start()
                time.sleep(3)
            for record in parts(parts_each, first=recorder.next_sequence):
                shown = replace(record, wall_ns=time.time_ns(), working=frame[:288, :312], frame=frame)
                began = time.perf_counter()
                recorder.begin(shown.sequence)
                recorder.put(shown)
                assert recorder.wait_until_kept(timeout_ms=60_000)
                kept_ms[is_looked_at].append(1000 * (time.perf_counter() - began))
            if is_looked_at:
                looking.kill()
                looking.join()
    for is_looked_at, times in kept_ms.items():
        words = "while somebody looks" if is_looked_at else "alone"
        low, high = statistics.median(times), statistics.quantiles(times, n=100)[98]
        print(f"kept on the disk, {words:22} median {low:6.1f} ms, p99 {high:6.1f} ms of {len(times)} parts")


def _look(folder: Path) -> None:
    while True:
        with reading(folder) as connection:
            since_ns = connection.execute("SELECT wall_ns FROM parts ORDER BY sequence DESC LIMIT 1").fetchone()[0]
            spans(connection, since_ns=since_ns - 30 * DAY_NS, until_ns=since_ns)
            takts(connection, since_ns=since_ns - 30 * DAY_NS, until_ns=since_ns)
            search(connection, Search(outcomes=("NG",)))


def _page_of(connection: sqlite3.Connection, number: int) -> object:
    story = next(story for sequence in range(number, 0, -1) if (story := story_of(connection, sequence)) and story.model
                 and story.cell_map is not None)  # fmt: skip
    return nearest_good(connection, story)


def _times_ms(folder: Path, query: Callable[[sqlite3.Connection], object]) -> list[tuple[float, float]]:
    """Of each run: on the wall, and of the processor, which other programs do not slow down as much."""
    times = []
    for _ in range(RUNS):
        began, began_work = time.perf_counter(), time.process_time()
        with reading(folder) as connection:
            query(connection)
        times.append((1000 * (time.perf_counter() - began), 1000 * (time.process_time() - began_work)))
    return times


def _print_times(name: str, walls: Sequence[float], works: Sequence[float]) -> None:
    print(f"{name:45} median {statistics.median(walls):7.1f} ms, slowest {max(walls):7.1f} ms; "
          f"processor {statistics.median(works):7.1f} ms")  # fmt: skip


def _print_sizes(connection: sqlite3.Connection, number: int, size: int) -> None:
    print(f"{number} parts, {size / 1e6:.0f} MB, {size / number:.0f} bytes a part")
    query = "SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC LIMIT 6"
    for name, taken in connection.execute(query).fetchall():
        print(f"  {name:20} {taken / number:7.1f} bytes a part")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("make", "measure", "pages", "write"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--parts", type=int, default=1_000_000)
    options = parser.parse_args()
    if options.what == "make":
        make(options.folder, options.parts)
    elif options.what == "measure":
        measure(options.folder)
    elif options.what == "pages":
        pages(options.folder)
    else:
        write(options.folder)


if __name__ == "__main__":
    main()

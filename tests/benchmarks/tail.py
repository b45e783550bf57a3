"""The tail of a whole core, and what each measure against it is worth.

    python -m tests.benchmarks.tail [--rounds 3] [--parts 300] [--gap-ms 50] [--load DIR] [--only NAME ...] [--json OUT]
    python -m tests.benchmarks.tail --only "as it is" --rounds 1 --parts 20000 --gap-ms 30     # 10 minutes, quiet

`edge run` judges rendered pictures from a folder with the demo model, a part every so often (gap-ms, from trigger to
trigger), and records each. In every round each way runs once, in an order that changes; a way is the core with one
measure undone (or one more taken). The first parts of a run are left out. What is compared is the inspection, all its
stages without the camera, from the records; and trigger to outputs, in which reading the picture's file is.

--load: all processors compute and files are written and synced in a folder meanwhile, with no priority.

It does not imitate: a camera (reading a PNG takes the place of it), wires, a Pi.
"""

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, nullcontext
from pathlib import Path

from edge.child_process import environment
from edge.commands.bench_load import load
from edge.commands.bench_machine import conditions, machine
from edge.commands.bench_stages import BUDGET, quantile
from tests.benchmarks.page_load import make_pictures

SKIPPED = 20
START_S = 120.0
CORE = "import sys; from edge.__main__ import main; sys.exit(main(sys.argv[1:]))"
AS_IT_IS = "as it is"
WAYS = {
    AS_IT_IS: "",
    "garbage collected as Python does": "import gc; gc.freeze = gc.disable = lambda: None; gc.collect = lambda *_: 0",
    "garbage not frozen": "import gc; gc.freeze = lambda: None",
    "no real-time priority": "import edge.priority as p; p._set = lambda _: False",
    "memory not locked": "import edge.commands.run as r; r.stay_in_memory = lambda: True",
    "the line's threads on one processor, the rest on the others": (
        "import os, edge.priority as p; every = sorted(os.sched_getaffinity(0)); "
        "os.sched_setaffinity(0, every[:-1]); "
        "set_ = p._set; p._set = lambda n: (n == p.LINE and os.sched_setaffinity(0, every[-1:]), set_(n))[1]"
    ),
    "the whole core on one processor": ("import os; os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})"),
}
STATION = """
station: tail
bundle: demo
data: {data}
deadline_ms: 5000
faults_until_halt: 1000
camera: {{driver: folder, path: {pictures}, repeat: true}}
trigger: {{driver: interval, interval_ms: {interval}, parts: {parts}}}
outputs: {{driver: simulated}}
watch: {{least_free_mb: 0, hottest_c: 100}}
records: {{pictures: {{ok_every: 100}}}}
"""


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parts", type=int, default=300)
    parser.add_argument("--gap-ms", type=float, default=50.0)
    parser.add_argument("--load", type=Path, metavar="DIR")
    parser.add_argument("--only", nargs="+", choices=WAYS, default=list(WAYS), metavar="NAME")
    parser.add_argument("--json", type=Path, metavar="OUT")
    options = parser.parse_args()
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in options.only}
    before = conditions()
    with tempfile.TemporaryDirectory() as folder:
        pictures = Path(folder) / "pictures"
        make_pictures(pictures)
        for number in range(options.rounds):
            first = number % len(options.only)
            for name in (*options.only[first:], *options.only[:first]):
                with load(options.load) if options.load else nullcontext():
                    times[name] += run(name, pictures, parts=options.parts, gap_ms=options.gap_ms)
    how = f"machine loaded in {options.load}" if options.load else "nothing else started"
    parts = f"{options.rounds} x {options.parts} parts, one every {options.gap_ms:g} ms"
    print(f"{parts}; {how}; {machine().model}, {before}")
    print(as_markdown(times))
    if options.json:
        options.json.write_text(json.dumps(times) + "\n", encoding="utf-8")


def run(name: str, pictures: Path, *, parts: int, gap_ms: float) -> list[tuple[float, float]]:
    """Milliseconds of the inspection, and from trigger to outputs, of each part of one core."""
    with tempfile.TemporaryDirectory() as folder:
        data, config = Path(folder) / "data", Path(folder) / "station.yaml"
        config.write_text(
            STATION.format(data=data, pictures=pictures, interval=float(gap_ms), parts=parts + SKIPPED),
            encoding="utf-8",
        )
        code = f"{WAYS[name]}\n{CORE}"
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", code, "run", "--config", str(config)],
            stderr=subprocess.PIPE,
            env=environment(),
            timeout=START_S + 10 * (parts + SKIPPED) * max(gap_ms, 50.0) / 1000,
        )
        if done.returncode != 0:
            raise SystemExit(
                f"{name}: the core ended after {time.monotonic() - began:.0f} s: {done.stderr.decode()[-500:]}"
            )
        with closing(sqlite3.connect(data / "records.sqlite")) as database:
            rows = database.execute(PARTS, (SKIPPED,)).fetchall()
    return [(sum_of(stages), takt_ms) for stages, takt_ms in rows]


PARTS = "SELECT stages_ms, (output_ns - triggered_ns) / 1e6 FROM parts WHERE sequence > ? AND output_ns IS NOT NULL"


def sum_of(stages: str) -> float:
    """Of a record's stages, those of the inspection."""
    return sum(took for name, took in json.loads(stages).items() if name not in ("wait", "capture"))


def as_markdown(times: dict[str, list[tuple[float, float]]]) -> str:
    """One row a way: the inspection, and trigger to outputs."""
    lines = [
        "",
        f"| core | inspection p50 | p99 | p99.9 | max, ms | p99.9 / p50 | beyond {BUDGET} p50 | takt p50 | p99.9, ms |",
    ]
    lines.append("|---|" + "---|" * 8)
    for name, both in times.items():
        inspection, takt = (sorted(column) for column in zip(*both, strict=True))
        p50, p99, far = (quantile(inspection, share) for share in (0.5, 0.99, 0.999))
        missed = sum(value > BUDGET * p50 for value in inspection)
        own = f"{p50:.2f} | {p99:.2f} | {far:.2f} | {inspection[-1]:.2f} | {far / p50:.2f} | {missed} of {len(both)}"
        lines.append(f"| {name} | {own} | {quantile(takt, 0.5):.2f} | {quantile(takt, 0.999):.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()

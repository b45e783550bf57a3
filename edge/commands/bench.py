"""`edge bench`: how long each stage takes on this machine, with a model and real pictures."""

import argparse
import gc
import json
import math
import time
from dataclasses import fields
from itertools import cycle, islice
from pathlib import Path

from edge.bundle import Bundle
from edge.commands.assembly import bundle_path, load_inspector
from edge.errors import EdgeError
from edge.frame import Frame
from edge.inspection import Inspector, StageTimes
from edge.pictures import list_pictures, read_picture

WARM_UP_PARTS = 20
SHARES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
MOST_FRAMES = 50  # held in memory


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `edge bench` takes."""
    parser.add_argument("--bundle", required=True, help='path of a model bundle, or "demo" for the one that ships')
    parser.add_argument("--frames", type=Path, metavar="DIR", help="pictures to judge; the golden ones otherwise")
    parser.add_argument("--parts", type=int, default=500, metavar="N")
    parser.add_argument("--json", type=Path, metavar="OUT")


def run(options: argparse.Namespace) -> int:
    """Judge the pictures over and over, one after the other, and print what each stage took."""
    if options.parts < 1:
        raise EdgeError(f"--parts {options.parts}: at least one part is needed")
    bundle, inspector = load_inspector(bundle_path(options.bundle))
    frames = _frames(bundle, options.frames)
    measured = {
        stage: {name: round(quantile(values, share), 3) for name, share in SHARES.items()}
        for stage, values in measure(inspector, frames, options.parts).items()
    }
    print(f"{options.parts} parts, {len(frames)} pictures of {frames[0].width}x{frames[0].height}, ms; without camera")
    print(f"{'':8}" + "".join(f"{name:>9}" for name in SHARES))
    for stage, row in measured.items():
        print(f"{stage:8}" + "".join(f"{row[name]:9.2f}" for name in SHARES))
    if options.json:
        _write(options.json, {"parts": options.parts, "pictures": len(frames), "unit": "ms", "stages": measured})
    return 0


def measure(inspector: Inspector, frames: list[Frame], parts: int) -> dict[str, list[float]]:
    """Milliseconds of each stage and of the whole, sorted; as in the station, rubbish is collected between parts."""
    names = [field.name for field in fields(StageTimes)]
    taken: dict[str, list[float]] = {name.removesuffix("_ms"): [] for name in (*names, "whole")}
    gc.disable()
    try:
        for number, frame in enumerate(islice(cycle(frames), parts + WARM_UP_PARTS)):
            began_ns = time.perf_counter_ns()
            times = inspector.inspect(frame).times
            whole_ms = (time.perf_counter_ns() - began_ns) / 1e6
            gc.collect(0)
            if number < WARM_UP_PARTS:
                continue
            for name in names:
                taken[name.removesuffix("_ms")].append(getattr(times, name))
            taken["whole"].append(whole_ms)
    finally:
        gc.enable()
    return {stage: sorted(values) for stage, values in taken.items()}


def quantile(values: list[float], share: float) -> float:
    """The smallest measured value that at least this share of the values does not exceed."""
    return values[max(0, math.ceil(share * len(values)) - 1)]


def _frames(bundle: Bundle, folder: Path | None) -> list[Frame]:
    if folder is None:
        return [golden.frame for golden in bundle.golden]
    return [read_picture(path) for path in list_pictures(folder, is_recursive=True)[:MOST_FRAMES]]


def _write(path: Path, found: dict[str, object]) -> None:
    try:
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise EdgeError(f"{path}: cannot be written: {error.strerror}") from error

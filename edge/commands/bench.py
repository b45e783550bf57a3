"""`edge bench`: how long each stage takes on this machine, with a model and real pictures; memory, start-up, idling."""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from edge.commands.bench_load import check_folder, load
from edge.commands.bench_machine import conditions, machine
from edge.commands.bench_programs import measure_programs, own_memory_mb
from edge.commands.bench_stages import BUDGET, SHARES, Measured, measure, summary, tail
from edge.commands.loading import bundle_path, load_inspector
from edge.errors import EdgeError
from edge.frame import Frame
from edge.joined import Model
from edge.pictures import list_pictures, read_picture
from edge.priority import before_other_programs, go_first

MOST_FRAMES = 50  # held in memory
MOST_PARTS, LONGEST_GAP_MS = 10_000_000, 60_000.0
IDLE_S = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `edge bench` takes."""
    parser.add_argument("--bundle", required=True, help='path of a model bundle, or "demo" for the one that ships')
    parser.add_argument("--frames", type=Path, metavar="DIR", help="pictures to judge; the golden ones otherwise")
    parser.add_argument("--parts", type=int, default=500, metavar="N")
    parser.add_argument("--gap-ms", type=float, default=20.0, metavar="MS", help="idle before each part; 20 otherwise")
    parser.add_argument(
        "--load",
        type=Path,
        nargs="?",
        const=Path(),
        metavar="DIR",
        help="once more while all processors compute and files are written and synced in DIR (this folder otherwise)",
    )
    parser.add_argument("--stages-only", action="store_true", help="without starting the core and the page")
    parser.add_argument("--json", type=Path, metavar="OUT")


def run(options: argparse.Namespace) -> int:
    """Judge the pictures over and over, and print what each stage took; then start the core and the page."""
    _check(options)
    model, inspector = load_inspector(bundle_path(options.bundle))
    frames = _frames(model, options.frames)
    found: dict[str, object] = {
        "parts": options.parts,
        "pictures": len(frames),
        "frame": [frames[0].width, frames[0].height],
        "gap_ms": options.gap_ms,
        "unit": "ms",
        "machine": asdict(machine()),
        "before": asdict(conditions()),
    }
    with before_other_programs() as has_priority:
        go_first()
        found["has_real_time_priority"] = has_priority
        _print_heading(options, frames, has_priority=has_priority)
        measured = measure(inspector, frames, options.parts, gap_ms=options.gap_ms)
        found |= _findings(measured)
        _print_stages(measured)
        if options.load is not None:
            with load(options.load) as by:
                loaded = measure(inspector, frames, options.parts, gap_ms=options.gap_ms)
            found["under_load"] = {"by": by, **_findings(loaded, budget_ms=_budget_ms(measured))}
            print(f"\nthe same while the machine is loaded: {by}")
            _print_stages(loaded, budget_ms=_budget_ms(measured))
    found["memory"] = memory = own_memory_mb()
    found["after"] = asdict(after := conditions())
    print(f"\nthis process: {memory['rss_mb']:.0f} MB, at most {memory['peak_mb']:.0f}; {after}")
    _write(options.json, found)
    if not options.stages_only:
        programs = measure_programs(options.bundle, frames, idle_s=IDLE_S)
        _print_programs(programs)
        _write(options.json, found | programs)
    return 0


def _check(options: argparse.Namespace) -> None:
    if not 1 <= options.parts <= MOST_PARTS:
        raise EdgeError(f"--parts {options.parts}: from 1 to {MOST_PARTS}")
    if not 0 <= options.gap_ms <= LONGEST_GAP_MS:
        raise EdgeError(f"--gap-ms {options.gap_ms:g}: from 0 to {LONGEST_GAP_MS:g}")
    if options.load is not None:
        check_folder(options.load)
    _write(options.json, {})  # rather now than after all the measuring


def _findings(measured: Measured, *, budget_ms: float | None = None) -> dict[str, object]:
    return {
        "stages": summary(measured.stages),
        "first_ms": round(measured.first_ms, 3),
        "page_faults_per_part": round(measured.page_faults, 3),
        "tail": tail(measured.stages["whole"], budget_ms=budget_ms or _budget_ms(measured)),
    }


def _budget_ms(measured: Measured) -> float:
    return BUDGET * summary(measured.stages)["whole"]["p50"]


def _print_heading(options: argparse.Namespace, frames: Sequence[Frame], *, has_priority: bool) -> None:
    here = machine()
    print(
        f"{options.parts} parts, {len(frames)} pictures of {frames[0].width}x{frames[0].height}, "
        f"{options.gap_ms:g} ms idle before each, ms; without camera\n"
        f"{here.model}, {here.processors} processors; {conditions()}; "
        f"{'with' if has_priority else 'without'} real-time priority\n"
    )


def _print_stages(measured: Measured, *, budget_ms: float | None = None) -> None:
    print(f"{'':8}" + "".join(f"{name:>9}" for name in SHARES))
    for stage, row in summary(measured.stages).items():
        print(f"{stage:8}" + "".join(f"{row[name]:9.2f}" for name in SHARES))
    budget_ms = budget_ms or _budget_ms(measured)
    far = tail(measured.stages["whole"], budget_ms=budget_ms)
    print(
        f"first part {measured.first_ms:.2f}; p99.9 is {far['p99.9_of_p50']:.2f} times p50; later than {budget_ms:.1f} "
        f"({BUDGET} times the calm p50): {far['missed']:g}; {measured.page_faults:.2f} page faults a part"
    )


def _print_programs(programs: Mapping[str, Mapping[str, float]]) -> None:
    core, page = programs["core"], programs["page"]
    print(
        f"core: READY after {core['start_s']:.2f} s; {core['rss_mb']:.0f} MB, at most {core['peak_mb']:.0f}; "
        f"{core['idle_cpu_percent']:.1f} % of a processor while it waits\n"
        f"      trigger to outputs with pictures from files: first part {core['first_takt_ms']:.1f} ms, "
        f"then p50 {core['takt_p50_ms']:.1f}\n"
        f"page: first byte after {page['start_s']:.2f} s; {page['rss_mb']:.0f} MB"
    )


def _frames(model: Model, folder: Path | None) -> list[Frame]:
    if folder is None:
        return [golden.frame for bundle in model.kinds for golden in bundle.golden]
    return [read_picture(path) for path in list_pictures(folder, is_recursive=True)[:MOST_FRAMES]]


def _write(path: Path | None, found: Mapping[str, object]) -> None:
    if path is None:
        return
    try:
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise EdgeError(f"{path}: cannot be written: {error.strerror}") from error

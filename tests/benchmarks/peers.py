"""How fast a frame is judged, against the floor and against other ways of judging it, all in the same run.

    python -m tests.benchmarks.peers [--rounds 30] [--bundle demo] [--frames DIR] [--json OUT]

In every round each judges the same frame once, in an order that changes; one thread each. Each finds its caches emptied
by those before it, as a station does after idle time. A ratio is that of one round; the table has the median of all
rounds and, in brackets, where the middle 80 % lie. What is compared is the processor's time (of all threads), without
what other programs took away; on a quiet machine the time that passes is the same, and it stands beside it.

Floor and peers are described in `tests/benchmarks/peer_models.py`. It does not imitate: a camera, a Pi (other
processors have other ratios: run it there), trained weights (which cost the same), peers in int8 or on several cores.
How the cost grows is told by `python -m tests.benchmarks.growth`.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2

from edge.bundle import Bundle
from edge.commands.bench_machine import conditions, machine
from edge.commands.bench_stages import quantile, rubbish_between_parts
from edge.commands.loading import bundle_path
from edge.drivers import open_embedder
from edge.frame import Frame
from edge.inspection import Inspector
from edge.model_store import arm, read_bundle
from edge.pictures import list_pictures, read_picture
from tests.benchmarks.peer_models import PEERS, Floor, Judge, Ours

WARM_UP_ROUNDS = 2
SPREAD = (0.1, 0.9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Of one judge, over the rounds. ratio: its processor's time / ours, of one round: low, median, high."""

    name: str
    cpu_ms: float
    passed_ms: float
    ratio: tuple[float, float, float]


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--bundle", default="demo")
    parser.add_argument("--frames", type=Path, metavar="DIR", help="the bundle's golden pictures otherwise")
    parser.add_argument("--json", type=Path, metavar="OUT")
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    bundle = read_bundle(bundle_path(options.bundle))
    inspector = arm(bundle, open_embedder(bundle))
    frames = [golden.frame for golden in bundle.golden]
    if options.frames:
        frames = [read_picture(path) for path in list_pictures(options.frames, is_recursive=True)]
    before = conditions()
    rows = compare(judges_of(bundle, inspector), frames, rounds=options.rounds)
    print(
        as_markdown(rows, f"{frames[0].width}x{frames[0].height}, {options.rounds} rounds, {machine().model}, {before}")
    )
    if options.json:
        found = {row.name: {"cpu_ms": row.cpu_ms, "passed_ms": row.passed_ms, "ratio": row.ratio} for row in rows}
        options.json.write_text(json.dumps({"load": before.load, "rows": found}, indent=1) + "\n", encoding="utf-8")


def judges_of(bundle: Bundle, inspector: Inspector) -> list[Judge]:
    """Ours first, then the floor, then the peers."""
    return [Ours(inspector), Floor(bundle), *(peer() for peer in PEERS)]


def compare(judges: Sequence[Judge], frames: Sequence[Frame], *, rounds: int) -> list[Row]:
    """Rows in the order of the judges; the first one is what the others are compared with."""
    taken: list[list[tuple[float, float]]] = [[] for _ in judges]
    with rubbish_between_parts():
        for number in range(rounds + WARM_UP_ROUNDS):
            frame = frames[number % len(frames)]
            first = number % len(judges)
            for place in [*range(first, len(judges)), *range(first)]:
                taken[place].append(_timed(judges[place], frame))
    ours = [cpu_ms for cpu_ms, _ in taken[0][WARM_UP_ROUNDS:]]
    return [_row(judge.name, times[WARM_UP_ROUNDS:], ours) for judge, times in zip(judges, taken, strict=True)]


def as_markdown(rows: Sequence[Row], told: str) -> str:
    """The table; told: of what, where and when."""
    lines = [told, "", "| judge | ms of the processor | ms that passed | time against the first |", "|---|---|---|---|"]
    for row in rows:
        low, middle, high = row.ratio
        lines.append(
            f"| {row.name} | {row.cpu_ms:.2f} | {row.passed_ms:.2f} | {middle:.2f} ({low:.2f} to {high:.2f}) |"
        )
    return "\n".join(lines)


def _timed(judge: Judge, frame: Frame) -> tuple[float, float]:
    """Milliseconds of the processor, and those that passed."""
    began_ns, cpu_ns = time.perf_counter_ns(), time.process_time_ns()
    judge.judge(frame)
    return (time.process_time_ns() - cpu_ns) / 1e6, (time.perf_counter_ns() - began_ns) / 1e6


def _row(name: str, times: Sequence[tuple[float, float]], ours: Sequence[float]) -> Row:
    ratios = sorted(cpu_ms / own for (cpu_ms, _), own in zip(times, ours, strict=True))
    low, high = (quantile(ratios, share) for share in SPREAD)
    cpu_ms, passed_ms = (quantile(sorted(column), 0.5) for column in zip(*times, strict=True))
    return Row(name=name, cpu_ms=cpu_ms, passed_ms=passed_ms, ratio=(low, quantile(ratios, 0.5), high))


if __name__ == "__main__":
    main()

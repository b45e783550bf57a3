"""How the cost of a part grows: with the picture's size, the map's grid, and the number of known defects.

    python -m tests.benchmarks.growth [--rounds 30] [--json OUT]

The demo model is grown without being trained anew: its pictures and references are resized, its network is one of the
same kind with random weights where the grid is another. That costs what a trained one would; its verdicts mean
nothing. Rounds, ratios and their spread as in `tests/benchmarks/peers.py`.

With a scaled stream the camera itself makes the small picture, so a frame of any sensor costs what that picture costs.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import cv2

from edge.bundle import Bundle
from edge.commands.bench_machine import conditions, machine
from edge.commands.loading import demo_bundle_path
from edge.drivers import open_embedder
from edge.frame import Frame
from edge.inspection import Inspector
from edge.model_store import read_bundle
from edge.settings import Grid
from tests.benchmarks.grown import with_frame, with_grid, with_labels
from tests.benchmarks.peer_models import Judge
from tests.benchmarks.peers import as_markdown, compare

FRAMES = ((1280, 960), (1640, 1232), (2592, 1944))
GRIDS = (
    Grid(rows=18, columns=20, cell_px=16),
    Grid(rows=18, columns=20),
    Grid(rows=54, columns=58),
    Grid(rows=72, columns=78),
)
LABELS = (0, 1000)


class Grown(Judge):
    """A grown model with frames of its own."""

    def __init__(self, name: str, bundle: Bundle) -> None:
        """Raises ValueError if its frames cannot be judged to the end, which would cost less."""
        self.name = name
        self._inspector = Inspector(bundle, open_embedder(bundle))
        self._frames = [golden.frame for golden in bundle.golden]
        self._next = 0
        for frame in self._frames:
            verdict = self._inspector.inspect(frame).verdict
            if verdict.distance is None:
                raise ValueError(f"{name}: {verdict.detail}")

    def judge(self, frame: Frame) -> float:
        """Its own next frame; the one that is given only keeps the rounds."""
        self._next = (self._next + 1) % len(self._frames)
        return self._inspector.inspect(self._frames[self._next]).verdict.distance or 0.0


def grown_models() -> list[Judge]:
    """The demo model first, then larger and smaller ones."""
    demo = read_bundle(demo_bundle_path())
    found: list[Judge] = [Grown("640x480, 36x39 cells, 109 defects", demo)]
    found += [Grown(f"frame {width}x{height}", with_frame(demo, width, height)) for width, height in FRAMES]
    for grid in GRIDS:
        name = f"grid {grid.rows}x{grid.columns} of {grid.cell_px} px: working picture {grid.width_px}x{grid.height_px}"
        found.append(Grown(name, with_grid(demo, grid)))
    return found + [Grown(f"{count} known defects", with_labels(demo, count)) for count in LABELS]


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--json", type=Path, metavar="OUT")
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    before = conditions()
    frame = read_bundle(demo_bundle_path()).golden[0].frame
    rows = compare(grown_models(), [frame], rounds=options.rounds)
    print(as_markdown(rows, f"{options.rounds} rounds, {machine().model}, {before}"))
    if options.json:
        found = {row.name: {"cpu_ms": row.cpu_ms, "ratio": row.ratio} for row in rows}
        options.json.write_text(json.dumps({"load": before.load, "rows": found}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

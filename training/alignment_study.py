"""How well parts are found on pictures moved by known amounts: `python -m training.alignment_study DATA… [--json OUT]`.

DATA is a folder as for `training fit`, of which only the good training pictures are looked at, a pattern of picture
files in quotes, or the word `connector` for rendered ones. Every second picture makes the reference, the others are
moved. What is found in the moved picture is compared with what is found in the picture as it was, moved on paper.
"""

import argparse
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edge.alignment import Aligner, Placement
from edge.drivers.connector import render
from edge.errors import EdgeError, NotJudged, PictureError
from edge.frame import Frame, Pixels
from edge.pictures import read_picture
from edge.settings import AlignmentMode, MapSettings
from training.alignment_limits import smallest_fit
from training.alignment_mode import choose_mode
from training.dataset import GOOD, open_dataset
from training.moved_pictures import (
    Disturbance,
    Motion,
    as_it_is,
    drawn_motion,
    emptied,
    noisy,
    relit,
    spoilt,
)
from training.registration import evenly, place_good_parts

Errors = npt.NDArray[np.float64]

PICTURES = 24  # of each set
FEWEST = 4
MOTIONS = 3  # of each picture
RIM_ERROR_PX = 0.5  # of the working picture: more does not count as found


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What is done to pictures. shift: share of the longer side. is_in_range: whether the part should be found."""

    name: str
    shift: tuple[float, float] = (0.0, 0.0)
    degrees: tuple[float, float] = (0.0, 0.0)
    disturbance: Disturbance = as_it_is
    is_in_range: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One set under one condition. Errors as mean, 95 % and largest, in pixels of the frame and degrees, if known.

    found: share with an error below half a working pixel at the rim. off: of the others, how many were not refused.
    """

    data: str
    mode: str
    condition: str
    pictures: int
    shift_error_px: tuple[float, float, float] | None
    rotation_error_degrees: tuple[float, float, float] | None
    is_in_range: bool
    found: float
    faults: int
    off_and_judged: int


def conditions(mode: AlignmentMode) -> list[Condition]:
    """Within the range, within it and disturbed, and beyond it."""
    turn, shift = ((0.0, 10.0) if mode is AlignmentMode.FIXTURE else (0.0, 180.0)), (0.0, 0.05)
    within = [
        Condition(name="shift to 5 %", shift=shift),
        Condition(name=f"rotation to {turn[1]:.0f}°", degrees=turn),
        Condition(name="both", shift=shift, degrees=turn),
    ]
    disturbed = [
        Condition(name=f"both, {name}", shift=shift, degrees=turn, disturbance=disturbance)
        for name, disturbance in (("light ±30 %", relit), ("noise 8 levels", noisy), ("defect of 10 %", spoilt))
    ]
    beyond = [Condition(name="shift 15 %", shift=(0.15, 0.15), is_in_range=False)]
    if mode is AlignmentMode.FIXTURE:
        beyond.append(Condition(name="rotation 25°", degrees=(25.0, 25.0), is_in_range=False))
    return [*within, *disturbed, *beyond, Condition(name="no part", disturbance=emptied, is_in_range=False)]


class Study:
    """One set of good pictures in one mode."""

    def __init__(self, name: str, frames: Sequence[Frame], mode: AlignmentMode | None) -> None:
        if mode is AlignmentMode.ANY_ANGLE:
            frames = [_within_the_short_side(frame) for frame in frames]
        settings = MapSettings() if frames[0].is_colour else MapSettings().for_grey()
        self.name = name
        self.choice = choose_mode(frames[::2], settings)
        self.mode = mode or self.choice.mode
        self._placer, _ = place_good_parts(frames[::2], settings.aligned(self.mode))
        self.smallest_fit = smallest_fit(self._placer, frames[::2], np.random.default_rng(0))
        self._frames = frames[1::2]
        self._starts = [self._align(frame.pixels) for frame in self._frames]

    def measure(self, condition: Condition) -> Row:
        """One row of the table."""
        random = np.random.default_rng(0)
        shifts, turns, is_fault = [], [], []
        for frame, start in zip(self._frames, self._starts, strict=True):
            for _ in range(MOTIONS):
                motion = drawn_motion(random, frame.pixels, shift=condition.shift, degrees=condition.degrees)
                found = self._align(condition.disturbance(motion.of(frame.pixels), random))
                shift, turn = self._error(motion, start, found)
                shifts.append(shift)
                turns.append(turn)
                is_fault.append(self._is_fault(found))
        return self._row(condition, np.array(shifts), np.array(turns), np.array(is_fault))

    def foreign(self, others: Sequence[Frame]) -> Row:
        """The row of pictures that show something else."""
        size = (self._frames[0].width, self._frames[0].height)
        pictures = [cv2.resize(frame.pixels, size, interpolation=cv2.INTER_AREA) for frame in others]
        is_fault = [self._is_fault(self._align(np.asarray(picture, dtype=np.uint8))) for picture in pictures]
        errors = np.full(len(others), math.inf)
        condition = Condition(name="another part", is_in_range=False)
        return self._row(condition, errors, errors, np.array(is_fault))

    def _align(self, pixels: Pixels) -> Placement:
        return self._placer.aligner.align(self._placer.small_grey(Frame(pixels=np.ascontiguousarray(pixels))))

    def _is_fault(self, found: Placement) -> bool:
        try:
            self._placer.aligner.check(found, smallest_fit=self.smallest_fit)
        except NotJudged:
            return True
        return False

    def _error(self, motion: Motion, start: Placement, found: Placement) -> tuple[float, float]:
        """Pixels of the frame and degrees between where the part is found and where it was moved to."""
        scale = self._placer.small_grey(self._frames[0]).shape[1] / self._frames[0].width
        turn = math.radians(motion.degrees)
        x = math.cos(turn) * start.x_px - math.sin(turn) * start.y_px + motion.x_px * scale
        y = math.sin(turn) * start.x_px + math.cos(turn) * start.y_px + motion.y_px * scale
        rotation = math.remainder(found.rotation_rad - start.rotation_rad - turn, 2 * math.pi)
        return math.hypot(found.x_px - x, found.y_px - y) / scale, abs(math.degrees(rotation))

    def _row(self, condition: Condition, shifts: Errors, turns: Errors, is_fault: npt.NDArray[np.bool_]) -> Row:
        first = self._frames[0]
        is_round = isinstance(self._placer.aligner, Aligner) and self._placer.aligner.is_round
        rim_px = shifts if is_round else shifts + np.radians(turns) * min(first.width, first.height) / 2
        is_found = rim_px * self._placer.settings.grid.width_px / first.width < RIM_ERROR_PX
        is_off = ~is_found if condition.is_in_range else np.ones_like(is_found)
        return Row(
            data=self.name,
            mode=self.mode.value,
            condition=condition.name,
            pictures=len(shifts),
            shift_error_px=_summary(shifts) if condition.is_in_range else None,
            rotation_error_degrees=_summary(turns) if condition.is_in_range and not is_round else None,
            is_in_range=condition.is_in_range,
            found=float(is_found.mean()),
            faults=int(is_fault.sum()),
            off_and_judged=int((is_off & ~is_fault).sum()),
        )


def _summary(errors: Errors) -> tuple[float, float, float]:
    return float(errors.mean()), float(np.quantile(errors, 0.95)), float(errors.max())


def _within_the_short_side(frame: Frame) -> Frame:
    """A frame that is not square made smaller, over its own rim, so that all of it stays in view at any angle."""
    short, diagonal = min(frame.width, frame.height), math.hypot(frame.width, frame.height)
    if frame.width == frame.height:
        return frame
    small = cv2.resize(frame.pixels, None, fx=short / diagonal, fy=short / diagonal, interpolation=cv2.INTER_AREA)
    above, left = (frame.height - small.shape[0]) // 2, (frame.width - small.shape[1]) // 2
    below, right = frame.height - small.shape[0] - above, frame.width - small.shape[1] - left
    padded = cv2.copyMakeBorder(small, above, below, left, right, cv2.BORDER_REPLICATE)
    return Frame(pixels=np.asarray(padded, dtype=np.uint8), source=frame.source)


def frames_of(name: str) -> list[Frame]:
    """At most PICTURES frames of one set. Raises PictureError or DataSetError."""
    if name == "connector":
        return [Frame(pixels=render(seed=0, part=part)) for part in range(PICTURES)]
    folder = Path(name)
    if folder.is_dir():
        paths = [sample.path for sample in open_dataset(folder).train_of(GOOD)]
    else:
        paths = sorted(folder.parent.glob(folder.name))
    if len(paths) < FEWEST:
        raise PictureError(f"{name}: {len(paths)} pictures, at least {FEWEST} are needed")
    return [read_picture(paths[number]) for number in evenly(len(paths), PICTURES)]


def table(rows: Sequence[Row]) -> str:
    """Markdown: errors as mean / 95 % / largest."""
    lines = [
        "| set | mode | moved by | pictures | shift error, px | rotation error, ° | found | FAULT | off, not FAULT |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        shift, turn = (
            "" if errors is None else " / ".join(f"{error:.{digits}f}" for error in errors)
            for errors, digits in ((row.shift_error_px, 2), (row.rotation_error_degrees, 3))
        )
        is_found = f"{100 * row.found:.0f} %" if row.is_in_range else ""
        lines.append(
            f"| {row.data} | {row.mode} | {row.condition} | {row.pictures} | {shift} | "
            f"{turn} | {is_found} | {row.faults} | {row.off_and_judged} |"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study. Returns 0 when done, 1 when it failed."""
    parser = argparse.ArgumentParser(prog="python -m training.alignment_study", description="How well parts are found.")
    parser.add_argument("data", nargs="+", metavar="DATA", help="folder, pattern of files in quotes, or 'connector'")
    parser.add_argument("--json", type=Path, metavar="OUT")
    options = parser.parse_args(arguments)
    try:
        sets = {Path(name).name: frames_of(name) for name in options.data}
        rows = [row for name, frames in sets.items() for row in _rows(name, frames, sets)]
        if options.json is not None:
            options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
    except (EdgeError, OSError) as error:
        print(f"training.alignment_study: {error}", file=sys.stderr)
        return 1
    print(table(rows))
    return 0


def _rows(name: str, frames: Sequence[Frame], sets: Mapping[str, Sequence[Frame]]) -> Iterator[Row]:
    for mode in (AlignmentMode.FIXTURE, AlignmentMode.ANY_ANGLE):
        study = Study(name, frames, mode)
        print(
            f"{name}, {mode.value}: chosen would be {study.choice}; FAULT below {study.smallest_fit:.3f}",
            file=sys.stderr,
        )
        for condition in conditions(mode):
            yield study.measure(condition)
        others = [frame for other, foreign in sets.items() if other != name for frame in foreign]
        if others:
            yield study.foreign(others)


if __name__ == "__main__":
    sys.exit(main())

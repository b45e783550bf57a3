"""The demo connector looked at closely: what is found by kind of defect and size of bend, and is its pin named right.

Sizes of bends are degrees, and pixels that the tip of the pin moves in the working picture: the resolution at which the
map sees it.
"""

import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from edge.drivers.connector import HEIGHT_PX, PIN_ADDRESSES, WIDTH_PX, Defect, DefectKind, pin_centre, tip_shift
from edge.settings import Grid
from training.calibrate import Rate
from training.errors import DataSetError
from training.evaluate import Judged

TRUTH = "truth.csv"
WANTED_PX = 3.0
OVERKILL_ALLOWED = 0.005
DEGREES = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, math.inf)
PIXELS = (0.0, 1.0, 2.0, 3.0, 4.0, 6.0, math.inf)

Truth = dict[str, Defect]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is rejected at one limit.

    large_bends: of WANTED_PX and more. largest_missed_px: None when no bend is missed. right_labels, right_pins,
    right_places: of the large bends that are found, how many are given their label, a label with their pin's address
    (whatever defect it names), and have the strongest cell nearest to their pin. The first two are None for a model
    without labels.
    """

    limit: float
    overkills: Rate
    by_kind: dict[str, Rate]
    by_degrees: dict[str, Rate]
    by_pixels: dict[str, Rate]
    large_bends: Rate
    largest_missed_px: float | None
    right_labels: Rate | None
    right_pins: Rate | None
    right_places: Rate


def read_truth(root: Path) -> Truth | None:
    """What is wrong with each picture of a rendered set, by its file below the set; None if it is no such set.

    Raises DataSetError if the table is damaged.
    """
    path = root / TRUTH
    if not path.is_file():
        return None
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            rows = [row for row in csv.DictReader(handle) if row["kind"] != "good"]
        return {
            row["file"]: Defect(kind=DefectKind(row["kind"]), pin=row["pin"] or None, amount=float(row["amount"]))
            for row in rows
        }
    except (KeyError, ValueError, TypeError) as error:
        raise DataSetError(f"{path}: this is not the table that 'training connector' writes ({error})") from error


def bend_px(defect: Defect, grid: Grid) -> float:
    """How far the tip moves in the working picture of a grid, in its pixels; 0 for what is no bend."""
    x, y = tip_shift(defect)
    return math.hypot(x * grid.width_px / WIDTH_PX, y * grid.height_px / HEIGHT_PX)


def limit_for_overkill(good: Sequence[Judged], overkill: float) -> float:
    """The smallest limit that rejects at most this share of these good parts. Raises DataSetError without any."""
    if not good:
        raise DataSetError("there are no good test pictures to find a limit with")
    distances = sorted((part.reach for part in good), reverse=True)
    return distances[math.floor(overkill * len(distances))]


def found_at(limit: float, judged: Sequence[Judged], truth: Truth, *, root: Path, grid: Grid) -> Found:
    """What is rejected when the limit of the distance is `limit` and all else is as it is."""
    defective = [(part, truth[part.sample.path.relative_to(root).as_posix()]) for part in judged if not part.is_good]
    bends = [(part, defect) for part, defect in defective if defect.kind.is_bend]
    large = [(part, defect) for part, defect in bends if bend_px(defect, grid) >= WANTED_PX]
    found = [(part, defect) for part, defect in large if part.reach > limit]

    def caught(parts: Sequence[tuple[Judged, Defect]]) -> Rate:
        return Rate(events=sum(part.reach > limit for part, _ in parts), trials=len(parts))

    def binned(edges: Sequence[float], size: Callable[[Defect], float]) -> dict[str, Rate]:
        return {
            _words(low, high): caught([(part, defect) for part, defect in bends if low <= size(defect) < high])
            for low, high in pairwise(edges)
        }

    missed = [bend_px(defect, grid) for part, defect in bends if part.reach <= limit]
    good = [part for part in judged if part.is_good]
    has_labels = any(part.verdict.nearest_label is not None for part in judged)
    return Found(
        limit=limit,
        overkills=Rate(events=sum(part.reach > limit for part in good), trials=len(good)),
        by_kind={kind: caught([pair for pair in defective if pair[1].kind is kind]) for kind in DefectKind},
        by_degrees=binned(DEGREES, lambda defect: abs(defect.amount)),
        by_pixels=binned(PIXELS, lambda defect: bend_px(defect, grid)),
        large_bends=caught(large),
        largest_missed_px=max(missed, default=None),
        right_labels=_rate(found, lambda part, defect: part.verdict.nearest_label == defect.label)
        if has_labels
        else None,
        right_pins=_rate(found, lambda part, defect: _address(part) == defect.pin) if has_labels else None,
        right_places=_rate(found, lambda part, defect: pin_at(part, grid) == defect.pin),
    )


def pin_at(part: Judged, grid: Grid) -> str | None:
    """The pin whose middle is nearest to the strongest cell; None for a part without a map."""
    if part.verdict.cell is None:
        return None
    row, column = part.verdict.cell
    x, y = (column + 0.5) * WIDTH_PX / grid.columns, (row + 0.5) * HEIGHT_PX / grid.rows
    return min(PIN_ADDRESSES, key=lambda pin: math.dist((x, y), pin_centre(pin)))


def _address(part: Judged) -> str:
    """The pin of the nearest label."""
    return (part.verdict.nearest_label or "").rpartition("_")[2]


def _rate(parts: Sequence[tuple[Judged, Defect]], is_right: Callable[[Judged, Defect], bool]) -> Rate:
    return Rate(events=sum(is_right(part, defect) for part, defect in parts), trials=len(parts))


def _words(low: float, high: float) -> str:
    return f"from {low:g}" if math.isinf(high) else f"{low:g} to {high:g}"

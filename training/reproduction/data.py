"""Maps of rendered connectors with the documents' 19 labels: 0 is good, the others are addresses of the bent pin.

The documents' pictures are not public. These are maps of the product (our reading of NSOARTC) of rendered parts, judged
by a finished bundle; at 26×36, the documents' first size, the same maps are shrunk by area. A lean has four directions,
which no learner is told.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge.drivers.connector import Defect, DefectKind, render
from edge.frame import Frame, Pixels
from edge.inspection import Inspector
from training.documents.simple import Floats
from training.errors import DataSetError
from training.progress import progress

ADDRESSES = ("11", "13", "21", "23", "31", "32", "33", "42", "61", "62", "63", "71", "72", "73", "81", "82", "91", "92")
DIRECTIONS = ((DefectKind.BENT_X, -1), (DefectKind.BENT_X, 1), (DefectKind.BENT_Y, -1), (DefectKind.BENT_Y, 1))
DEGREES = (4.0, 15.0)  # as the demo part is taught
GOOD, NO_DIRECTION = 0, -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """maps: (N, rows, columns) uint8. labels: (N,) from 0 on. directions: (N,) of DIRECTIONS, NO_DIRECTION if good."""

    maps: Pixels
    labels: npt.NDArray[np.intp]
    directions: npt.NDArray[np.intp]

    def values(self, *, rows: int, columns: int) -> Floats:
        """(N, rows · columns) float32 of 0 to 1, shrunk by area where the maps are larger."""
        size = (columns, rows)
        shrunk = [cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in self.maps.astype(np.float32)]
        return np.stack(shrunk).reshape(len(self.maps), -1).astype(np.float32) / np.float32(255)


def rendered_parts(inspector: Inspector, *, good: int, per_label: int, seed: int, first: int) -> Parts:
    """Good parts, and so many bent ones of each address, the directions in turn.

    seed: of the connector's tolerances. first: number of the first physical part. Raises DataSetError for a part of
    which the bundle makes no map.
    """
    random = np.random.default_rng((seed, first))
    maps, labels, directions = [], [], []
    wanted = list(_wanted(good, per_label, random))
    for number, (label, direction, defect) in enumerate(progress(wanted, "rendering")):
        picture = Frame(pixels=render(seed=seed, part=first + number, defect=defect), source=f"part {first + number}")
        found = inspector.inspect(picture)
        if found.cell_map is None:
            raise DataSetError(f"the bundle makes no map of the rendered connector: {found.verdict.detail}")
        maps.append(found.cell_map)
        labels.append(label)
        directions.append(direction)
    return Parts(maps=np.stack(maps), labels=np.array(labels), directions=np.array(directions))


def _wanted(good: int, per_label: int, random: np.random.Generator) -> Iterator[tuple[int, int, Defect | None]]:
    for _ in range(good):
        yield GOOD, NO_DIRECTION, None
    for label, pin in enumerate(ADDRESSES, start=1):
        for turn in range(per_label):
            direction = (label + turn) % len(DIRECTIONS)
            kind, sign = DIRECTIONS[direction]
            amount = round(sign * float(random.uniform(*DEGREES)), 1)
            yield label, direction, Defect(kind=kind, pin=pin, amount=amount)

"""Has a part entered the region and come to rest? Told from small grey pictures, one after the other.

What is compared is structure: the logarithm of the brightness without its slow changes over the picture. A brighter
lamp, a shadow with soft edges, a sun patch far larger than a part add something smooth there, and are not seen. A hand
comes in over the region's edge and so does a part that still moves in; a part that has arrived lies inside, with room
all round. After a part the region must have been seen empty before the next one counts.

It cannot tell a part from anything else of its size that lies still in the region. The region must be empty when the
first pictures come: what they show is taken for the empty place.
"""

import cv2
import numpy as np
import numpy.typing as npt

from edge.cameras import EventSettings
from edge.frame import Pixels

Structure = npt.NDArray[np.float32]
Cells = npt.NDArray[np.bool_]

DARK_LEVELS = 8.0  # added before the logarithm, so that noise in the dark is no structure
DETAIL = 0.03  # of the picture's width; coarser changes of brightness count as light
CELLS_ACROSS = 20
SEEN_SHARE_OF_CONTRAST = 0.4  # what an edge of that contrast leaves in the cell that it crosses, about
EMPTY_SHARE = 1 / 3  # of part_share; less than that is an empty region
LEAST_LANDMARKS = 0.04  # of all cells; so much structure in the empty place must be seen again
HIDDEN_LANDMARKS = 0.4
CLEAR_MS = 60.0
LEARN_MS = 500.0
SETTLED_MS = 10_000.0  # dirt, or a screw moved: after so long it belongs to the empty place
LEARNING_RATE = 0.05
BLINDING_LEVEL, BLINDED_SHARE = 250, 0.4
DARKEST_SHARE = 0.3  # of the empty place's brightness


class CameraEvent:
    """Sees picture after picture. Trigger once for each part, again only when the region was empty in between."""

    def __init__(self, settings: EventSettings) -> None:
        self._settings = settings
        self._threshold = SEEN_SHARE_OF_CONTRAST * float(np.log1p(settings.contrast_percent / 100))
        self._empty: Structure | None = None
        self._empty_level = 0.0
        self._anchor: Structure | None = None
        self._still_since_ns = 0
        self._clear_since_ns: int | None = None
        self.is_armed = False
        self.occupied_share = 0.0

    @property
    def is_learned(self) -> bool:
        """True as soon as it knows the empty place; before that there is no trigger."""
        return self._empty is not None

    def see(self, picture: Pixels, *, at_ns: int) -> bool:
        """One small grey picture (height, width). True if it is the one that shows a part at rest."""
        region = self._cut(picture)
        if self._is_blinded(region):
            self._anchor, self._clear_since_ns = None, None
            return False
        seen = structure(region)
        still_ms = self._still_ms(seen, at_ns)
        if self._empty is None:
            self._learn(region, seen, still_ms)
            return False
        taken = self._occupied(seen)
        self.occupied_share = float(taken.mean())
        if not self.is_armed:
            self._rearm(taken, at_ns)
            return False
        if self._is_empty(taken):
            if still_ms >= (SETTLED_MS if taken.any() else LEARN_MS):
                self._empty += LEARNING_RATE * (seen - self._empty)
                self._empty_level += LEARNING_RATE * (float(region.mean()) - self._empty_level)
            return False
        if still_ms < self._settings.rest_ms or not self._has_part(taken):
            return False
        self.is_armed, self._clear_since_ns = False, None
        return True

    def _cut(self, picture: Pixels) -> Pixels:
        height, width = picture.shape
        region = self._settings.region
        rows = slice(round(region.top * height), round(region.bottom * height))
        return picture[rows, round(region.left * width) : round(region.right * width)]

    def _is_blinded(self, region: Pixels) -> bool:
        """A flash or a lamp that is out shows nothing, neither a part nor an empty place."""
        is_flash = float((region >= BLINDING_LEVEL).mean()) > BLINDED_SHARE
        return is_flash or float(region.mean()) < DARKEST_SHARE * self._empty_level

    def _still_ms(self, seen: Structure, at_ns: int) -> float:
        """For how long nothing has moved away from where it lay; slow movement is movement."""
        if self._anchor is None or differs(self._anchor, seen, self._threshold).any():
            self._anchor, self._still_since_ns = seen, at_ns
        return (at_ns - self._still_since_ns) / 1e6

    def _learn(self, region: Pixels, seen: Structure, still_ms: float) -> None:
        if still_ms >= max(LEARN_MS, self._settings.rest_ms):
            self._empty, self._empty_level, self.is_armed = seen.copy(), float(region.mean()), True

    def _occupied(self, seen: Structure) -> Cells:
        """Cells that differ from the empty place, or are enclosed: a plain part has structure only at its edge."""
        assert self._empty is not None
        taken = differs(self._empty, seen, self._threshold)
        free = np.pad((~taken).astype(np.uint8), 1, constant_values=1)
        cv2.floodFill(free, None, (0, 0), 2)
        return np.asarray(free[1:-1, 1:-1] != 2)

    def _is_empty(self, taken: Cells) -> bool:
        """Little differs, and what can be recognised of the empty place is there: it is not merely covered."""
        assert self._empty is not None
        if taken.mean() >= EMPTY_SHARE * self._settings.part_share:
            return False
        landmarks = differs(self._empty, np.zeros_like(self._empty), self._threshold)
        return bool(landmarks.mean() < LEAST_LANDMARKS or taken[landmarks].mean() < HIDDEN_LANDMARKS)

    def _has_part(self, taken: Cells) -> bool:
        """Something as large as a part lies inside, and nothing large comes in over the region's edge."""
        inside, coming_in = sizes(taken)
        part_share = self._settings.part_share
        return inside >= part_share and coming_in < EMPTY_SHARE * part_share

    def _rearm(self, taken: Cells, at_ns: int) -> None:
        if not self._is_empty(taken):
            self._clear_since_ns = None
            return
        if self._clear_since_ns is None:
            self._clear_since_ns = at_ns
        self.is_armed = at_ns - self._clear_since_ns >= CLEAR_MS * 1e6


def structure(region: Pixels) -> Structure:
    """(height, width) grey → the same size: log brightness without what changes slowly over the picture."""
    level = cv2.log(region.astype(np.float32) + np.float32(DARK_LEVELS))
    smooth = cv2.GaussianBlur(level, (3, 3), 0)
    return np.asarray(smooth - cv2.GaussianBlur(level, (0, 0), max(DETAIL * region.shape[1], 1.5)), dtype=np.float32)


def differs(one: Structure, other: Structure, threshold: float) -> Cells:
    """(height, width) twice → (rows, columns) of cells: root mean square difference above the threshold."""
    height, width = one.shape
    side = max(width / CELLS_ACROSS, 3.0)
    cells = (max(round(width / side), 1), max(round(height / side), 1))
    return np.asarray(cv2.resize(cv2.absdiff(one, other) ** 2, cells, interpolation=cv2.INTER_AREA) > threshold**2)


def sizes(cells: Cells) -> tuple[float, float]:
    """(rows, columns) → shares of all cells: the largest patch that lies inside, and the largest at its edge."""
    _, names = cv2.connectedComponents(cells.astype(np.uint8), connectivity=4)
    patches = np.bincount(names.ravel()) / cells.size
    patches[0] = 0.0  # what is free
    at_edge = np.unique(np.concatenate([names[0], names[-1], names[:, 0], names[:, -1]]))
    coming_in = float(patches[at_edge].max())
    patches[at_edge] = 0.0
    return float(patches.max()), coming_in

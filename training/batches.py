"""Batches of maps with labels, drawn endlessly and always the same for a seed."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from edge.frame import Pixels
from edge.preprocess import CEILING_SIGMA, FLOOR_SIGMA
from training.losses import GOOD, SYNTHETIC
from training.progress import progress
from training.synthesis import MapPool, MapSynthesis

POOL_SIZE = 12_000  # maps of each kind, made once: drawing from them is cheap
POOL_CHUNK = 1_000
QUIET_LEVEL = -255 * FLOOR_SIGMA / (CEILING_SIGMA - FLOOR_SIGMA)  # a cell at its good mean
DEFECT_EDGE_LEVELS = 70.0  # cells above it belong to the defect, for certain
LABELLED_SHARE, SYNTHETIC_SHARE = 0.3, 0.3
CELL_DROPOUT = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledMaps:
    """maps: (M, rows, columns) uint8 of defective parts. labels: (M,) from 1 on, into the list of defect labels."""

    maps: Pixels
    labels: np.ndarray


class Batches:
    """Draws batches: good, synthetic and, where there are any, labelled defects; every label as often as any other."""

    def __init__(self, pool: MapPool, labelled: LabelledMaps | None, *, size: int, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._cell_dropout = torch.Generator().manual_seed(seed)
        self._labelled = labelled
        synthesis = MapSynthesis(pool, self._random)
        chunks = progress(range(POOL_SIZE // POOL_CHUNK), "making maps")
        made = [(_flat(synthesis.good(POOL_CHUNK)), _flat(synthesis.defective(POOL_CHUNK))) for _ in chunks]
        self._good = np.concatenate([good for good, _ in made])
        self._synthetic = np.concatenate([defective for _, defective in made])
        self._labelled_count = round(LABELLED_SHARE * size) if labelled is not None else 0
        self._synthetic_count = round(SYNTHETIC_SHARE * size) if labelled is not None else size // 2
        self._good_count = size - self._labelled_count - self._synthetic_count

    def draw(self) -> tuple[torch.Tensor, torch.Tensor]:
        """(N, cells) float32 of 0 to 1, and (N,) labels; a fifth of the cells hidden at their quiet level."""
        groups = [self._drawn(self._good, self._good_count), self._drawn(self._synthetic, self._synthetic_count)]
        labels = [GOOD] * self._good_count + [SYNTHETIC] * self._synthetic_count
        if self._labelled is not None:
            maps, numbers = self._drawn_labelled(self._labelled)
            groups.append(maps)
            labels += numbers
        levels = torch.from_numpy(np.concatenate(groups)).float()  # (N, cells)
        is_hidden = torch.rand(levels.shape, generator=self._cell_dropout) < CELL_DROPOUT
        return torch.where(is_hidden, QUIET_LEVEL, levels) / 255, torch.tensor(labels)

    def state(self) -> dict[str, Any]:
        """Where the drawing stands."""
        return {"random": self._random.bit_generator.state, "dropout": self._cell_dropout.get_state()}

    def go_on(self, state: dict[str, Any]) -> None:
        """Draw as it went on from such a state."""
        self._random.bit_generator.state = state["random"]
        self._cell_dropout.set_state(state["dropout"])

    def _drawn(self, pool: Pixels, count: int) -> Pixels:
        return np.asarray(pool[self._random.integers(len(pool), size=count)])

    def _drawn_labelled(self, labelled: LabelledMaps) -> tuple[Pixels, list[int]]:
        """Labelled defects, half of them laid on another good part; what is certainly defect stays."""
        present = np.unique(labelled.labels)
        wanted = self._random.choice(present, size=self._labelled_count)
        chosen = [int(self._random.choice(np.flatnonzero(labelled.labels == label))) for label in wanted]
        maps = labelled.maps[chosen].reshape(len(chosen), -1).astype(np.float32)  # (M, cells)
        ground = self._drawn(self._good, len(chosen)).astype(np.float32)
        is_defect = np.clip((maps - DEFECT_EDGE_LEVELS) / 40 + 0.5, 0, 1)
        is_kept = self._random.random((len(chosen), 1)) < 0.5
        mixed = np.where(is_kept, maps, is_defect * maps + (1 - is_defect) * ground)
        return _flat(mixed + self._random.normal(0, 2.0, mixed.shape)), [int(label) for label in wanted]


def _flat(maps: np.ndarray) -> Pixels:
    return np.asarray(np.clip(np.rint(maps), 0, 255), dtype=np.uint8).reshape(len(maps), -1)

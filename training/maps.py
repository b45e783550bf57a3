"""What the network learns from: honest maps of good parts, of labelled defects and of synthetic ones.

A good part's map comes from statistics that had not seen the part (cross-fitting); otherwise good parts would look
quieter in training than they ever will on the line.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge.errors import NotJudged
from edge.frame import Frame, Pixels
from edge.placing import Placer
from edge.preprocess import CellStatistics, FloatArray, Mapper, References, cell_levels, log_distances
from edge.settings import MapSettings
from training.alignment_limits import smallest_fit
from training.dataset import Sample
from training.errors import TrainingError
from training.progress import progress
from training.registration import place_good_parts
from training.synthesis import with_defect
from training.unit_space import folds_of, median_picture, standardised, unit_space

SYNTHETIC_PER_PART = 8
SYNTHETIC_AT_LEAST = 400
SMALLEST_VISIBLE_LEVELS = 30  # a synthetic defect that raises no cell by two deviations teaches nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodParts:
    """What good parts give.

    pictures: working pictures. smallest_fit: parts that fit less are not judged. maps: (N, rows, columns) uint8,
    cross-fitted.
    residues: (M, rows, columns) float32, what visible synthetic defects added to a good map, in levels. invisible: how
    many more raised no cell visibly.
    """

    placer: Placer
    references: References
    pictures: list[Pixels]
    smallest_fit: float
    maps: Pixels
    residues: FloatArray
    invisible: int


def learn_good_parts(frames: Sequence[Frame], settings: MapSettings, random: np.random.Generator) -> GoodParts:
    """Align, fit the unit space, and map good and synthetic defective parts by statistics that never saw them."""
    placer, placed = place_good_parts(frames, settings)
    pictures = [part.pixels for part in placed]
    picture = median_picture(pictures)
    per_part = max(SYNTHETIC_PER_PART, -(-SYNTHETIC_AT_LEAST // len(pictures)))
    cells = settings.grid.cells
    good = np.zeros((len(pictures), cells), np.float32)
    defective = np.zeros((len(pictures), per_part, cells), np.float32)
    for left_out in progress(list(folds_of(len(pictures))), "cross-fitting"):
        seen = [part for number, part in enumerate(pictures) if number not in set(left_out)]
        references = unit_space(seen, settings, picture)
        statistics = CellStatistics(references.channels, picture, settings)
        for number in left_out:
            good[number] = log_distances(statistics.of(pictures[number]), references)
            for repeat in range(per_part):
                spoilt = with_defect(pictures[number], pictures, random)
                defective[number, repeat] = log_distances(statistics.of(spoilt), references)
    references = standardised(unit_space(pictures, settings, picture), good)
    shape = (-1, settings.grid.rows, settings.grid.columns)
    maps = cell_levels(good, references).reshape(shape)
    residues = cell_levels(defective, references).reshape(shape).astype(np.float32) - np.repeat(maps, per_part, axis=0)
    is_visible = residues.max(axis=(1, 2)) > SMALLEST_VISIBLE_LEVELS
    if is_visible.mean() < 0.1:
        raise TrainingError(
            "hardly any synthetic defect can be seen on these pictures: good parts differ too much from each other "
            "(do they all lie alike, in the same light, and is it one kind of part?)"
        )
    return GoodParts(
        placer=placer,
        references=references,
        pictures=pictures,
        smallest_fit=smallest_fit(placer, frames, random),
        maps=maps,
        residues=residues[is_visible],
        invisible=int((~is_visible).sum()),
    )


def labelled_maps(samples: Sequence[Sample], frames: Sequence[Frame], good: GoodParts, settings: MapSettings) -> Pixels:
    """(M, rows, columns) uint8 maps of defective parts, in the order of the samples. Raises TrainingError for one that
    cannot be brought into place."""
    mapper = Mapper(good.references, settings)
    maps = []
    for sample, frame in progress(list(zip(samples, frames, strict=True)), "mapping defects"):
        try:
            maps.append(mapper.to_map(good.placer.place(frame).pixels))
        except NotJudged as reason:
            raise TrainingError(f"{sample.path} cannot be learned from: {reason}") from reason
    return np.stack(maps)

"""A way of making maps is tried without `test/`: on good training parts held out, with and without a drawn defect."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Protocol

import numpy as np
import numpy.typing as npt

from edge.channels import colours_of
from edge.frame import Frame, Pixels
from edge.placing import Placer
from edge.preprocess import References
from edge.settings import Channel, MapSettings, Variable
from edge.variables import ONE_A_CHANNEL, CellVariables, FloatArray
from training.cell_examples import CellExamples, cell_examples
from training.dataset import GOOD, DataSet, LazyFrames, split_by_part
from training.evaluate import auroc_of
from training.held_out_defects import KINDS, with_held_out_defect
from training.network import ORDER
from training.progress import progress
from training.registration import evenly, place_good_parts
from training.unit_space import median_picture, unit_space
from training.window import look_at

HELD_OUT_SHARE = 0.25
AVERAGED_CELLS = (1, 3, 5, 20)  # a map's strongest, whose mean is the part's distance here
SUMMED_POWERS = (4, ORDER, 24)  # of all cells above the good mean, in deviations; the part's distance is the sum's root
LOOKED_AT = 60  # frames that tell the part from the background
CORNER_PX = 15
FOREGROUND_LEVELS = 13.0
SMALLEST_PART = 0.02  # of the frame: with less the whole frame counts as part


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Working pictures (H, W[, 3]) uint8: good parts to learn from, and others to judge, good and with a defect each,
    in the order of KINDS. No physical part is both learned from and judged."""

    placer: Placer
    learned: list[Pixels]
    good: list[Pixels]
    defective: list[list[Pixels]]
    seed: int


def set_up(dataset: DataSet, settings: MapSettings, *, seed: int) -> Trial:
    """Split the good training pictures by physical part, draw on those held out, and bring all into place."""
    learned, held_out = split_by_part(dataset.train_of(GOOD), share=HELD_OUT_SHARE, seed=seed)
    frames, others = LazyFrames(learned), LazyFrames(held_out)
    _, settings = look_at(frames, settings, inspected=dataset.inspected)
    placer, placed = place_good_parts(frames, settings, inspected=dataset.inspected)
    is_part = part_of([frames[number].pixels for number in evenly(len(frames), LOOKED_AT)])
    if dataset.inspected is not None:
        is_part &= dataset.inspected

    def with_defect(number: int, kind: int) -> Pixels:
        random = np.random.default_rng([seed, kind, number])
        pixels = with_held_out_defect(others[number].pixels, KINDS[kind], is_part, random)
        return placer.place(Frame(pixels=pixels)).pixels

    numbers = range(len(others))
    return Trial(
        placer=placer,
        learned=[part.pixels for part in placed],
        good=[placer.place(frame).pixels for frame in others],
        defective=[
            [with_defect(number, kind) for number in numbers]
            for kind in progress(range(len(KINDS)), "drawing defects on held-out parts")
        ],
        seed=seed,
    )


def part_of(pictures: Sequence[Pixels]) -> npt.NDArray[np.bool_]:
    """(H, W): where frames of good parts are unlike their upper left corner; everywhere if that is nearly nowhere."""
    median = median_picture(pictures).astype(np.float32).reshape(*pictures[0].shape[:2], -1)
    background = np.median(median[:CORNER_PX, :CORNER_PX], axis=(0, 1))
    is_part = np.abs(median - background).mean(axis=2) > FOREGROUND_LEVELS
    return np.asarray(is_part if is_part.mean() > SMALLEST_PART else np.ones_like(is_part))


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A trial measured in one way. good: (M, rows, columns, V) float16. defective: the same for each of KINDS."""

    settings: MapSettings
    references: References
    examples: CellExamples
    good: npt.NDArray[np.float16]
    defective: list[npt.NDArray[np.float16]]

    def only(
        self, *, variables: Sequence[Variable], channels: Sequence[Channel], synthetic_per_part: int
    ) -> "Measured":
        """The same with less measured, and fewer synthetic defects, without measuring anew."""
        settings = self.settings.model_copy(update={"variables": tuple(variables), "channels": tuple(channels)})
        columns = _columns(self.settings, settings)
        examples = self.examples
        count = synthetic_per_part * len(examples.good)
        return Measured(
            settings=settings,
            references=_only_of(self.references, self.settings, settings),
            examples=replace(
                examples,
                good=examples.good[..., columns],
                disturbed=examples.disturbed[..., columns],
                defective=examples.defective[:count][..., columns],
                changes=examples.changes[:count],
                defective_of=examples.defective_of[:count],
            ),
            good=self.good[..., columns],
            defective=[of_kind[..., columns] for of_kind in self.defective],
        )


def measure(trial: Trial, settings: MapSettings, *, synthetic_per_part: int, usual_reach_px: int) -> Measured:
    """Everything of a trial. settings: its working pictures' size must be the trial's."""
    picture = median_picture(trial.learned)
    examples = cell_examples(
        trial.learned,
        trial.placer,
        np.random.default_rng(trial.seed),
        picture=picture,
        settings=settings,
        synthetic=synthetic_per_part * len(trial.learned),
        usual_reach_px=usual_reach_px,
    )
    references = unit_space(
        trial.learned,
        settings,
        picture,
        inspected=trial.placer.inspected,
        usual_reach_px=usual_reach_px,
    )
    variables = references.variables(settings)
    return Measured(
        settings=settings,
        references=references,
        examples=examples,
        good=_of_all(variables, trial.good),
        defective=[_of_all(variables, of_kind) for of_kind in progress(trial.defective, "measuring held-out parts")],
    )


class Distance(Protocol):
    """How far cells are from the good parts' own: a `CellFunction`, or what stands in its place."""

    def of(self, variables: FloatArray) -> FloatArray:
        """(rows, columns, V) → (cells,)."""


def aurocs(distance: Distance, measured: Measured) -> dict[str, dict[str, float]]:
    """By kind of defect, and by the name of what makes one distance of a map; values are not yet 8 bit."""
    good = _maps(distance, measured.good)
    middle, deviation = good.mean(), good.std()
    of_good = pooled((good - middle) / deviation)
    found: dict[str, dict[str, float]] = {}
    for kind, variables in zip(KINDS, measured.defective, strict=True):
        defective = pooled((_maps(distance, variables) - middle) / deviation)
        found[kind.name] = {name: _auroc(of_good[name], defective[name]) for name in POOLINGS}
    return found


def averaged(cells: int) -> str:
    """The name of the mean of so many of the strongest cells."""
    return f"{cells} cells" if cells > 1 else "1 cell"


def summed(power: int) -> str:
    """The name of the root of the sum of such powers."""
    return f"{power}th powers"


POOLINGS = (*map(averaged, AVERAGED_CELLS), *map(summed, SUMMED_POWERS))


def mean_over_kinds(found: dict[str, dict[str, float]], pooling: str) -> float:
    """Every kind of defect counts alike."""
    return fmean(of_kind[pooling] for of_kind in found.values())


def _auroc(good: FloatArray, defective: FloatArray) -> float:
    found = auroc_of(good.tolist(), defective.tolist())
    assert found is not None  # there is always a part of both
    return found


def pooled(maps: FloatArray) -> dict[str, FloatArray]:
    """(N, cells) deviations → (N,) each."""
    strongest = -np.sort(-maps, axis=1)
    raised = np.maximum(maps, 0)
    return {
        **{averaged(cells): strongest[:, :cells].mean(axis=1) for cells in AVERAGED_CELLS},
        **{summed(power): np.sum(raised**power, axis=1, dtype=np.float64) ** (1 / power) for power in SUMMED_POWERS},
    }


def _maps(distance: Distance, variables: npt.NDArray[np.float16]) -> FloatArray:
    return np.stack([distance.of(part.astype(np.float32)) for part in variables]).astype(np.float64)


def _of_all(variables: CellVariables, pictures: Sequence[Pixels]) -> npt.NDArray[np.float16]:
    return np.stack([variables.of(picture).astype(np.float16) for picture in pictures])


def _only_of(references: References, whole: MapSettings, part: MapSettings) -> References:
    """References of some channels out of those that have all."""
    colours = colours_of(whole.channels)
    kept = [colours.index(channel) for channel in colours_of(part.channels)]
    lightness = 1 if Channel.LIGHTNESS in part.channels else 0
    return replace(
        references,
        **{name: getattr(references, name)[:, :, :lightness] for name in ("mean", "upper", "lower")},
        **{
            name: np.ascontiguousarray(getattr(references, name)[:, :, kept])
            for name in ("colour_mean", "colour_upper", "colour_lower")
        },
    )


def _columns(whole: MapSettings, part: MapSettings) -> list[int]:
    """Where the variables of some settings stand among all."""
    order = [
        (variable, side, channel)
        for variable in whole.variables
        for side in range(1 if variable in ONE_A_CHANNEL else 2)
        for channel in whole.channels
    ]
    return [
        order.index((variable, side, channel))
        for variable in part.variables
        for side in range(1 if variable in ONE_A_CHANNEL else 2)
        for channel in part.channels
    ]

"""What one model did on one set of test pictures: rates, intervals, plain poolings of the same maps, who was taken for
whom."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.verdict import Outcome
from training.calibrate import Rate
from training.dataset import GOOD
from training.evaluate import Judged, auroc_of, evaluate
from training.sample_size import CONFIDENCE

RESAMPLES = 2000
POOLED_CELLS = (5, 20, 100)
NOT_JUDGED, UNNAMED = "not judged", "some defect"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one model did. None where good or defective parts are missing.

    pooled: AUROC of each plain pooling of the maps, by its name. confusion: counts by truth, then by what was said;
    "good" is said of a part that passed.
    """

    auroc: Estimate | None
    pooled: dict[str, float | None]
    escapes: Rate
    overkills: Rate
    overkill_at_zero_escapes: Rate | None
    faults: int
    per_defect: dict[str, Rate]
    confusion: dict[str, dict[str, int]]
    judgement_ms: float

    @property
    def best_pooling(self) -> tuple[str, float] | None:
        """Name and AUROC of the plain pooling that ranks these parts best."""
        known = [(name, auroc) for name, auroc in self.pooled.items() if auroc is not None]
        return max(known, key=lambda pooling: pooling[1], default=None)


def figures_of(judged: list[Judged], *, seed: int) -> Figures:
    """All figures of judged pictures; seed: of the bootstrap. Raises DataSetError when there are no pictures."""
    evaluation = evaluate(judged)
    good, defective = [part for part in judged if part.is_good], [part for part in judged if not part.is_good]
    return Figures(
        auroc=_auroc([part.distance for part in good], [part.distance for part in defective], seed=seed),
        pooled=pooled_aurocs(good, defective),
        escapes=evaluation.escapes,
        overkills=evaluation.overkills,
        overkill_at_zero_escapes=evaluation.overkill_at_zero_escapes,
        faults=evaluation.faults,
        per_defect=evaluation.per_defect,
        confusion=confusion_of(judged),
        judgement_ms=float(np.median([part.ms for part in judged])),
    )


def bootstrap_interval(good: Sequence[float], defective: Sequence[float], *, seed: int) -> tuple[float, float]:
    """95 % interval of the AUROC by drawing good and defective parts anew with replacement (Efron, 1979).

    Infinite distances are allowed and tie with each other. It says nothing where no pair is out of order: 1 to 1.
    """
    far, near = np.asarray(defective, dtype=float)[:, np.newaxis], np.asarray(good, dtype=float)
    is_ordered = ((far > near) + 0.5 * (far == near)).astype(np.float32)  # (defective, good)
    random = np.random.default_rng(seed)
    weights = [
        (random.multinomial(count, np.full(count, 1 / count), RESAMPLES) / count).astype(np.float32)
        for count in is_ordered.shape
    ]  # (RESAMPLES, defective), (RESAMPLES, good)
    aurocs = ((weights[0] @ is_ordered) * weights[1]).sum(axis=1)
    low, high = np.quantile(aurocs, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), min(float(high), 1.0)


def pooled_aurocs(good: Sequence[Judged], defective: Sequence[Judged]) -> dict[str, float | None]:
    """AUROC of what needs no network: the map's maximum, its mean, and the mean of its strongest cells."""
    poolings = [_poolings(part) for part in good], [_poolings(part) for part in defective]
    names = ["max", *(f"mean of {count} strongest" for count in POOLED_CELLS), "mean"]
    return {
        name: auroc_of(*([pooled[number] for pooled in group] for group in poolings))
        for number, name in enumerate(names)
    }


def confusion_of(judged: Sequence[Judged]) -> dict[str, dict[str, int]]:
    """Counts by truth, then by what was said; the good parts come first."""
    truths = sorted({part.sample.label for part in judged}, key=lambda label: (label != GOOD, label))
    counts: dict[str, dict[str, int]] = {truth: {} for truth in truths}
    for part in judged:
        said = counts[part.sample.label]
        said[said_of(part)] = said.get(said_of(part), 0) + 1
    return counts


def said_of(part: Judged) -> str:
    """What the station takes a part for: "good", a defect's label, or neither."""
    if part.verdict.outcome is Outcome.FAULT:
        return NOT_JUDGED
    return (part.verdict.nearest_label or UNNAMED) if part.is_rejected else GOOD


def _auroc(good: list[float], defective: list[float], *, seed: int) -> Estimate | None:
    value = auroc_of(good, defective)
    if value is None:
        return None
    return Estimate(value=value, interval=bootstrap_interval(good, defective, seed=seed))


def _poolings(part: Judged) -> npt.NDArray[np.float64]:
    """One score a pooling; infinity where there is no map, as for the distance."""
    if part.cell_map is None:
        return np.full(len(POOLED_CELLS) + 2, np.inf)
    cells = np.sort(part.cell_map.ravel())[::-1].astype(float)
    return np.array([cells[0], *(cells[:count].mean() for count in POOLED_CELLS), cells.mean()])

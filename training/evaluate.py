"""How well a bundle judges pictures whose truth is known: the device's own path, picture by picture."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score

from edge.frame import Frame, Pixels
from edge.inspection import Inspector
from edge.variables import FloatArray
from edge.verdict import Reason, Verdict
from training.calibrate import Rate
from training.dataset import GOOD, LazyFrames, Sample
from training.errors import DataSetError
from training.progress import progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One picture of known truth, and what the station would have said.

    embedding: (128,) float32; cell_map: (rows, columns) uint8; None where the part did not get so far.
    """

    sample: Sample
    verdict: Verdict
    ms: float
    embedding: FloatArray | None = None
    cell_map: Pixels | None = None

    @property
    def is_good(self) -> bool:
        """The truth."""
        return self.sample.label == GOOD

    @property
    def is_rejected(self) -> bool:
        """True for NG and FAULT alike: the part does not pass."""
        return self.verdict.outcome != "OK"

    @property
    def distance(self) -> float:
        """The distance, and infinity where the part could not be judged: it is rejected at any limit."""
        return math.inf if self.verdict.distance is None else self.verdict.distance

    @property
    def reach(self) -> float:
        """The smallest limit at which the part passes; infinity for one that no limit of the distance lets pass."""
        is_always_rejected = self.is_rejected and self.verdict.reason is not Reason.TOO_FAR
        return math.inf if is_always_rejected else self.distance


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Rates over a test set. auroc and overkill_at_zero_escapes are None where one kind of part is missing.

    overkill_at_zero_escapes: good parts rejected if the limit lay just below the nearest defective part's distance.
    per_defect: escapes of each label.
    """

    judged: list[Judged]
    auroc: float | None
    escapes: Rate
    overkills: Rate
    overkill_at_zero_escapes: Rate | None
    faults: int
    per_defect: dict[str, Rate]


def judge_all(inspector: Inspector, samples: Sequence[Sample], frames: Iterable[Frame] | None = None) -> list[Judged]:
    """Every picture through the device's path. frames: one a sample, where they are not just read from its file."""
    judged = []
    shown = LazyFrames(samples) if frames is None else frames
    for sample, frame in progress(zip(samples, shown, strict=True), "judging", total=len(samples)):
        found = inspector.inspect(frame)
        judged.append(
            Judged(
                sample=sample,
                verdict=found.verdict,
                ms=found.times.total_ms,
                embedding=found.embedding,
                cell_map=found.cell_map,
            )
        )
    return judged


def evaluate(judged: list[Judged]) -> Evaluation:
    """The rates over judged pictures. Raises DataSetError when there are none."""
    if not judged:
        raise DataSetError("there are no test pictures: nothing in 'test', and too few parts to keep some apart")
    good = [part for part in judged if part.is_good]
    defective = [part for part in judged if not part.is_good]
    labels = sorted({part.sample.label for part in defective})
    return Evaluation(
        judged=judged,
        auroc=auroc_of([part.distance for part in good], [part.distance for part in defective]),
        escapes=_rate(not part.is_rejected for part in defective),
        overkills=_rate(part.is_rejected for part in good),
        overkill_at_zero_escapes=_overkill_at_zero_escapes(good, defective),
        faults=sum(part.verdict.distance is None for part in judged),
        per_defect={
            label: _rate(not part.is_rejected for part in defective if part.sample.label == label) for label in labels
        },
    )


def auroc_of(good: Sequence[float], defective: Sequence[float]) -> float | None:
    """Share of the pairs in which the defective part is farther than the good one, ties half; None without pairs.

    Infinity stands for a part that could not be judged: farther than any that could.
    """
    if not good or not defective:
        return None
    distances = np.array([*good, *defective], dtype=float)
    finite = distances[np.isfinite(distances)]
    ranked = np.where(np.isfinite(distances), distances, 2 * finite.max(initial=0.0) + 1)
    return float(roc_auc_score([0] * len(good) + [1] * len(defective), ranked))


def as_json(evaluation: Evaluation) -> dict[str, object]:
    """The figures as plain values, for `--json` and metrics.json; rates from 0 to 1."""
    at_zero = evaluation.overkill_at_zero_escapes
    return {
        "auroc": evaluation.auroc,
        "n_ok": evaluation.overkills.trials,
        "n_ng": evaluation.escapes.trials,
        "escapes": _plain(evaluation.escapes),
        "overkills": _plain(evaluation.overkills),
        "overkill_at_zero_escapes": None if at_zero is None else _plain(at_zero),
        "faults": evaluation.faults,
        "per_defect": {label: _plain(rate) for label, rate in evaluation.per_defect.items()},
        "pictures": [
            {
                "file": str(part.sample.path),
                "label": part.sample.label,
                "outcome": str(part.verdict.outcome),
                "reason": str(part.verdict.reason),
                "distance": part.verdict.distance,
                "limit": part.verdict.limit,
                "nearest_label": part.verdict.nearest_label,
            }
            for part in evaluation.judged
        ],
    }


def _plain(rate: Rate) -> dict[str, object]:
    return {"events": rate.events, "trials": rate.trials, "interval_95": list(rate.interval)}


def _rate(events: Iterable[bool]) -> Rate:
    happened = list(events)
    return Rate(events=sum(happened), trials=len(happened))


def _overkill_at_zero_escapes(good: Sequence[Judged], defective: Sequence[Judged]) -> Rate | None:
    if not good or not defective:
        return None
    nearest = min(part.distance for part in defective)
    return _rate(part.distance >= nearest for part in good)

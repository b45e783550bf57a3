"""Two models on the same parts: is the difference real, or the luck of these parts?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import binom, norm

from training.errors import DataSetError
from training.sample_size import CONFIDENCE
from training.study.runs import Run, TestedPart

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Discordance:
    """Parts that one model judges right and the other wrong.

    p: how often chance alone would differ as much if the models were equally good (exact McNemar test, two-sided).
    """

    parts: int
    only_first_right: int
    only_second_right: int
    p: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AurocDifference:
    """second less first, by DeLong, DeLong and Clarke-Pearson (1988). interval: 95 %."""

    first: float
    second: float
    interval: tuple[float, float]
    p: float

    @property
    def difference(self) -> float:
        """Above 0: the second ranks better."""
        return self.second - self.first


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What two runs did with the parts that both were tested on. left_out: of either, parts that the other lacks.

    auroc: None where good or defective parts are missing.
    """

    defective: Discordance
    good: Discordance
    auroc: AurocDifference | None
    left_out: tuple[int, int]


def compare(first: Run, second: Run) -> Comparison:
    """Pair the parts by label and file name. Raises DataSetError where the runs have none in common."""
    ours, theirs = _by_key(first), _by_key(second)
    shared = [key for key in ours if key in theirs]
    if not shared:
        raise DataSetError(f"{first.name} and {second.name} were tested on different parts: there is nothing to pair")
    pairs = [(ours[key], theirs[key]) for key in shared]
    good, defective = [pair for pair in pairs if pair[0].is_good], [pair for pair in pairs if not pair[0].is_good]
    return Comparison(
        defective=_discordance(defective),
        good=_discordance(good),
        auroc=_auroc_difference(good, defective) if good and defective else None,
        left_out=(len(ours) - len(shared), len(theirs) - len(shared)),
    )


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided exact p: under chance either model is the right one in half of the parts on which they differ."""
    differing = only_first + only_second
    return min(1.0, 2 * float(binom.cdf(min(only_first, only_second), differing, 0.5))) if differing else 1.0


def delong(good: Floats, defective: Floats) -> tuple[Floats, Floats]:
    """good: (2, N), defective: (2, M) distances of the same parts by two models → (2,) AUROCs, (2, 2) covariance."""
    wins = (defective[:, :, np.newaxis] > good[:, np.newaxis]) + 0.5 * (
        defective[:, :, np.newaxis] == good[:, np.newaxis]
    )  # (2, M, N)
    of_defective, of_good = wins.mean(axis=2), wins.mean(axis=1)  # (2, M), (2, N)
    covariance = np.cov(of_defective) / defective.shape[1] + np.cov(of_good) / good.shape[1]
    return wins.mean(axis=(1, 2)), covariance


def _by_key(run: Run) -> dict[str, TestedPart]:
    found = {part.key: part for part in run.parts}
    if len(found) < len(run.parts):
        raise DataSetError(f"{run.name}: two test pictures of one label have the same name, and cannot be told apart")
    return found


Pairs = Sequence[tuple[TestedPart, TestedPart]]


def _discordance(pairs: Pairs) -> Discordance:
    only_first = sum(first.is_right and not second.is_right for first, second in pairs)
    only_second = sum(second.is_right and not first.is_right for first, second in pairs)
    p = mcnemar(only_first, only_second)
    return Discordance(parts=len(pairs), only_first_right=only_first, only_second_right=only_second, p=p)


def _auroc_difference(good: Pairs, defective: Pairs) -> AurocDifference | None:
    if min(len(good), len(defective)) < 2:
        return None
    near, far = _distances(good), _distances(defective)
    (first, second), covariance = delong(near, far)
    spread = math.sqrt(max(0.0, covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]))
    reach = float(norm.ppf((1 + CONFIDENCE) / 2)) * spread
    change = float(second - first)
    p = 2 * float(norm.sf(abs(change) / spread)) if spread > 1e-12 else float(change == 0)
    interval = (change - reach, change + reach)
    return AurocDifference(first=float(first), second=float(second), interval=interval, p=p)


def _distances(pairs: Pairs) -> Floats:
    """(2, N), a row a model."""
    return np.array([[pair[model].distance for pair in pairs] for model in (0, 1)])

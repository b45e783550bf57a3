"""The Mahalanobis distance of a cell's variables, which the learned cell function took the place of; for comparison.

Every cell has its own mean and covariance over the good parts, shrunk towards the diagonal, more so the fewer parts
there are. D² of a part is taken per variable, as a logarithm, and standardised in every cell by good parts that it had
not seen.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.preprocess import scaled, with_neighbourhood
from edge.variables import FloatArray
from training.cells import centre_and_scale
from training.unit_space import folds_of

SHRINKAGE = 0.1
COMMON_SHARE = 0.1  # of what is shrunk towards: a cell that never varied borrows from all cells' mean variance
VARIANCE_FLOOR = 1e-8
SMALLEST_DEVIATION = 0.05  # of log D²: keeps a cell that happened to be quiet from shouting
PRIOR_PARTS = 10  # how many parts the deviation of all cells together counts for in one cell's


@dataclass(frozen=True, slots=True, kw_only=True)
class MahalanobisFunction:
    """Stands where a `CellFunction` does. mean: (cells, V). whitening: (cells, V, V), the inverse Cholesky factor of
    each covariance. middle, deviation: (cells,) of log D² over good parts."""

    centre: FloatArray
    scale: FloatArray
    sees_neighbourhood: bool
    mean: FloatArray
    whitening: FloatArray
    middle: FloatArray
    deviation: FloatArray

    def of(self, variables: FloatArray) -> FloatArray:
        """(rows, columns, V) → (cells,) standard deviations of log D² from the good parts' mean."""
        cells = _cells(variables, self.centre, self.scale, sees_neighbourhood=self.sees_neighbourhood)
        return np.asarray((_log_squared(cells, self.mean, self.whitening) - self.middle) / self.deviation, np.float32)


def learn_mahalanobis(good: npt.NDArray[np.float16], *, sees_neighbourhood: bool) -> MahalanobisFunction:
    """The distance from good parts (N, rows, columns, V), measured by references that had not seen them.

    sees_neighbourhood: with the means over each cell's neighbourhood as further variables.
    """
    centre, scale = centre_and_scale(good)
    cells = np.stack(
        [_cells(part.astype(np.float32), centre, scale, sees_neighbourhood=sees_neighbourhood) for part in good]
    )
    unseen = np.empty(cells.shape[:2], np.float32)
    for left_out in folds_of([str(number) for number in range(len(cells))]):
        fitted = _mean_and_whitening(np.delete(cells, left_out, axis=0))
        unseen[left_out] = [_log_squared(part, *fitted) for part in cells[left_out]]
    parts, variance = len(unseen), unseen.var(axis=0)
    pooled = (parts * variance + PRIOR_PARTS * variance.mean()) / (parts + PRIOR_PARTS)
    mean, whitening = _mean_and_whitening(cells)
    return MahalanobisFunction(
        centre=centre,
        scale=scale,
        sees_neighbourhood=sees_neighbourhood,
        mean=mean,
        whitening=whitening,
        middle=unseen.mean(axis=0),
        deviation=np.asarray(np.sqrt(pooled) + SMALLEST_DEVIATION, dtype=np.float32),
    )


def _cells(variables: FloatArray, centre: FloatArray, scale: FloatArray, *, sees_neighbourhood: bool) -> FloatArray:
    """(rows, columns, V) → (cells, V or 2V)."""
    comparable = scaled(variables, centre, scale)
    return with_neighbourhood(comparable) if sees_neighbourhood else comparable.reshape(-1, comparable.shape[2])


def _log_squared(cells: FloatArray, mean: FloatArray, whitening: FloatArray) -> FloatArray:
    """(cells, V) → log of D² per variable, (cells,)."""
    white = np.matmul(whitening, (cells - mean)[:, :, np.newaxis])[:, :, 0]  # (cells, V)
    return np.asarray(np.log(np.square(white).mean(axis=1) + 1e-6), dtype=np.float32)


def _mean_and_whitening(cells: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(N, cells, V) → (cells, V), (cells, V, V)."""
    parts, _, size = cells.shape
    mean = cells.mean(axis=0)
    centred = np.ascontiguousarray((cells - mean).transpose(1, 0, 2))  # (cells, N, V)
    covariance = np.matmul(centred.transpose(0, 2, 1), centred).astype(np.float64) / max(parts - 1, 1)
    diagonal = np.einsum("cvv->cv", covariance)
    target = (1 - COMMON_SHARE) * diagonal + COMMON_SHARE * diagonal.mean(axis=0) + VARIANCE_FLOOR
    kept = (1 - SHRINKAGE) * parts / (parts + size / 4)
    covariance *= kept
    steps = np.arange(size)
    covariance[:, steps, steps] += (1 - kept) * target
    return mean, np.linalg.inv(np.linalg.cholesky(covariance)).astype(np.float32)

"""Good parts in their place become references: their picture, the channel means and every cell's unit space."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from edge.frame import Pixels
from edge.preprocess import CellStatistics, FloatArray, Light, References, channels_of
from edge.settings import MapSettings

FOLDS = 5
VARIANCE_FLOOR = 1e-8
NEIGHBOUR_SHARE = 0.1  # of the shrinkage target: a cell that never varied borrows from the picture's mean variance
SMALLEST_DEVIATION = 0.05  # of log D²: keeps a cell that happened to be quiet from shouting
PRIOR_PARTS = 10  # how many parts the deviation of all cells together counts for in one cell's


def median_picture(pictures: Sequence[Pixels]) -> Pixels:
    """Median of working pictures, pixel by pixel, uint8."""
    return np.asarray(np.median(np.stack(pictures), axis=0), dtype=np.uint8)


def unit_space(pictures: Sequence[Pixels], settings: MapSettings, picture: Pixels) -> References:
    """References from good working pictures; the standardisation of log D² is left at zero and one."""
    light = Light(picture)
    total = np.zeros((*picture.shape[:2], len(settings.channels)))
    for good in pictures:
        total += channels_of(good, settings.channels, gain=1.0 / light.gain(good))
    channels = (total / len(pictures)).astype(np.float32)
    statistics = CellStatistics(channels, picture, settings)
    variables = np.stack([statistics.of(good) for good in pictures])  # (N, cells, V)
    mean, whitening = mean_and_whitening(variables, shrinkage=settings.shrinkage)
    return References(
        picture=picture,
        channels=channels,
        cell_mean=mean,
        cell_whitening=whitening,
        log_mean=np.zeros(len(mean), np.float32),
        log_deviation=np.ones(len(mean), np.float32),
    )


def mean_and_whitening(variables: FloatArray, *, shrinkage: float) -> tuple[FloatArray, FloatArray]:
    """(N, cells, V) → mean (cells, V) and whitening (cells, V, V), the inverse Cholesky factor of each covariance.

    The covariance is shrunk towards its diagonal, more so the fewer parts there are for the number of variables.
    """
    parts, _, size = variables.shape
    mean = variables.mean(axis=0)
    centred = variables - mean
    covariance = np.einsum("ncv,ncw->cvw", centred, centred, optimize=True).astype(np.float64) / max(parts - 1, 1)
    diagonal = np.einsum("cvv->cv", covariance)
    target = (1 - NEIGHBOUR_SHARE) * diagonal + NEIGHBOUR_SHARE * diagonal.mean(axis=0) + VARIANCE_FLOOR
    kept = (1 - shrinkage) * parts / (parts + size / 4)
    covariance *= kept
    steps = np.arange(size)
    covariance[:, steps, steps] += (1 - kept) * target
    whitening = np.linalg.inv(np.linalg.cholesky(covariance))
    return mean.astype(np.float32), whitening.astype(np.float32)


def folds_of(count: int) -> Iterator[npt.NDArray[np.intp]]:
    """The numbers of the parts that each fold leaves out."""
    for fold in range(min(FOLDS, count)):
        yield np.arange(fold, count, min(FOLDS, count))


def standardised(references: References, unseen_log_distances: FloatArray) -> References:
    """References whose cells are standardised by good parts that the statistics had not seen: (N, cells)."""
    parts = len(unseen_log_distances)
    variance = unseen_log_distances.var(axis=0)
    pooled = (parts * variance + PRIOR_PARTS * variance.mean()) / (parts + PRIOR_PARTS)
    return replace(
        references,
        log_mean=unseen_log_distances.mean(axis=0).astype(np.float32),
        log_deviation=(np.sqrt(pooled) + SMALLEST_DEVIATION).astype(np.float32),
    )

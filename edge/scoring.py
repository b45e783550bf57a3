"""From an embedding to distances: how far from the good parts, and which defect is nearest."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
import numpy.typing as npt

from edge.errors import ModelError
from edge.frame import Pixels

HIGHER_ORDER = 4  # of Metric.HIGHER
AROUND_CELLS = 3.0  # what counts as around a cell, a standard deviation

FloatArray = npt.NDArray[np.float32]
Distances = npt.NDArray[np.float64]


class Metric(StrEnum):
    """How the distance of an embedding from the good parts' centroid is measured.

    euclidean: the usual one. mahalanobis: by how much good parts spread in each direction. cosine: by direction alone.
    higher: Minkowski's of fourth order, in which a few large differences count for more than many small ones.
    """

    EUCLIDEAN = "euclidean"
    MAHALANOBIS = "mahalanobis"
    COSINE = "cosine"
    HIGHER = "higher"


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What the judgement rests on.

    distance: from the embedding to the good-part centroid, as the model measures it. nearest_label: of the defect whose
    centroid lies in the same direction, seen from the good parts, None without labels. map_mean: mean of the map, 8 bit
    levels. strongest_cell: (row, column), as of `strongest_cell`.
    """

    distance: float
    nearest_label: str | None
    map_mean: float
    strongest_cell: tuple[int, int]


class Scorer:
    """Measures embeddings against one model's centroids."""

    def __init__(
        self,
        *,
        good_centroid: FloatArray,
        defect_centroids: FloatArray,
        labels: Sequence[str],
        metric: Metric = Metric.EUCLIDEAN,
        whitening: FloatArray | None = None,
    ) -> None:
        """good_centroid: (D,). defect_centroids: (L, D), one a label, L may be 0. metric, whitening: of `distances`."""
        self._good = good_centroid
        self._metric = metric
        self._whitening = None if whitening is None else whitening.astype(np.float64)
        self._directions = directions_of(defect_centroids - good_centroid)
        self._labels = tuple(labels)

    def score(self, embedding: FloatArray, cell_map: Pixels) -> Score:
        """embedding: (D,) float32. cell_map: (rows, columns) uint8. Raises ModelError for another shape."""
        if embedding.shape != self._good.shape:
            raise ModelError(f"the network gave {embedding.shape}, the centroids are {self._good.shape}")
        return Score(
            distance=float(self.distances(embedding[np.newaxis])[0]),
            nearest_label=self._nearest(embedding),
            map_mean=float(cell_map.mean()),
            strongest_cell=strongest_cell(cell_map),
        )

    def score_many(self, embeddings: FloatArray, cell_maps: Pixels) -> list[Score]:
        """embeddings: (N, D) float32. cell_maps: (N, rows, columns) uint8. Each as `score` gives it."""
        distances = self.distances(embeddings)
        towards = (embeddings - self._good) @ self._directions.T  # (N, L)
        nearest = towards.argmax(axis=1) if self._labels else np.zeros(len(embeddings), np.intp)
        means = cell_maps.mean(axis=(1, 2))
        return [
            Score(
                distance=float(distance),
                nearest_label=self._labels[label] if self._labels else None,
                map_mean=float(mean),
                strongest_cell=strongest_cell(cell_map),
            )
            for distance, label, mean, cell_map in zip(distances, nearest, means, cell_maps, strict=True)
        ]

    def distances(self, embeddings: FloatArray) -> Distances:
        """(N, D) float32 → (N,) distances from the good parts' centroid."""
        return distances(embeddings, self._good, metric=self._metric, whitening=self._whitening)

    def _nearest(self, embedding: FloatArray) -> str | None:
        if not self._labels or not np.isfinite(embedding).all():
            return None
        return self._labels[int(np.argmax(self._directions @ (embedding - self._good)))]


def strongest_cell(cell_map: Pixels) -> tuple[int, int]:
    """(row, column) of the largest value of a map (rows, columns) uint8.

    Maps end at 255, so that a large defect has several of these: the one with the most around it is its middle.
    """
    found = cell_map.argmax()
    is_strongest = cell_map == cell_map.flat[found]
    if np.count_nonzero(is_strongest) > 1:
        around = cv2.GaussianBlur(cell_map.astype(np.float32), (0, 0), AROUND_CELLS, borderType=cv2.BORDER_CONSTANT)
        found = np.where(is_strongest, around, -1).argmax()
    row, column = divmod(int(found), cell_map.shape[1])
    return row, column


def directions_of(vectors: FloatArray) -> FloatArray:
    """(L, D) → (L, D) of length one; zero stays zero. A faint and a strong defect of one kind differ in length only."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, np.finfo(np.float32).tiny), dtype=np.float32)


def distances(
    embeddings: FloatArray, good: FloatArray, *, metric: Metric, whitening: npt.NDArray[np.floating] | None = None
) -> Distances:
    """(N, D), (D,) → (N,) distances from the good parts' centroid; what is no number gives none.

    whitening: (D, D), for Mahalanobis alone: a root of the inverse of the good parts' covariance.
    """
    if metric is Metric.EUCLIDEAN:
        return np.asarray(np.sqrt(squared_distances(good, embeddings)))
    at, middle = embeddings.astype(np.float64), good.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        if metric is Metric.HIGHER:
            return np.asarray((np.abs(at - middle) ** HIGHER_ORDER).sum(axis=1) ** (1 / HIGHER_ORDER))
        if metric is Metric.COSINE:
            lengths = np.maximum(np.linalg.norm(at, axis=1) * np.linalg.norm(middle), np.finfo(np.float64).tiny)
            return np.asarray(np.maximum(1 - at @ middle / lengths, 0))
        if whitening is None:
            raise ValueError("the Mahalanobis distance needs the good parts' spread")
        return np.asarray(np.sqrt(np.square((at - middle) @ whitening.T).sum(axis=1)))


def squared_distances(embedding: FloatArray, centroids: FloatArray) -> npt.NDArray[np.float64]:
    """Squared Euclidean distances from (D,) to each of (L, D): (L,) float64."""
    return np.asarray(np.square(centroids.astype(np.float64) - embedding).sum(axis=1))

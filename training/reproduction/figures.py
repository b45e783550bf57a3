"""What the documents looked at, measured on embeddings of parts that were not learned from."""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA

from training.documents.simple import Floats
from training.evaluate import auroc_of
from training.reproduction.data import GOOD, Parts

PASSING = 0.95  # of the good parts that were held out to set the limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Shares from 0 to 1.

    auroc: OK against NG by Euclidean distance to the good parts' mean; mahalanobis: by the shrunk one (Ledoit and Wolf,
    2004) of the good parts; cosine: by the angle from it. right: OK against NG at the limit that 95 % of held-out good
    parts pass. named: nearest class mean is the right one, of 19. explained: variance in the two main directions.
    directions: bent parts whose nearest learned bent part in these two leans alike, of four; by chance a quarter.
    """

    auroc: float
    mahalanobis: float
    cosine: float
    right: float
    named: float
    explained: float
    directions: float


NAMES = tuple(field.name for field in fields(Figures))


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """Parts with their embeddings, (N, D)."""

    parts: Parts
    at: Floats

    @property
    def good(self) -> Floats:
        """(M, D) of the good ones."""
        return np.asarray(self.at[self.parts.labels == GOOD])


def figures_of(taught: Embedded, held_out: Embedded, tested: Embedded) -> Figures:
    """taught: what was learned from. held_out: good parts that set the limit. tested: what all is measured on."""
    centre = taught.good.mean(axis=0)
    is_good = tested.parts.labels == GOOD
    distances = np.linalg.norm(tested.at - centre, axis=1)
    limit = float(np.quantile(np.linalg.norm(held_out.good - centre, axis=1), PASSING))
    means = np.stack([taught.at[taught.parts.labels == label].mean(axis=0) for label in np.unique(taught.parts.labels)])
    away = np.linalg.norm(tested.at[:, np.newaxis] - means, axis=2)  # (N, labels)
    flat = PCA(n_components=2, svd_solver="full").fit(taught.at)
    return Figures(
        auroc=_auroc(distances, is_good),
        mahalanobis=_auroc(LedoitWolf().fit(taught.good).mahalanobis(tested.at), is_good),
        cosine=_auroc(-(tested.at @ centre) / np.maximum(np.linalg.norm(tested.at, axis=1), 1e-12), is_good),
        right=float(((distances <= limit) == is_good).mean()),
        named=float((away.argmin(axis=1) == tested.parts.labels).mean()),
        explained=float(flat.explained_variance_ratio_.sum()),
        directions=_directions(flat.transform(taught.at), taught.parts, flat.transform(tested.at), tested.parts),
    )


def _auroc(distances: npt.NDArray[np.floating], is_good: npt.NDArray[np.bool_]) -> float:
    found = auroc_of([float(one) for one in distances[is_good]], [float(one) for one in distances[~is_good]])
    assert found is not None  # there are good and bent parts
    return found


def _directions(taught_at: Floats, taught: Parts, tested_at: Floats, tested: Parts) -> float:
    known, asked = taught.labels != GOOD, tested.labels != GOOD
    away = np.linalg.norm(tested_at[asked][:, np.newaxis] - taught_at[known], axis=2)
    return float((taught.directions[known][away.argmin(axis=1)] == tested.directions[asked]).mean())
